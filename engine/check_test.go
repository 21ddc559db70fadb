package engine_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"berth/engine"
	"berth/engine/spec"
	"berth/internal/tree"
)

// repair removes what Check finds and returns the errors.
func repair(t *testing.T, e *engine.Engine) error {
	t.Helper()
	leaks, err := e.Check(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var errs []error
	for _, l := range leaks {
		errs = append(errs, l.Remove(context.Background()))
	}
	return errors.Join(errs...)
}

func TestCheckNamesNothingOfPodsThatComeAndGo(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	var group sync.WaitGroup
	for _, name := range []string{"one", "two", "three"} {
		group.Go(func() {
			for range 2 {
				pod := busyboxPod(name, "sleep", "1000")
				unlock, err := e.Lock(ctx, pod.Key())
				if err != nil {
					t.Error(err)
					return
				}
				if err := e.EnsurePod(ctx, pod, []string{"c"}); err != nil {
					t.Error(err)
				}
				if err := e.RemovePod(ctx, pod.ID, 0); err != nil {
					t.Error(err)
				}
				unlock()
			}
		})
	}
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	for {
		leaks, err := e.Check(ctx)
		if err != nil {
			t.Error(err)
		}
		for _, l := range leaks {
			t.Errorf("named: %s %s %s", l.Kind, l.Name, l.Detail)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

// TestCheckLeavesTheRuntimesOwnFolders has those that crun 1.28 makes among its containers.
func TestCheckLeavesTheRuntimesOwnFolders(t *testing.T) {
	e := realEngine(t)
	cache := filepath.Join(e.Paths().OCI(), ".cache", "seccomp")
	if err := os.MkdirAll(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(filepath.Dir(cache)) }()
	leaks, err := e.Check(context.Background())
	if err != nil || len(leaks) > 0 {
		t.Errorf("leaks %v, %v", leaks, err)
	}
}

func TestAPodWhoseRecordIsTornIsNamedAndInNobodysWay(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	lost, pod := busyboxPod("web", "sleep", "1000"), busyboxPod("web", "sleep", "1000")
	unlock, err := e.Lock(ctx, lost.Key())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(e.EnsurePod(ctx, lost, []string{"c"}), e.StopPod(ctx, lost.ID, 0)); err != nil {
		t.Fatal(err)
	}
	unlock()
	if err := os.WriteFile(filepath.Join(e.Paths().Pod(lost.ID), "pod.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	e, err = engine.Open(engine.Options{Runtime: testRuntime()}) // as after the power cut
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if pods, err := e.Observe(ctx); err != nil || len(pods) > 0 {
		t.Errorf("observed %d pods, %v", len(pods), err)
	}
	t.Run("another of its name", func(t *testing.T) {
		start(t, e, pod)
		if st, err := e.FindPod(ctx, "", "web"); err != nil || st.Pod.ID != pod.ID {
			t.Errorf("found %s, %v", st.Pod.ID.Short(), err)
		}
	})
	if err := repair(t, e); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(e.Paths().Pod(lost.ID)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after the repair: %v", err)
	}
}

// TestARepairTouchesNoDataOfTheHost has a part of the host, with a disk mounted
// in it, left mounted below the folder of a pod that no record knows.
func TestARepairTouchesNoDataOfTheHost(t *testing.T) {
	e := realEngine(t)
	host := t.TempDir()
	disk := filepath.Join(host, "part", "disk")
	for _, path := range []string{host, disk} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount("tmpfs", path, "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = unix.Unmount(path, unix.MNT_DETACH) }()
		if err := unix.Mount("", path, "", unix.MS_SHARED, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(disk, "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(e.Paths().PodRun(spec.NewPodID()), "subpath", "c", "0")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(filepath.Join(host, "part"), left, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		t.Fatal(err)
	}
	untouched := func(when string) {
		t.Helper()
		if _, err := os.Stat(filepath.Join(disk, "precious")); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if still, err := mountinfo.Mounted(disk); err != nil || !still {
			t.Fatalf("%s the disk is not mounted: %v", when, err)
		}
	}
	leaks, err := e.Check(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range leaks { // as if the mount could not be taken off
		if l.Kind == "folder" {
			if err := l.Remove(context.Background()); !errors.Is(err, tree.ErrMounted) {
				t.Errorf("the folder of a mount was removed: %v", err)
			}
		}
	}
	untouched("with the mount left")
	if err := repair(t, e); err != nil {
		t.Error(err)
	}
	untouched("after the repair")
}

func TestAnotherEngineRootKnowsItsOwn(t *testing.T) {
	e := realEngine(t)
	start(t, e, busyboxPod("web", "sleep", "1000"))
	other, err := engine.Open(engine.Options{Root: "/var/lib/containers/other", RunRoot: "/run/other", Runtime: testRuntime()})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	leaks, err := other.Check(context.Background())
	if err != nil {
		t.Error(err)
	}
	for _, l := range leaks {
		t.Errorf("it takes for a leak what another engine root has: %s %s", l.Kind, l.Name)
	}
}
