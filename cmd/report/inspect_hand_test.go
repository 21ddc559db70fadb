package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/engine"
	"berth/engine/oci"
	"berth/engine/spec"
)

// handShop is a pod made by hand, with a container that shares its namespaces and one
// that has a network of its own.
func handShop() *spec.PodStatus {
	p := shop()
	alone := spec.Container{Name: "alone", ByHand: &spec.ByHand{ID: containerID("6d"), Namespaces: spec.Joins{Net: spec.Join{Private: true}, UTS: spec.Join{Private: true}}}}
	p.Pod.ByHand, p.Pod.CreateCommand = true, []string{"berth", "pod", "create", "shop"}
	p.Pod.Containers = []spec.Container{{Name: "web", ByHand: &spec.ByHand{ID: containerID("3d")}}, alone}
	p.Containers = append(p.Containers, spec.ContainerStatus{ID: containerID("6d"), Name: "alone", State: spec.StateRunning})
	return &p
}

func TestInspectSaysWhatContainersShare(t *testing.T) {
	p := handShop()
	infra := "container:" + string(p.Infra.ID)
	type modes struct{ Net, IPC, PID, UTS, Hostname string }
	of := func(r ContainerInspect) modes {
		h := r.HostConfig
		return modes{h.NetworkMode, h.IpcMode, h.PidMode, h.UTSMode, r.Config.Hostname}
	}
	for name, test := range map[string]struct {
		got  ContainerInspect
		want modes
	}{
		"a container of the pod": {InspectContainer(p, p.Containers[1]), modes{infra, infra, "private", infra, "shop"}},
		"one apart":              {InspectContainer(p, p.Containers[2]), modes{"none", infra, "private", "private", containerID("6d").Short()}},
		"the infra container":    {InspectContainer(p, p.Infra), modes{"bridge", "shareable", "private", "private", "shop"}},
	} {
		if diff := cmp.Diff(test.want, of(test.got)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	apart := InspectContainer(p, p.Containers[2])
	if n := apart.NetworkSettings; len(n.Networks) > 0 || len(n.Ports) > 0 || n.IPAddress != "" || len(apart.HostConfig.PortBindings) > 0 {
		t.Errorf("one apart has the pod's network: %+v", n)
	}
	p.Infra = spec.ContainerStatus{} // not started yet
	if got, want := InspectContainer(p, p.Containers[1]).HostConfig.IpcMode, "container:"+p.Pod.InfraName(); got != want {
		t.Errorf("before the start: %q, want %q", got, want)
	}
}

func TestInspectSaysWhatTheRuntimeWasGiven(t *testing.T) {
	p := handShop()
	p.Pod.Containers[0].ByHand.Devices = []spec.Device{{Host: "/dev/fuse", Path: "/dev/fuse"}}
	r := InspectContainer(p, p.Containers[1])
	r.Describe(engine.Description{Given: &oci.Given{
		Path: "/run/b/config.json", PidFile: "/run/b/pidfile", ConmonPidFile: "/run/b/conmon.pid", HostCgroups: true, Pids: 2048, Swap: 64 << 20,
		Env: []string{"PASSWORD=secret", "HOME=/root", "container=podman"}, Rlimits: []oci.GivenLimit{{Name: "RLIMIT_NOFILE", Soft: 1, Hard: 2}},
	}})
	h := r.HostConfig
	if diff := cmp.Diff([]string{"HOME=/root", "container=podman"}, r.Config.Env); diff != "" {
		t.Errorf("env:\n%s", diff)
	}
	if r.PidFile != "/run/b/pidfile" || r.ConmonPidFile != "/run/b/conmon.pid" || r.StaticDir != "/run/b" {
		t.Errorf("files %q, %q, %q", r.PidFile, r.ConmonPidFile, r.StaticDir)
	}
	if h.CgroupMode != "host" || h.PidsLimit != 2048 || h.MemorySwap != 64<<20 || len(h.Devices) != 1 {
		t.Errorf("cgroups %q, processes %d, swap %d, devices %v", h.CgroupMode, h.PidsLimit, h.MemorySwap, h.Devices)
	}
	if diff := cmp.Diff([]Ulimit{{"RLIMIT_NOFILE", 1, 2}}, h.Ulimits); diff != "" {
		t.Errorf("limits:\n%s", diff)
	}
}

func TestInspectSaysHowAPodWasMade(t *testing.T) {
	p := handShop()
	p.Pod.Limits = spec.Resources{CPULimit: 500, CPUSet: "0", MemoryLimit: 64 << 20}
	p.Pod.RestartPolicy, p.Pod.ShareCgroup, p.Pod.Cgroup.Apart, p.Pod.Join.UTS.Host = spec.RestartAlways, true, true, true
	p.Pod.Inherit = &spec.Inherited{
		Mounts: []spec.Mount{{Volume: "v", Path: "/v"}}, Volumes: []spec.Volume{{Name: "v", Named: &spec.NamedVolume{Volume: "data"}}},
		Security: spec.Security{NoNewPrivileges: true},
		ByHand:   spec.ByHand{UnlessStopped: true, Label: []string{"disable"}, Devices: []spec.Device{{Host: "/dev/fuse", Path: "/dev/f"}}},
	}
	r := InspectPod(p)
	r.Locate(func(volume string) string { return "/volumes/" + volume })
	if diff := cmp.Diff([]any{
		[]string{"berth", "pod", "create", "shop"}, uint64(100000), int64(50000), "0", int64(64 << 20), int64(128 << 20), "unless-stopped", false, "host",
		[]string{"ipc", "net", "uts", "cgroup"}, []string{"no-new-privileges", "label=disable"}, []Device{{"/dev/fuse", "/dev/f", ""}}, "/volumes/data",
	}, []any{
		r.CreateCommand, r.CPUPeriod, r.CPUQuota, r.CPUSetCPUs, r.MemoryLimit, r.MemorySwap, r.RestartPolicy, r.CreateCgroup, r.InfraConfig.UtsNS,
		r.SharedNamespaces, r.SecurityOpts, r.Devices, r.Mounts[0].Source,
	}); diff != "" {
		t.Error(diff)
	}
	p.Pod.Infra = &spec.Infra{None: true}
	if r := InspectPod(p); r.InfraConfig != nil || len(r.SharedNamespaces) > 0 {
		t.Errorf("without an infra container: %+v, %v", r.InfraConfig, r.SharedNamespaces)
	}
}
