package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"berth/engine"
	"berth/engine/spec"
)

// logFiles are the log files of the pod's only container, all attempts.
func logFiles(t *testing.T, e *engine.Engine, id spec.PodID) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(e.Paths().Pod(id), "logs", "c", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		found[i] = filepath.Base(found[i])
	}
	return found
}

func has(list []string, name string) bool {
	for _, s := range list {
		if s == name {
			return true
		}
	}
	return false
}

// longAgo gives the pod's run folder a time at which a change is told apart from
// another by the time alone.
func longAgo(t *testing.T, e *engine.Engine, id spec.PodID) {
	t.Helper()
	then := time.Now().Add(-time.Minute)
	if err := os.Chtimes(e.Paths().PodRun(id), then, then); err != nil {
		t.Fatal(err)
	}
}

func TestALogThatIsRememberedIsRotatedWhenItGrows(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	go1, go2 := filepath.Join(t.TempDir(), "go"), "/go/x"
	if err := os.Mkdir(go1, 0o755); err != nil {
		t.Fatal(err)
	}
	const fill = "i=0; while [ $i -lt 40 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done"
	pod := busyboxPod("chatty", "sh", "-c", "while [ ! -e "+go2+" ]; do sleep 0.05; done; "+fill+"; while [ -e "+go2+" ]; do sleep 0.05; done")
	pod.Log.MaxSize = 1000
	pod.Volumes = []spec.Volume{{Name: "go", Host: &spec.HostVolume{Path: go1}}}
	pod.Containers[0].Mounts = []spec.Mount{{Volume: "go", Path: "/go"}}
	start(t, e, pod)
	rotate := func() {
		t.Helper()
		if err := e.RotateLogs(ctx); err != nil {
			t.Fatal(err)
		}
	}
	mark := filepath.Join(go1, "x")
	for attempt, log := range []string{"0.log", "1.log"} {
		longAgo(t, e, pod.ID)
		rotate() // remembered from now on
		rotate()
		if files := logFiles(t, e, pod.ID); has(files, log+".1") {
			t.Fatalf("attempt %d: rotated what is short: %v", attempt, files)
		}
		if err := os.WriteFile(mark, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the log is rotated", func() bool {
			rotate()
			return has(logFiles(t, e, pod.ID), log+".1")
		})
		rotate()
		if files := logFiles(t, e, pod.ID); !has(files, log+".0") {
			t.Errorf("attempt %d: the present file has no second name: %v", attempt, files)
		}
		if attempt == 0 { // the next container writes to another file
			if err := os.Remove(mark); err != nil {
				t.Fatal(err)
			}
			if _, err := e.WaitContainer(ctx, pod.ID, "c"); err != nil {
				t.Fatal(err)
			}
			if err := e.StartContainer(ctx, pod.ID, "c"); err != nil {
				t.Fatal(err)
			}
		}
	}
}
