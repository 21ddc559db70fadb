package engine_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"berth/engine"
	"berth/engine/oci"
	"berth/engine/spec"
)

func TestWhatAPodTakes(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	pod := busyboxPod("web", "sh", "-c", "busybox dd if=/dev/zero of=/big bs=1024 count=3000; busybox dd if=/dev/zero of=/empty/big bs=1024 count=2000; busybox touch /empty/x; echo done; sleep 1000")
	pod.Volumes = []spec.Volume{{Name: "empty", Empty: &spec.EmptyVolume{}}}
	pod.Containers[0].Mounts = []spec.Mount{{Volume: "empty", Path: "/empty"}}
	start(t, e, pod)
	eventually(t, "it has written", func() bool {
		done := false
		err := e.Logs(ctx, pod.ID, "c", oci.LogOptions{}, func(l oci.Line) error {
			done = done || string(l.Text) == "done\n" || string(l.Text) == "done"
			return nil
		})
		return err == nil && done
	})
	disk, err := e.PodUsage(ctx, pod.ID, true)
	if err != nil {
		t.Fatal(err)
	}
	if c := disk.Containers["c"].Disk; c < 3000<<10 || c > 3500<<10 {
		t.Errorf("the container takes %d bytes", c)
	}
	if disk.Disk < 5000<<10 || disk.Disk > 5500<<10 || disk.Inodes < 4 || disk.Inodes > 30 {
		t.Errorf("the pod takes %d bytes, %d inodes", disk.Disk, disk.Inodes)
	}
	memory, err := e.PodUsage(ctx, pod.ID, false)
	if err != nil {
		t.Fatal(err)
	}
	if c := memory.Containers["c"].Memory; c <= 0 || c > 50<<20 || memory.Memory < c || memory.Memory > 100<<20 {
		t.Errorf("the container uses %d bytes of memory, the pod %d", c, memory.Memory)
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := e.PodUsage(over, pod.ID, true); !errors.Is(err, context.Canceled) {
		t.Error("measuring goes on after its time:", err)
	}
	if room, err := e.Room(ctx); err != nil || room.Memory.Available <= 0 || room.Node.Space.Available <= 0 || room.Images.Inodes.Capacity <= 0 {
		t.Errorf("%+v, %v", room, err)
	}
}

func TestWhatEndedContainersLeaveIsCleared(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	pod := busyboxPod("web", "sh", "-c", "echo hello; exit 3")
	pod.Volumes = []spec.Volume{{Name: "empty", Empty: &spec.EmptyVolume{}}}
	pod.Containers[0].Mounts = []spec.Mount{{Volume: "empty", Path: "/empty"}}
	other := pod.Containers[0]
	other.Name, other.Command = "runs", []string{"sleep", "1000"}
	pod.Containers = append(pod.Containers, other)
	t.Cleanup(func() { underLock(t, e, pod, func() error { return e.RemovePod(ctx, pod.ID, 0) }) })
	clear := func(what string, want bool) {
		t.Helper()
		if found, err := e.ClearDead(ctx); found != want || err != nil {
			t.Errorf("%s: found %v, %v", what, found, err)
		}
	}
	var ended spec.ContainerStatus
	underLock(t, e, pod,
		func() error { return e.EnsurePod(ctx, pod, []string{"c", "runs"}) },
		func() error { return e.StartContainer(ctx, pod.ID, "c") },
		func() error { return e.StartContainer(ctx, pod.ID, "runs") },
		func() (err error) { ended, err = e.WaitContainer(ctx, pod.ID, "c"); return err },
		func() error { clear("of a pod that is being changed", false); return nil })
	clear("of a container that ended", true)
	clear("once more", false)
	layers, err := e.Images().Rootfses(ctx)
	if _, left := layers[ended.ID]; err != nil || left || len(layers) != 1 {
		t.Errorf("layers %v, %v", layers, err)
	}
	st, err := e.ObservePod(ctx, pod.ID)
	if err != nil {
		t.Fatal(err)
	}
	after, _ := st.Container("c")
	if after.State != spec.StateExited || after.ExitCode != 3 || after.ID != ended.ID || !after.FinishedAt.Equal(ended.FinishedAt) {
		t.Errorf("it ended as %+v, now %+v", ended, *after)
	}
	if runs, _ := st.Container("runs"); !runs.Running() {
		t.Error("the other is", runs.State)
	}
	if lines := e.LastOutput(ctx, pod.ID, "c", 5); !slices.Equal(lines, []string{"hello"}) {
		t.Errorf("log %q", lines)
	}
	underLock(t, e, pod, func() error { return e.StartContainer(ctx, pod.ID, "c") })
	if again, err := e.WaitContainer(ctx, pod.ID, "c"); err != nil || again.Attempt != ended.Attempt+1 || again.ExitCode != 3 {
		t.Errorf("made anew: %+v, %v", again, err)
	}

	// A pod that is over takes its volumes along; a stopped one keeps them.
	empty := filepath.Join(e.Paths().Pod(pod.ID), "empty", "empty")
	underLock(t, e, pod, func() error { return e.StopPod(ctx, pod.ID, 0) })
	clear("of a stopped pod", true)
	if _, err := os.Stat(empty); err != nil {
		t.Error("of a stopped pod:", err)
	}
	underLock(t, e, pod, func() error {
		return e.SaveVerdict(ctx, pod.ID, &spec.Verdict{Reason: "Evicted", At: time.Now()})
	})
	clear("of a pod that is over", true)
	if _, err := os.Stat(empty); !errors.Is(err, os.ErrNotExist) {
		t.Error("of a pod that is over:", err)
	}
	clear("once more", false)
}

// underLock does what wants the pod's lock held.
func underLock(t *testing.T, e *engine.Engine, pod *spec.Pod, do ...func() error) {
	t.Helper()
	unlock, err := e.Lock(context.Background(), pod.Key())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	for _, step := range do {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
}
