package reconciler_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"berth/engine/enginetest"
	"berth/engine/spec"
	"berth/reconciler"
)

// errSeen ends a watch that has seen enough.
var errSeen = errors.New("seen")

// watched runs a watch until f has seen enough.
func watched[T any](t *testing.T, watch func(context.Context, func(T) error) error, f func(T) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := watch(ctx, func(line T) error {
		if f(line) {
			return errSeen
		}
		return nil
	})
	if !errors.Is(err, errSeen) {
		t.Fatal(err)
	}
}

func TestPodsAreWatched(t *testing.T) {
	dir := t.TempDir()
	client := reconciler.NewClient(dir)
	if err := client.WatchPods(t.Context(), nil); err == nil {
		t.Error("somebody answers before there is a supervisor")
	}
	end, done := supervise(t, dir, "1")
	first := true
	watched(t, client.WatchPods, func(c reconciler.PodChange) bool {
		if want := "ADDED"; first && c.Type != want {
			t.Errorf("the first line is %s, want %s", c.Type, want)
		}
		first = false
		if c.Object.ID == "" && c.Object.Wanted == nil {
			t.Errorf("neither a pod nor one to be made: %+v", c.Object)
		}
		return c.Object.Phase == reconciler.PhaseRunning && c.Object.Name == "p"
	})
	pods, err := client.Pods(t.Context())
	if err != nil || len(pods) != 1 || pods[0].Wanted != nil || pods[0].Failure != nil {
		t.Errorf("pods %+v, %v", pods, err)
	}

	broke := make(chan error, 1)
	begun := make(chan struct{}, 1)
	go func() {
		broke <- client.WatchPods(t.Context(), func(reconciler.PodChange) error { begun <- struct{}{}; return nil })
	}()
	<-begun
	end()
	if err := <-done; err != nil {
		t.Error("a supervisor that is watched ends with", err)
	}
	if err := <-broke; err == nil {
		t.Error("a watch that broke off ended well")
	}
}

// TestReadinessIsWatched: who waits for a pod to be ready is told when it is.
func TestReadinessIsWatched(t *testing.T) {
	dir := t.TempDir()
	fake := enginetest.NewFake("localhost/app:1")
	var well atomic.Bool
	fake.OnRun(func(context.Context, string, string, []string) (spec.ExecResult, error) {
		if well.Load() {
			return spec.ExecResult{}, nil
		}
		return spec.ExecResult{ExitCode: 1}, nil
	})
	superviseOn(t, dir, "1", fake, `
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
    - {name: c, image: 'localhost/app:1', command: [sleep, '1000'], readinessProbe: {exec: {command: [ask]}, periodSeconds: 1}}
`)
	watched(t, reconciler.NewClient(dir).WatchPods, func(c reconciler.PodChange) bool {
		if c.Object.Phase != reconciler.PhaseRunning {
			return false
		}
		well.Store(true)
		st, err := fake.ObservePod(t.Context(), c.Object.ID)
		if err != nil {
			t.Fatal(err)
		}
		return st.Ready(&st.Containers[0])
	})
}

func TestEventsAreWatched(t *testing.T) {
	dir := t.TempDir()
	client := reconciler.NewClient(dir)
	supervise(t, dir, "1")
	watched(t, client.WatchEvents, func(e reconciler.Event) bool { return e.Reason == "Created" && e.Pod.Name == "p" })

	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	seen := reconciler.Event{
		Pod: spec.PodKey{Namespace: "default", Name: "other"}, ID: "0123", Container: "c", Type: reconciler.EventWarning,
		Reason: "Unhealthy", Message: "it is ill", Count: 2, First: at, Last: at.Add(time.Minute),
	}
	for range 2 { // what is told again counts again
		if err := client.Tell(t.Context(), []reconciler.Event{seen}); err != nil {
			t.Fatal(err)
		}
		seen.Last = seen.Last.Add(time.Hour)
	}
	watched(t, client.WatchEvents, func(e reconciler.Event) bool {
		if e.Pod.Name != "other" {
			return false
		}
		if e.Count != 4 || !e.First.Equal(at) || !e.Last.Equal(at.Add(time.Hour+time.Minute)) {
			t.Errorf("event %+v", e)
		}
		ref := e.Reference()
		if ref.Kind != "Pod" || ref.Name != "other" || ref.UID != "0123" || ref.FieldPath != "spec.containers{c}" {
			t.Errorf("it is about %+v", ref)
		}
		return true
	})
	if events, err := client.Events(t.Context()); err != nil || len(events) < 2 || events[0].Count != 4 { // it was long ago
		t.Errorf("events %+v, %v", events, err)
	}
}

// What commands left, and what the supervisor before knew, is not forgotten, nor
// counted twice; without a supervisor it can be read all the same.
func TestASupervisorTakesWhatWasLeftToIt(t *testing.T) {
	dir := t.TempDir()
	if events := reconciler.KnownEvents(t.Context(), dir); len(events) > 0 {
		t.Errorf("nothing has happened: %+v", events)
	}
	left := reconciler.Event{Pod: spec.PodKey{Namespace: "default", Name: "other"}, Type: reconciler.EventNormal, Reason: "Started", Count: 1}
	if err := reconciler.LeaveEvents(dir, []reconciler.Event{left}); err != nil {
		t.Fatal(err)
	}
	if err := reconciler.LeaveEvents(dir, []reconciler.Event{left}); err != nil { // another command
		t.Fatal(err)
	}
	told := func() {
		t.Helper()
		events := reconciler.KnownEvents(t.Context(), dir)
		if i := slices.IndexFunc(events, func(e reconciler.Event) bool { return e.Pod.Name == "other" }); i < 0 || events[i].Count != 2 {
			t.Errorf("events %+v", events)
		}
	}
	for range 2 {
		told()
		end, done := supervise(t, dir, "1")
		told()
		end()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	told()
}

// One that ends stops answering before it leaves what it knows: for that is waited.
func TestEventsOfASupervisorThatIsEnding(t *testing.T) {
	dir := t.TempDir()
	lock, err := os.Create(filepath.Join(dir, "supervisor.lock"))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", filepath.Join(dir, "berth.sock"))
	if err != nil {
		t.Fatal(err)
	}
	known := make(chan []reconciler.Event)
	go func() { known <- reconciler.KnownEvents(t.Context(), dir) }()
	asked, err := socket.Accept()
	if err != nil {
		t.Fatal(err)
	}
	last := reconciler.Event{Pod: spec.PodKey{Namespace: "default", Name: "p"}, Type: reconciler.EventNormal, Reason: "Killing", Count: 1}
	err = errors.Join(asked.Close(), socket.Close(), reconciler.LeaveEvents(dir, []reconciler.Event{last}), lock.Close())
	if events := <-known; err != nil || len(events) != 1 || events[0].Reason != "Killing" {
		t.Errorf("events %+v, %v", events, err)
	}
}
