package holder

import (
	"bytes"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// heir has a process inherit a lock on a new file, and nobody else have it.
func heir(t *testing.T) (path string, pid int) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "lock")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sleep", "1000")
	cmd.ExtraFiles = []*os.File{f}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path, cmd.Process.Pid
}

func TestWhoInheritedALockIsFoundAndWhoWaitsIsNot(t *testing.T) {
	path, pid := heir(t)
	waiting, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	other, otherPid := heir(t)
	got := Of(path, link, other, filepath.Join(t.TempDir(), "none"))
	for p, want := range map[string]int{path: pid, link: pid, other: otherPid} {
		if !slices.Equal(got[p], []Process{{want, "sleep"}}) {
			t.Errorf("Of(%s) = %v, want process %d", p, got[p], want)
		}
	}
	if len(got) != 3 {
		t.Errorf("nobody's: %v", got)
	}
}

func TestALongWaitIsToldOnceAndAShortOneNever(t *testing.T) {
	path, _ := heir(t)
	var out bytes.Buffer
	teller := NewTeller(slog.New(slog.NewTextHandler(&out, nil)))
	synctest.Test(t, func(t *testing.T) {
		stop := teller.While("a test", path)
		time.Sleep(Patience - 1)
		stop()
		time.Sleep(2 * Patience)
	})
	if out.Len() > 0 {
		t.Errorf("a short wait: %s", out.String())
	}
	synctest.Test(t, func(t *testing.T) {
		first, second := teller.While("a test", path), teller.While("a test", path)
		time.Sleep(5 * Patience)
		first()
		second()
	})
	if said := out.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, `for="a test"`) || !strings.Contains(said, "program=sleep") {
		t.Errorf("a long wait: %q", said)
	}
}

func TestWhatThisProcessHoldsIsNoNews(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		stop := NewTeller(slog.New(slog.NewTextHandler(&out, nil))).While("a test", f.Name())
		time.Sleep(2 * Patience)
		stop()
	})
	if out.Len() > 0 {
		t.Errorf("said %s", out.String())
	}
}
