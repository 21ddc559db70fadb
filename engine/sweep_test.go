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

func TestLayersLostInAPowerCutAreSwept(t *testing.T) {
	e, ctx := realEngine(t), context.Background()
	lost, kept, hand := busyboxPod("lost"), busyboxPod("kept"), busyboxPod("hand")
	hand.Bare, hand.Owner, hand.Containers = true, spec.OwnerRun, hand.Containers[:1]
	hand.Containers[0].ByHand = &spec.ByHand{ID: spec.NewContainerID()}
	ids := map[*spec.Pod]spec.ContainerID{}
	for _, pod := range []*spec.Pod{lost, kept, hand} {
		name := pod.Containers[0].Name
		underLock(t, e, pod, func() error { return e.EnsurePod(ctx, pod, []string{name}) })
		st, err := e.ObservePod(ctx, pod.ID)
		if err != nil {
			t.Fatal(err)
		}
		c, _ := st.Container(name)
		ids[pod] = c.ID
	}
	// The power cut: nothing runs, and two records are gone that were not synced.
	for _, pod := range []*spec.Pod{lost, kept, hand} {
		underLock(t, e, pod, func() error { return e.StopPod(ctx, pod.ID, 0) })
	}
	for _, pod := range []*spec.Pod{lost, hand} {
		if err := os.Remove(filepath.Join(e.Paths().Pod(pod.ID), "c", pod.Containers[0].Name+".json")); err != nil {
			t.Fatal(err)
		}
	}
	layers := func(when string, want ...*spec.Pod) {
		t.Helper()
		made, err := e.Images().Rootfses(ctx)
		if err != nil || len(made) != len(want) {
			t.Errorf("%s there are %d layers, %v, want %d", when, len(made), err, len(want))
		}
		for _, pod := range want {
			if _, ok := made[ids[pod]]; !ok {
				t.Errorf("%s the layer of %s is gone", when, pod.Name)
			}
		}
	}
	started, err := engine.MachineStart()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.SweepLayers(ctx, started); err != nil {
		t.Fatal(err)
	}
	layers("made since the machine's start,", lost, kept, hand)
	if err := e.SweepLayers(ctx, time.Now()); err != nil {
		t.Fatal(err)
	}
	layers("made before,", kept, hand) // what a person made is known by its pod's record
	for _, pod := range []*spec.Pod{lost, kept, hand} {
		underLock(t, e, pod, func() error { return e.RemovePod(ctx, pod.ID, 0) })
	}
}
