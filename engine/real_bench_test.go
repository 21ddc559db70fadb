package engine_test

import (
	"syscall"
	"testing"
	"time"

	"berth/engine/spec"
)

// BenchmarkRestart starts a container again and again that ends at once. It tells
// of the processor time that this process takes for it, besides that of helpers.
func BenchmarkRestart(b *testing.B) {
	e := realEngine(b)
	ctx := b.Context()
	pod := &spec.Pod{
		ID: spec.NewPodID(), Namespace: "default", Name: "crash", CreatedAt: time.Now(), Hostname: "crash",
		RestartPolicy: spec.RestartAlways, Owner: spec.OwnerPlay,
		Containers: []spec.Container{{Name: "c", Image: "localhost/busybox:latest", Command: []string{"false"}}},
	}
	unlock, err := e.Lock(ctx, pod.Key())
	if err != nil {
		b.Fatal(err)
	}
	defer unlock()
	if err := e.EnsurePod(ctx, pod, nil); err != nil {
		b.Fatal(err)
	}
	restart := func() {
		if err := e.StartContainer(ctx, pod.ID, "c"); err != nil {
			b.Fatal(err)
		}
		if _, err := e.WaitContainer(ctx, pod.ID, "c"); err != nil {
			b.Fatal(err)
		}
	}
	restart()
	before := usedTime()
	for b.Loop() {
		restart()
	}
	b.ReportMetric(float64(usedTime()-before)/float64(b.N)/1e6, "own-ms/op")
	b.StopTimer()
	if err := e.RemovePod(ctx, pod.ID, 0); err != nil {
		b.Fatal(err)
	}
}

func usedTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
