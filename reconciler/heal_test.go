package reconciler_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"berth/engine/enginetest"
	"berth/engine/spec"
	"berth/reconciler"
)

// flushed is an engine whose firewall somebody flushes again and again.
type flushed struct {
	*enginetest.Fake
	looked atomic.Int32
}

func (f *flushed) HealNetworks(context.Context) ([]spec.PodKey, error) {
	switch f.looked.Add(1) {
	case 1:
		return nil, nil
	case 2:
		return []spec.PodKey{{Namespace: "default", Name: "web"}}, nil
	}
	return nil, errors.New("boom")
}

func TestNetworksAreLookedAtWithEachSlowPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		engine := &flushed{Fake: enginetest.NewFake()}
		loop := reconciler.NewLoop(reconciler.LoopOptions{
			Engine: engine, Source: pair{newMemory("folder:/m"), newMemory("play")}, Translate: toPods,
			Log: slog.New(slog.NewTextHandler(&log, nil)), SlowPass: time.Minute,
		})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute+time.Second)
		defer cancel()
		if err := loop.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if n := engine.looked.Load(); n != 4 {
			t.Errorf("looked %d times, want at once and at three slow passes", n)
		}
		if n := strings.Count(log.String(), "pod network made anew"); n != 1 {
			t.Errorf("told %d times that a network was made anew:\n%s", n, log.String())
		}
		if n := strings.Count(log.String(), "boom"); n != 1 {
			t.Errorf("told %d times of one error:\n%s", n, log.String())
		}
	})
}
