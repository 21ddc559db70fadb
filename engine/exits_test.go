package engine_test

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/engine"
	"berth/engine/spec"
)

// patience limits what must happen soon.
const patience = 30 * time.Second

// told reads until the pod is named and is what it is to be.
func told(t *testing.T, e *engine.Engine, exits <-chan spec.PodID, id spec.PodID, is func(spec.PodStatus) bool) {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case got := <-exits:
			if got != id {
				continue
			}
			st, err := e.ObservePod(context.Background(), id)
			if err != nil {
				t.Fatal(err)
			}
			if is(st) {
				return
			}
		case <-limit:
			t.Fatal("nothing was told")
		}
	}
}

func watchExits(t *testing.T, e *engine.Engine) <-chan spec.PodID {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	exits, err := e.Exits(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		for range exits { //nolint:revive // drained until it is closed
		}
	})
	return exits
}

func TestLossesThatLeaveNoFileAreTold(t *testing.T) {
	for name, c := range map[string]struct {
		lose func(t *testing.T, e *engine.Engine, st spec.PodStatus)
		is   func(spec.PodStatus) bool
	}{
		"a container's conmon is killed": {
			func(t *testing.T, _ *engine.Engine, st spec.PodStatus) { kill(t, st.Containers[0].ConmonPid) },
			func(st spec.PodStatus) bool {
				c := st.Containers[0]
				return c.State == spec.StateUnknown && c.ExitCode == spec.ExitUnknown && c.Reason == "ContainerStatusUnknown"
			},
		},
		"the infra container is killed": {
			func(t *testing.T, _ *engine.Engine, st spec.PodStatus) { kill(t, st.Infra.Pid) },
			func(st spec.PodStatus) bool { return st.Sandbox == spec.SandboxLost },
		},
		"the infra container's conmon is killed": {
			func(t *testing.T, _ *engine.Engine, st spec.PodStatus) { kill(t, st.Infra.ConmonPid) },
			func(st spec.PodStatus) bool { return st.Sandbox == spec.SandboxLost },
		},
		"the network namespace is unmounted": {
			func(t *testing.T, e *engine.Engine, st spec.PodStatus) {
				pin := e.Paths().Netns(st.Pod.ID)
				if err := unix.Unmount(pin, unix.MNT_DETACH); err != nil {
					t.Error(err)
				}
				if err := os.Remove(pin); err != nil {
					t.Error(err)
				}
			},
			func(st spec.PodStatus) bool { return st.Sandbox == spec.SandboxLost },
		},
	} {
		t.Run(name+", of a pod that was there", func(t *testing.T) {
			e := realEngine(t)
			pod := busyboxPod("web", "sleep", "1000")
			st := start(t, e, pod)
			exits := watchExits(t, e)
			c.lose(t, e, st)
			told(t, e, exits, pod.ID, c.is)
		})
		t.Run(name+", of one that another process made", func(t *testing.T) {
			e := realEngine(t)
			other, err := engine.Open(engine.Options{Runtime: testRuntime()})
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			exits := watchExits(t, other)
			pod := busyboxPod("web", "sleep", "1000")
			st := start(t, e, pod)
			c.lose(t, e, st)
			told(t, other, exits, pod.ID, c.is)
		})
	}
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if pid <= 0 {
		t.Fatal("there is no process to kill")
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func TestAnEngineThatIsWatchedLeavesNothingOpen(t *testing.T) {
	e := realEngine(t)
	pod := busyboxPod("web", "sleep", "1000")
	start(t, e, pod)
	watch := func() {
		ctx, cancel := context.WithCancel(context.Background())
		exits, err := e.Exits(ctx)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		for range exits { //nolint:revive // drained until it is closed
		}
	}
	watch() // opens what stays open
	before := openFiles(t)
	for range 20 {
		watch()
	}
	eventually(t, "descriptors are closed", func() bool { return openFiles(t) <= before })
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// eventually waits for what comes by itself and tells nobody.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
