package reconciler_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"berth/engine/enginetest"
	"berth/engine/spec"
	"berth/kube"
	"berth/reconciler"
)

// What somebody starts while a prune waits for its lock stays.
func TestWhatIsStartedMeanwhileIsNotPruned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := enginetest.NewFake("localhost/app:1")
		applier := &reconciler.Applier{Engine: e, Translate: toPods}
		ctx := t.Context()
		id, err := applier.Create(ctx, web(), reconciler.CreateOptions{NoStart: true})
		if err != nil {
			t.Fatal(err)
		}
		set := kube.Set{}
		set.Objects, set.Diagnostics = kube.Decode("p.yaml", []byte(`{apiVersion: v1, kind: Pod, metadata: {name: p},
			spec: {restartPolicy: Never, containers: [{name: c, image: localhost/app:1, command: [sh, -c, exit 0]}]}}`))
		store := newMemory("play")
		applier.Store = store
		for _, o := range set.Objects {
			o.Owner = "play"
		}
		played, err := applier.Apply(ctx, set, reconciler.ApplyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		pod := played.Pods[0]
		for name, c := range map[string]struct {
			key    spec.PodKey
			remove func() error
			start  func(starter *enginetest.Fake) error
		}{
			"a container": {
				key:    spec.PodKey{Namespace: "default", Name: "web"},
				remove: func() error { return applier.RemoveSpentContainer(ctx, id, "web") },
				start: func(starter *enginetest.Fake) error {
					return errors.Join(starter.SetStopped(ctx, id, "", false), starter.EnsurePod(ctx, &spec.Pod{ID: id, Namespace: "default", Name: "web"}, nil), starter.StartContainer(ctx, id, "web"))
				},
			},
			"a pod": {
				key:    pod.Key,
				remove: func() error { return applier.RemoveSpentPod(ctx, pod.ID) },
				start:  func(starter *enginetest.Fake) error { return starter.StartContainer(ctx, pod.ID, "c") },
			},
		} {
			other := e.Open()
			unlock, err := other.Lock(ctx, c.key)
			if err != nil {
				t.Fatal(err)
			}
			pruned := make(chan error, 1)
			go func() { pruned <- c.remove() }()
			synctest.Wait()
			if err := c.start(other); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			unlock()
			if err := <-pruned; !errors.Is(err, spec.ErrInUse) {
				t.Errorf("%s: error %v", name, err)
			}
			if _, there := e.Pod(c.key.String()); !there {
				t.Errorf("%s was removed", name)
			}
		}
		if len(store.Read(ctx).Objects) != 1 {
			t.Error("what was played is forgotten")
		}
		if err := applier.Stop(ctx, pod.ID, 0); err != nil {
			t.Fatal(err)
		}
		if err := applier.RemoveSpentPod(ctx, pod.ID); err != nil {
			t.Error(err)
		}
		if _, there := e.Pod(pod.Key.String()); there || len(store.Read(ctx).Objects) != 0 {
			t.Error("a spent pod is left")
		}
		if err := applier.Stop(ctx, id, 0); err != nil {
			t.Fatal(err)
		}
		if err := applier.RemoveSpentContainer(ctx, id, "web"); err != nil {
			t.Error(err)
		}
		if left, _ := e.Observe(ctx); len(left) != 0 {
			t.Errorf("left %v", left)
		}
	})
}
