package reconciler_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"berth/engine/enginetest"
	"berth/engine/spec"
	"berth/kube"
	"berth/reconciler"
)

func TestACreateThatFailsLeavesNothingToStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, boom := enginetest.NewFake("localhost/app:1"), errors.New("no space left")
		e.FailLate("RecordPod", 1, boom)
		if _, err := (&reconciler.Applier{Engine: e}).Create(t.Context(), web(), reconciler.CreateOptions{NoStart: true}); !errors.Is(err, boom) {
			t.Fatalf("error %v", err)
		}
		if left, err := e.Observe(t.Context()); err != nil || len(left) != 0 {
			t.Errorf("left %v, %v", left, err)
		}
	})
}

// Whoever creates what is not to start may be killed at any instruction: a
// supervisor never sees it without the wish that it stay down.
func TestWhatIsOnlyCreatedIsNeverSeenToBeWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &witness{Fake: enginetest.NewFake("localhost/app:1"), t: t}
		applier := &reconciler.Applier{Engine: e, Translate: toPods}
		if _, err := applier.Create(t.Context(), web(), reconciler.CreateOptions{NoStart: true}); err != nil {
			t.Fatal(err)
		}
		set := kube.Set{}
		set.Objects, set.Diagnostics = kube.Decode("p.yaml", []byte(`{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: localhost/app:1, command: [sleep, "1"]}]}}`))
		if _, err := applier.Apply(t.Context(), set, reconciler.ApplyOptions{NoStart: true}); err != nil {
			t.Fatal(err)
		}
		if e.looks < 4 {
			t.Errorf("only %d looks", e.looks)
		}
	})
}

func web() *spec.Pod {
	return &spec.Pod{
		Namespace: spec.DefaultNamespace, Name: "web", Bare: true, Owner: spec.OwnerRun, RestartPolicy: spec.RestartAlways,
		Containers: []spec.Container{{Name: "web", Image: "localhost/app:1", Command: []string{"sleep", "1"}, ByHand: &spec.ByHand{}}},
	}
}

// witness looks, before and after each verb that makes something, whether a
// supervisor would start anything.
type witness struct {
	*enginetest.Fake
	t     *testing.T
	looks int
}

func (w *witness) look(ctx context.Context) {
	w.looks++
	all, err := w.Observe(ctx)
	if err != nil {
		w.t.Error(err)
	}
	for i := range all {
		if next := reconciler.NextOf(&all[i], time.Now(), reconciler.Hurry{}); !next.Idle() {
			w.t.Errorf("pod %s: a supervisor would do %+v", all[i].Pod.Key(), next)
		}
	}
}

func (w *witness) RecordPod(ctx context.Context, pod *spec.Pod, stopped []string) error {
	defer w.look(ctx)
	return w.Fake.RecordPod(ctx, pod, stopped)
}

func (w *witness) EnsurePod(ctx context.Context, pod *spec.Pod, create []string) error {
	w.look(ctx)
	defer w.look(ctx)
	return w.Fake.EnsurePod(ctx, pod, create)
}
