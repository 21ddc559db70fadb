package reconciler_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"berth/engine/enginetest"
	"berth/engine/spec"
	"berth/kube"
	"berth/reconciler"
)

func (m *mortal) SetStopped(ctx context.Context, id spec.PodID, name string, stopped bool) error {
	if m.dead() {
		return errDead
	}
	return m.Fake.SetStopped(ctx, id, name, stopped)
}

func (m *mortal) SignalContainer(ctx context.Context, id spec.PodID, name string) error {
	if m.dead() {
		return errDead
	}
	return m.Fake.SignalContainer(ctx, id, name)
}

func (m *mortal) StopContainer(ctx context.Context, id spec.PodID, name string, grace time.Duration) error {
	if m.dead() {
		return errDead
	}
	return m.Fake.StopContainer(ctx, id, name, grace)
}

func (m *mortal) SaveLife(ctx context.Context, id spec.PodID, name string, life spec.Life) error {
	if m.dead() {
		return errDead
	}
	return m.Fake.SaveLife(ctx, id, name, life)
}

// living is a pod with a sidecar and a container that ignores its signal.
func living(t *testing.T) kube.Set {
	data, err := os.ReadFile("testdata/living.yaml")
	if err != nil {
		t.Fatal(err)
	}
	objects, diags := kube.Decode("living.yaml", data)
	if diags.Err() != nil {
		t.Fatal(diags.Err())
	}
	for _, o := range objects {
		o.Owner = "play"
	}
	return kube.Set{Objects: objects}
}

// playLiving has the pod of living run on an engine of its own.
func playLiving(t *testing.T, set kube.Set) (*enginetest.Fake, *memory, spec.PodStatus) {
	engine, store := enginetest.NewFake("localhost/app:1"), newMemory("play")
	if _, err := (&reconciler.Applier{Engine: engine, Translate: toPods, Store: store}).Apply(t.Context(), set, reconciler.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	st, _ := engine.Pod("default/living")
	return engine, store, st
}

// TestAKilledStopIsFinishedByTheSupervisor kills who stops a pod, or one of its
// containers, after every number of changes.
func TestAKilledStopIsFinishedByTheSupervisor(t *testing.T) {
	set := living(t)
	for what, stop := range map[string]func(*reconciler.Applier, context.Context, spec.PodID) error{
		"pod": func(a *reconciler.Applier, ctx context.Context, id spec.PodID) error { return a.Stop(ctx, id, -1) },
		"container": func(a *reconciler.Applier, ctx context.Context, id spec.PodID) error {
			return a.StopContainer(ctx, id, "b", -1)
		},
	} {
		t.Run(what, func(t *testing.T) {
			for n, done := int32(0), false; !done; n++ {
				synctest.Test(t, func(t *testing.T) { done = killedStop(t, set, n, stop) })
			}
		})
	}
}

// killedStop reports whether the stop came to its end.
func killedStop(t *testing.T, set kube.Set, n int32, stop func(*reconciler.Applier, context.Context, spec.PodID) error) bool {
	engine, store, before := playLiving(t, set)
	victim := &mortal{Fake: engine.Open(), memory: store}
	victim.left.Store(n)
	err := stop(&reconciler.Applier{Engine: victim, Translate: toPods, Store: victim}, t.Context(), before.Pod.ID)

	ctx, cancel := context.WithCancel(t.Context())
	loop := reconciler.NewLoop(reconciler.LoopOptions{Engine: engine.Open(), Source: pair{newMemory("folder:/m"), store}, Translate: toPods})
	ended := make(chan error, 1)
	go func() { ended <- loop.Run(ctx) }()
	time.Sleep(time.Hour)
	st, _ := engine.Pod("default/living")
	switch wished := st.Stopped || st.Containers[2].Stopped; {
	case !wished && n > 0:
		t.Errorf("killed after %d changes, nobody knows of the wish", n)
	case !wished: // killed before it had said anything
	case st.Stopped && st.Sandbox != spec.SandboxNone:
		t.Errorf("killed after %d changes: the pod is up: %s", n, engine)
	case !st.Stopped && st.Containers[2].Running():
		t.Errorf("killed after %d changes: the container runs: %s", n, engine)
	case !st.Stopped && fmt.Sprint(st.Containers[1].ID, st.Containers[1].State) != fmt.Sprint(before.Containers[1].ID, spec.StateRunning):
		t.Errorf("killed after %d changes: another container was touched: %s", n, engine)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	return err == nil
}

// TestALaterRequestOnlyShortens stops a pod that is being stopped, sooner and later.
func TestALaterRequestOnlyShortens(t *testing.T) {
	for later, want := range map[time.Duration]time.Duration{3 * time.Second: 8 * time.Second, time.Hour: 20 * time.Second, 0: 6 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			engine, _, st := playLiving(t, living(t))
			stop := func(grace time.Duration) error {
				return (&reconciler.Applier{Engine: engine.Open()}).Stop(t.Context(), st.Pod.ID, grace)
			}
			begun, first := time.Now(), make(chan error, 1)
			go func() { first <- stop(20 * time.Second) }()
			time.Sleep(5 * time.Second)
			if err := stop(later); err != nil {
				t.Error(err)
			}
			if err := <-first; err != nil {
				t.Error(err)
			}
			if took := time.Since(begun).Round(time.Millisecond); took != want {
				t.Errorf("with a later request of %s it took %s, want %s", later, took, want)
			}
		})
	}
}

// TestAStopTellsTheWishBeforeItEndsAnything: whoever hears of it goes on with a
// stop whose caller was killed.
func TestAStopTellsTheWishBeforeItEndsAnything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, store, st := playLiving(t, living(t))
		var told []string
		applier := &reconciler.Applier{Engine: engine, Translate: toPods, Store: store, Wished: func(context.Context) {
			now, _ := engine.Pod("default/living")
			for _, c := range now.Containers {
				told = append(told, fmt.Sprint(c.Name, " ", now.Stopped || c.Stopped, " ", c.Running()))
			}
		}}
		last := st.Containers[len(st.Containers)-1].Name
		if err := applier.StopContainer(t.Context(), st.Pod.ID, last, -1); err != nil {
			t.Fatal(err)
		}
		if err := applier.Stop(t.Context(), st.Pod.ID, -1); err != nil {
			t.Fatal(err)
		}
		want := "[one false true a false true b true true one true true a true true b true false]"
		if got := fmt.Sprint(told); got != want {
			t.Errorf("told %s, want %s", got, want)
		}
	})
}
