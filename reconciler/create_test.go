package reconciler_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"berth/engine/enginetest"
	"berth/engine/spec"
	"berth/reconciler"
)

func TestACreateThatFailsLeavesNothingToStart(t *testing.T) {
	for _, verb := range []string{"RecordPod", "SetStopped"} {
		t.Run(verb, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, boom := enginetest.NewFake("localhost/app:1"), errors.New("no space left")
				e.FailLate(verb, 1, boom)
				pod := &spec.Pod{
					Namespace: spec.DefaultNamespace, Name: "web", Bare: true, Owner: spec.OwnerRun, RestartPolicy: spec.RestartAlways,
					Containers: []spec.Container{{Name: "web", Image: "localhost/app:1", Command: []string{"sleep", "1"}, ByHand: &spec.ByHand{}}},
				}
				if _, err := (&reconciler.Applier{Engine: e}).Create(t.Context(), pod, reconciler.CreateOptions{NoStart: true}); !errors.Is(err, boom) {
					t.Fatalf("error %v", err)
				}
				if left, err := e.Observe(t.Context()); err != nil || len(left) != 0 {
					t.Errorf("left %v, %v", left, err)
				}
			})
		})
	}
}
