package oci

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"berth/engine/spec"
	"berth/internal/hostexec"
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
	conmon, err := conmonOf(k.Container)
	if err != nil {
		t.Fatal(err)
	}
	cmdline, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(conmon.Pid), "cmdline"))
	if err != nil || !strings.Contains(string(cmdline), "\x00-r\x00"+program+"\x00") {
		t.Errorf("conmon creates with another crun: %q, %v", cmdline, err)
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

// In the child, the files it is given take over numbers, and the program's own may
// be among them.
func TestAProgramOpenHereRunsWhateverFilesItIsGiven(t *testing.T) {
	program, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	file, err := seal(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	path, err := pathOf(file)
	if err != nil {
		t.Fatal(err)
	}
	var given []*os.File
	for range 32 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		given = append(given, f)
	}
	if _, err := hostexec.Run(t.Context(), hostexec.Cmd{Path: path, ExtraFiles: given}); err != nil {
		t.Error(err)
	}
}
