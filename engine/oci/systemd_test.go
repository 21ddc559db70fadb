package oci

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/engine/spec"
)

func TestSystemdManager(t *testing.T) {
	if !systemdRuns() {
		t.Skip("needs a host where systemd runs")
	}
	g := newRig(t, func(o *Options) { o.CgroupManager = "" })
	if g.CgroupManager() != ManagerSystemd {
		t.Fatalf("manager %s", g.CgroupManager())
	}
	k := g.mustStart(sh("a", "sleep 1000"))
	s := k.state()
	for pid, want := range map[int]string{
		s.Pid:       "/berth.slice/berth-pod" + unitName(g.pod.ID) + ".slice/berth-" + string(k.ID) + ".scope",
		s.ConmonPid: "/berth.slice/" + conmonScope(k.ID),
	} {
		data, err := os.ReadFile(filepath.Join("/proc", itoa(pid), "cgroup"))
		if err != nil || !strings.Contains(string(data), want) {
			t.Errorf("process %d is in %q, %v; want %s", pid, data, err, want)
		}
	}
	if err := g.Pause(context.Background(), k.Container); err != nil {
		t.Fatal(err)
	}
	if s := k.state(); s.State != spec.StatePaused {
		t.Errorf("%+v", s)
	}
	if err := g.Delete(context.Background(), k.Container, true); err != nil {
		t.Error(err)
	}
	if err := g.RemovePodCgroup(context.Background(), g.pod.ID, spec.CgroupPlace{}); err != nil {
		t.Error(err)
	}
	k.checkGone()
	for _, dir := range g.host.Cgroups.folders(g.PodCgroup(g.pod.ID, spec.CgroupPlace{})) {
		if exists(dir) {
			t.Errorf("%s is left", dir)
		}
	}
}
