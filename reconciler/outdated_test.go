package reconciler_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"berth/engine/enginetest"
	"berth/engine/spec"
	"berth/kube"
	"berth/reconciler"
	"berth/translate"
)

// late is a store whose changes the loop hears of only when told to.
type late struct {
	*memory
	tell chan struct{}
}

func (l late) Owners() []string { return []string{l.owner} }

func (l late) Outdated(_ string, key kube.Key, known bool) bool { return l.has(key) != known }

func (l late) Run(ctx context.Context, emit func(kube.Set)) error {
	for {
		emit(l.Read(ctx))
		select {
		case <-l.tell:
		case <-ctx.Done():
			return nil
		}
	}
}

// What another process plays or takes down is neither removed nor brought back
// by a loop that has not heard of it yet.
func TestWhatTheLoopHasNotHeardOfIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := enginetest.NewFake("localhost/app:1")
		source := late{newMemory("play"), make(chan struct{})}
		var slow atomic.Bool // it takes long until what was heard of is acted on
		loop := reconciler.NewLoop(reconciler.LoopOptions{Engine: engine, Source: source, Translate: func(set *kube.Set) translate.Result {
			if slow.Load() {
				time.Sleep(2 * time.Minute)
			}
			return toPods(set)
		}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- loop.Run(ctx) }()
		defer func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()
		objects, diags := kube.Decode("web.yaml", []byte(`{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: c, image: "localhost/app:1", command: [sleep, "1000"]}]}}`))
		if diags.Err() != nil {
			t.Fatal(diags)
		}
		for _, o := range objects {
			o.Owner = string(spec.OwnerPlay)
		}
		applier := reconciler.Applier{Engine: engine, Translate: toPods, Store: source}
		expect := func(when string, want int) {
			t.Helper()
			loop.Wake()
			time.Sleep(time.Minute) // in fake time
			synctest.Wait()
			pods, err := engine.Observe(ctx)
			if err != nil || len(pods) != want {
				t.Errorf("%s: %d pods, want %d (%v)", when, len(pods), want, err)
			}
		}

		if _, err := applier.Apply(ctx, kube.Set{Objects: objects}, reconciler.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
		expect("played, not heard of", 1)
		source.tell <- struct{}{}
		expect("played, heard of", 1)
		if _, err := applier.Down(ctx, kube.Set{Objects: objects}, reconciler.DownOptions{Grace: -1}); err != nil {
			t.Fatal(err)
		}
		expect("taken down, not heard of", 0)
		slow.Store(true)
		source.tell <- struct{}{}
		expect("taken down, just heard of", 0)
		slow.Store(false)
		time.Sleep(5 * time.Minute)
		expect("taken down, heard of", 0)
	})
}
