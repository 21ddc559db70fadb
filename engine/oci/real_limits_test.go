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
