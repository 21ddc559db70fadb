package oci

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/engine/spec"
)

// Limits are read back from the cgroup the runtime made.
func TestRealLimits(t *testing.T) {
	g := newRig(t)
	res := spec.Resources{CPURequest: 500, CPULimit: 1500, MemoryLimit: 64 << 20, PidsLimit: 50, CPUSet: "0"}
	if g.host.Cgroups.Unified {
		t.Run("refused without the controllers", func(t *testing.T) { limitsRefused(t, g, res) })
		return
	}
	c := sh("a", "echo ready; sleep 1000")
	c.Resources = res
	k := g.mustStart(c)
	folder := cgroupFolder(k.CgroupPath)
	for file, want := range map[string]string{
		"memory/memory.limit_in_bytes": "67108864",
		"cpu/cpu.shares":               "512",
		"cpu/cpu.cfs_quota_us":         "150000",
		"cpu/cpu.cfs_period_us":        "100000",
		"pids/pids.max":                "50",
		"cpuset/cpuset.cpus":           "0",
	} {
		controller, name, _ := strings.Cut(file, "/")
		mount, ok := g.host.Cgroups.Mounts[controller]
		if !ok {
			t.Errorf("no controller %s", controller)
			continue
		}
		data, err := os.ReadFile(filepath.Join(mount, folder, name))
		if err != nil || strings.TrimSpace(string(data)) != want {
			t.Errorf("%s = %q, %v; want %s", file, data, err, want)
		}
	}
}

func limitsRefused(t *testing.T, g *rig, res spec.Resources) {
	if len(g.host.Cgroups.Names) > 0 {
		t.Skipf("this v2 tree has controllers: %v", g.host.Cgroups.Names)
	}
	err := g.CheckLimits(res)
	for _, want := range []string{"memory", "cgroup_enable=memory", "pids", "cpuset", "cpu", "cgroup.subtree_control"} {
		if err == nil || !errors.Is(err, spec.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("err %v lacks %q", err, want)
		}
	}
	c := sh("a", "true")
	c.Resources = res
	if _, err := BuildSpec(g.input(c, spec.NewContainerID())); !errors.Is(err, spec.ErrConfig) {
		t.Errorf("BuildSpec: %v", err)
	}
	g.pod.AllowUnenforcedLimits = true
	if s := g.mustStart(c).wait(); s.ExitCode != 0 {
		t.Errorf("%+v", s)
	}
}

func TestRealOOMKill(t *testing.T) {
	g := newRig(t)
	if !g.host.Cgroups.Has("memory") {
		t.Skip("no memory controller on this host")
	}
	c := sh("a", "exec tail /dev/zero")
	c.Resources.MemoryLimit = 32 << 20
	k := g.mustStart(c)
	if s := k.wait(); s.ExitCode != 137 || !s.OOMKilled {
		t.Errorf("%+v", s)
	}
	// One that is killed otherwise is not.
	k = g.mustStart(sh("b", "kill -9 $$; true"))
	if s := k.wait(); s.OOMKilled {
		t.Errorf("%+v", s)
	}
}

func TestRealPause(t *testing.T) {
	g := newRig(t)
	k := g.mustStart(sh("a", "sleep 1000"))
	ctx := context.Background()
	if err := g.Pause(ctx, k.Container); err != nil {
		t.Fatal(err)
	}
	if s := k.state(); s.State != spec.StatePaused {
		t.Errorf("%+v", s)
	}
	if err := g.Unpause(ctx, k.Container); err != nil {
		t.Fatal(err)
	}
	if s := k.state(); s.State != spec.StateRunning {
		t.Errorf("%+v", s)
	}
	if err := g.Pause(ctx, k.Container); err != nil {
		t.Fatal(err)
	}
	// Deleting a frozen one must not hang.
	if err := g.Delete(ctx, k.Container, true); err != nil {
		t.Error(err)
	}
}

// What a running container is given anew is read back from its cgroup.
func TestRealUpdate(t *testing.T) {
	for _, runtime := range []string{"crun", "runc"} {
		t.Run(runtime, func(t *testing.T) {
			g := newRig(t, func(o *Options) { o.Runtime = runtime })
			if g.host.Cgroups.Unified {
				t.Skip("no limit can be tried on this machine's v2 hosts")
			}
			updates(t, g)
		})
	}
}

func updates(t *testing.T, g *rig) {
	c := sh("a", "x=$(head -c 20000000 /dev/zero | tr '\\0' a); echo ready; sleep 1000 & wait")
	c.Resources = spec.Resources{CPURequest: 100, MemoryLimit: 64 << 20, PidsLimit: 50}
	k := g.mustStart(c)
	k.waitForOutput("ready")
	folder := cgroupFolder(k.CgroupPath)
	words, err := readWords(filepath.Join(g.host.Cgroups.Mounts["cpuset"], filepath.Dir(folder), "cpuset.cpus"))
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(words, "")
	for i, step := range []struct {
		to                                spec.Resources
		memory, shares, quota, pids, cpus string
	}{
		{spec.Resources{CPURequest: 500, CPULimit: 1500, MemoryLimit: 256 << 20, PidsLimit: 70, CPUSet: "0"}, "268435456", "512", "150000", "70", "0"}, // more
		{spec.Resources{CPULimit: 200, MemoryLimit: 128 << 20, PidsLimit: 60, CPUSet: "0"}, "134217728", "204", "20000", "60", "0"},                    // less
		{spec.Resources{}, "9223372036854771712", "1024", "-1", "max", all},                                                                            // none
		{spec.Resources{MemoryLimit: 96 << 20, CPUSet: "0"}, "100663296", "1024", "-1", "max", "0"},
	} {
		c.Resources = step.to
		if err := g.Update(context.Background(), k.Container, &c, false); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		for file, want := range map[string]string{
			"memory/memory.limit_in_bytes": step.memory, "cpu/cpu.shares": step.shares, "cpu/cpu.cfs_quota_us": step.quota,
			"pids/pids.max": step.pids, "cpuset/cpuset.cpus": step.cpus,
		} {
			controller, name, _ := strings.Cut(file, "/")
			data, err := os.ReadFile(filepath.Join(g.host.Cgroups.Mounts[controller], folder, name))
			if err != nil || strings.TrimSpace(string(data)) != want {
				t.Errorf("step %d: %s = %q, %v; want %s", i, file, data, err, want)
			}
		}
	}
	c.Resources = spec.Resources{MemoryLimit: 4 << 20}
	if err := g.Update(context.Background(), k.Container, &c, false); !errors.Is(err, spec.ErrInUse) {
		t.Errorf("less memory than it uses: %v", err)
	}
	c.Resources = spec.Resources{CPUSet: "9999"}
	if err := g.Update(context.Background(), k.Container, &c, false); err == nil {
		t.Error("it got a core that is not there")
	}
	if s := k.state(); !s.Running() {
		t.Errorf("it did not survive: %+v", s)
	}
}
