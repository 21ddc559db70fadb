package oci

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/engine/spec"
)

// What a pod sets is there in what a container shares with it. What it has of its own
// is new, and what is the host's stays as it is.
func TestParametersOfAddedContainers(t *testing.T) {
	asked := map[string]string{"net.core.somaxconn": "5", "kernel.shmmax": "6"}
	for name, test := range map[string]struct {
		n    Namespaces
		want map[string]string
	}{
		"all of the pod's":         {Namespaces{Net: "/run/netns", IPC: "/proc/1/ns/ipc"}, nil},
		"the host's network":       {Namespaces{Net: HostNamespace, IPC: "/proc/1/ns/ipc"}, nil},
		"a network of its own":     {Namespaces{IPC: "/proc/1/ns/ipc"}, map[string]string{"net.core.somaxconn": "5"}},
		"shared memory of its own": {Namespaces{Net: "/run/netns"}, map[string]string{"kernel.shmmax": "6"}},
	} {
		in := handInput(t)
		in.Pod.Bare, in.Pod.ByHand, in.Pod.Sysctls, in.Namespaces = false, true, asked, test.n
		s, err := BuildSpec(in)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(test.want, s.Linux.Sysctl); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestHostnamesOfAddedContainers(t *testing.T) {
	id := strings.Repeat("cd", 32)[:12]
	for name, test := range map[string]struct {
		change func(*spec.Pod, *spec.ByHand)
		want   string
	}{
		"the pod's":                   {func(*spec.Pod, *spec.ByHand) {}, "shop"},
		"its ID, apart":               {func(_ *spec.Pod, h *spec.ByHand) { h.Namespaces.UTS.Private = true }, id},
		"its ID, in a pod of nothing": {func(p *spec.Pod, _ *spec.ByHand) { p.Own.UTS = true }, id},
		"as asked":                    {func(p *spec.Pod, h *spec.ByHand) { p.Own.UTS, h.Hostname = true, "mine" }, "mine"},
		"the host's":                  {func(_ *spec.Pod, h *spec.ByHand) { h.Namespaces.UTS.Host = true }, ""},
	} {
		in := handInput(t)
		in.Pod.Bare, in.Pod.ByHand, in.Pod.Hostname = false, true, "shop"
		test.change(in.Pod, in.Container.ByHand)
		if got := Hostname(in.Pod, in.Container); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// The network that a pod joins is its containers' as well.
func TestContainersShareAJoinedNetwork(t *testing.T) {
	pod := &spec.Pod{ByHand: true, Join: spec.Joins{Net: spec.Join{Path: "/proc/1/ns/net"}}}
	if n := ContainerNamespaces(pod, "", Process{Pid: 7}); n.Net != "/proc/7/ns/net" {
		t.Errorf("network %q", n.Net)
	}
	pod.Own.Net = true
	if n := ContainerNamespaces(pod, "", Process{Pid: 7}); n.Net != "" {
		t.Errorf("network of its own: %q", n.Net)
	}
}

func TestTheInfraContainersUserIsMapped(t *testing.T) {
	for size, want := range map[uint32]uint32{1000: 0, 65536: 65535} {
		in := handInput(t)
		mapped := []spec.IDMap{{Host: 100000, Size: size}}
		in.Pod.Bare, in.Pod.Users = false, &spec.UserNamespace{UIDs: mapped, GIDs: mapped}
		s, err := BuildInfra(InfraInput{Pod: in.Pod, Rootfs: InfraRootfs{Path: in.Rootfs, Args: []string{"/pause"}}, Host: in.Host})
		if err != nil {
			t.Fatal(err)
		}
		if s.Process.User.UID != want || s.Process.User.GID != want {
			t.Errorf("of %d users it is %d:%d, want %d", size, s.Process.User.UID, s.Process.User.GID, want)
		}
	}
}
