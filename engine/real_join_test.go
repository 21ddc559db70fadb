package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/engine/oci"
	"berth/engine/spec"
)

// namespaceIn is which namespace of a kind a process is in.
func namespaceIn(t *testing.T, pid int, kind string) string {
	t.Helper()
	link, err := os.Readlink(filepath.Join("/proc", fmt.Sprint(pid), "ns", kind))
	if err != nil {
		t.Fatal(err)
	}
	return link
}

func TestAContainerLivesInTheNamespacesOfAnother(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	first := handPod("host", "sleep", "1000")
	st := start(t, e, first)
	inside(t, e, first.ID, "echo shared > /dev/shm/x")
	ref := &spec.ContainerRef{Pod: first.ID, Name: "c"}
	join := spec.Join{Container: ref}
	second := handPod("guest", "sleep", "1000")
	second.Networks = nil
	second.Join = spec.Joins{Net: join, IPC: join, PID: join, UTS: join}
	guest := start(t, e, second)
	for _, kind := range []string{"net", "ipc", "pid", "uts"} {
		if a, b := namespaceIn(t, st.Containers[0].Pid, kind), namespaceIn(t, guest.Containers[0].Pid, kind); a != b {
			t.Errorf("%s: %s and %s", kind, a, b)
		}
	}
	if a, b := namespaceIn(t, st.Containers[0].Pid, "mnt"), namespaceIn(t, guest.Containers[0].Pid, "mnt"); a == b {
		t.Error("they share their mounts")
	}
	got := inside(t, e, second.ID, "cat /dev/shm/x; hostname; cat /etc/hosts")
	if !strings.HasPrefix(got, "shared\nhost\n") || !strings.Contains(got, st.IPs[0]+"\thost\n") {
		t.Errorf("inside %q", got)
	}
	if guest.Sandbox != spec.SandboxReady {
		t.Errorf("its sandbox is %s", guest.Sandbox)
	}
	if err := e.StopContainer(ctx, second.ID, "c", 0); err != nil {
		t.Fatal(err)
	}
	if err := e.StopContainer(ctx, first.ID, "c", 0); err != nil {
		t.Fatal(err)
	}
	if err := e.StartContainer(ctx, second.ID, "c"); !errors.Is(err, oci.ErrNotRunning) {
		t.Errorf("joined what does not run: %v", err)
	}
}

func TestAContainerLivesInANamespaceOfAPath(t *testing.T) {
	e := realEngine(t)
	first := handPod("host", "sleep", "1000")
	start(t, e, first)
	second := handPod("guest", "sleep", "1000")
	second.Networks = nil
	second.Join.Net.Path = e.Paths().Netns(first.ID)
	second.Join.UTS.Host = true
	guest := start(t, e, second)
	if namespaceIn(t, guest.Containers[0].Pid, "uts") != namespaceIn(t, os.Getpid(), "uts") {
		t.Error("it has another hostname than the host")
	}
	third := handPod("lost", "sleep", "1000")
	third.Networks = nil
	third.Join.Net.Path = "/etc/hosts"
	refused(t, e, third, spec.ErrConfig)
}

func TestContainersOfAPodMadeByHandShareWhatItSays(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	pod := busyboxPod("house")
	pod.Containers, pod.ByHand, pod.PlainNames, pod.Owner = nil, true, true, spec.OwnerRun
	pod.Own.IPC, pod.SharePID, pod.Hostname = true, true, "house"
	unlock, err := e.Lock(ctx, pod.Key())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	defer func() {
		if err := e.RemovePod(ctx, pod.ID, 0); err != nil {
			t.Error(err)
		}
	}()
	if err := e.EnsurePod(ctx, pod, nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		c := handPod(name, "sleep", "1000").Containers[0]
		c.Name = name
		if name == "b" {
			c.ByHand.Namespaces.UTS.Private = true
			c.ByHand.Hostname = "mine"
		}
		if err := errors.Join(e.AddContainer(ctx, pod.ID, c, nil, false), e.StartContainer(ctx, pod.ID, name)); err != nil {
			t.Fatal(err)
		}
	}
	st, err := e.ObservePod(ctx, pod.ID)
	if err != nil {
		t.Fatal(err)
	}
	a, b := st.Containers[0].Pid, st.Containers[1].Pid
	for kind, same := range map[string]bool{"net": true, "pid": true, "ipc": false, "uts": false} {
		if (namespaceIn(t, a, kind) == namespaceIn(t, b, kind)) != same {
			t.Errorf("%s: %s and %s", kind, namespaceIn(t, a, kind), namespaceIn(t, b, kind))
		}
	}
}

func TestWhatAContainerMadeByHandCannotBeIsRefused(t *testing.T) {
	e := realEngine(t)
	for name, change := range map[string]func(*spec.Pod){
		"two containers":        func(p *spec.Pod) { p.Containers = append(p.Containers, spec.Container{Name: "d"}) },
		"no ID":                 func(p *spec.Pod) { p.Containers[0].ByHand.ID = "" },
		"limits of all devices": func(p *spec.Pod) { p.Tuning.BlkioWeight = 5 },
		"two networks' ways":    func(p *spec.Pod) { p.HostNet = true },
		"a mapped root":         func(p *spec.Pod) { p.Containers[0].ByHand.Rootfs = &spec.Rootfs{Path: "/x", IDMap: &spec.IDMaps{}} },
		"a network each":        func(p *spec.Pod) { p.Own.Net = true },
		"ports nobody holds": func(p *spec.Pod) {
			p.Bare, p.ByHand, p.Infra, p.Ports = false, true, &spec.Infra{None: true}, []spec.PortMapping{{}}
		},
		"a parent above all":  func(p *spec.Pod) { p.Cgroup.Parent = "/../.." },
		"a time zone":         func(p *spec.Pod) { p.Containers[0].ByHand.Timezone = "../../etc/passwd" },
		"a descriptor":        func(p *spec.Pod) { p.Containers[0].ByHand.Preserve = []int{1} },
		"an init that is not": func(p *spec.Pod) { p.Containers[0].ByHand.Init, p.Containers[0].ByHand.InitPath = true, "/etc" },
		"the host's own root": func(p *spec.Pod) { p.Containers[0].ByHand.Rootfs = &spec.Rootfs{Path: "/"} },
	} {
		t.Run(name, func(t *testing.T) {
			pod := handPod("refused", "sleep", "1000")
			change(pod)
			if err := e.CheckPod(context.Background(), pod); err == nil {
				refused(t, e, pod, spec.ErrConfig)
			} else if !errors.Is(err, spec.ErrConfig) {
				t.Errorf("err %v", err)
			}
		})
	}
}
