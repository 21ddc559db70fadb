package reconciler_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"berth/engine/enginetest"
	"berth/reconciler"
)

// Pods that crash in a loop cost what their restarts do, which get rare: what is
// asked of the engine is bounded by each restart, however many pods there are,
// and between restarts nothing is.
func TestManyCrashingPodsCostTheirRestartsOnly(t *testing.T) {
	const few, many = 20, 200
	callsOfFew, startsOfFew := crash(t, few)
	callsOfMany, startsOfMany := crash(t, many)
	if every := 60 / 5; startsOfMany < many*(every-1) || startsOfMany > many*(every+1) { // by the longest back-off
		t.Errorf("%d starts of %d pods in an hour", startsOfMany, many)
	}
	perFew, perMany := float64(callsOfFew)/float64(startsOfFew), float64(callsOfMany)/float64(startsOfMany)
	t.Logf("%.1f calls for each restart of %d pods, %.1f of %d", perFew, few, perMany, many)
	if perMany > perFew*1.2 {
		t.Errorf("%.1f calls for each restart of %d pods, of %d only %.1f", perMany, many, few, perFew)
	}
	const most = 8 // look, lock, look, remember, start, look, and as it ends look again
	if perMany > most {
		t.Errorf("%.1f calls of the engine for each restart", perMany)
	}
}

// crash has so many pods crash in a loop for an hour and counts the calls of the
// engine that are made for their sake, and their starts.
func crash(t *testing.T, pods int) (calls, starts int) {
	synctest.Test(t, func(t *testing.T) {
		fake, folder := enginetest.NewFake("localhost/app:1"), newMemory("folder:/m")
		for i := range pods {
			name := fmt.Sprintf("p%d", i)
			folder.put(name+".yaml", fmt.Appendf(nil,
				"apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: {containers: [{name: c, image: 'localhost/app:1', command: ['false']}]}\n", name))
		}
		loop := reconciler.NewLoop(reconciler.LoopOptions{
			Engine: fake, Source: pair{folder, newMemory("play")}, Translate: toPods, SlowPass: 24 * time.Hour, Rotate: 24 * time.Hour,
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- loop.Run(ctx) }()
		time.Sleep(10 * time.Minute) // until the longest back-off
		synctest.Wait()
		before, started := fake.Calls(), fake.Calls("StartContainer")
		time.Sleep(time.Hour)
		synctest.Wait()
		calls, starts = fake.Calls()-before, fake.Calls("StartContainer")-started
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return calls, starts
}
