package oci

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/engine/spec"
)

func crunRig(t *testing.T) *rig {
	t.Helper()
	if runtimeForHost(t) != "crun" {
		t.Skip("the oldest supported crun refuses this host's cgroup tree; $BERTH_TESTHOST_CGROUP=1 gives another")
	}
	return newRig(t)
}

// crun finds itself in a sealed memory file and leaves it at that.
func TestCrunRunsFromASealedCopy(t *testing.T) {
	g := crunRig(t)
	program := g.program()
	if !strings.HasPrefix(program, "/proc/") {
		t.Fatalf("crun is run as %s", program)
	}
	if err := os.WriteFile(program, []byte("x"), 0o755); err == nil {
		t.Error("the copy can be changed")
	}
	k := g.mustStart(spec.Container{Name: "a", Command: []string{"sleep", "1000"}})
	if s := k.state(); !s.Running() {
		t.Errorf("%+v", s)
	}
	if g.program() != program {
		t.Error("another copy was made of the same program")
	}
	copied := filepath.Join(g.dir, "crun")
	write(t, copied, "#!/bin/sh\n", 0o755)
	if as := g.As(copied, ""); as.program() != copied {
		t.Errorf("a script is run as %s", as.program())
	}
	data, err := os.ReadFile(g.runtime)
	if err != nil {
		t.Fatal(err)
	}
	write(t, copied, string(data), 0o755)
	if as := g.As(copied, ""); as.program() == copied || as.program() == program {
		t.Errorf("a program that was replaced is run as %s", as.program())
	}
}
