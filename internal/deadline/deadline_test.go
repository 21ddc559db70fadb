package deadline_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"berth/internal/deadline"
)

func TestADeadlineMovesNearerAndNeverAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		ctx, d := deadline.With(t.Context(), start.Add(30*time.Second))
		defer d.Stop()
		d.Sooner(start.Add(time.Minute))
		d.Sooner(start.Add(10 * time.Second))
		d.Sooner(start.Add(20 * time.Second))
		<-ctx.Done()
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("it ended after %s", took)
		}
		if cause := context.Cause(ctx); !errors.Is(cause, context.DeadlineExceeded) {
			t.Errorf("cause %v", cause)
		}
	})
}

func TestADeadlineThatHasPassedEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		ctx, d := deadline.With(t.Context(), start.Add(time.Hour))
		defer d.Stop()
		d.Sooner(start.Add(-time.Second))
		<-ctx.Done()
		if took := time.Since(start); took > time.Millisecond {
			t.Errorf("it ended after %s", took)
		}
	})
}

func TestItEndsWithItsParentAndByStop(t *testing.T) {
	parent, cancel := context.WithCancel(t.Context())
	child, d := deadline.With(parent, time.Now().Add(time.Hour))
	cancel()
	<-child.Done()
	d.Stop()
	other, d := deadline.With(t.Context(), time.Now().Add(time.Hour))
	d.Stop()
	<-other.Done()
	if cause := context.Cause(other); !errors.Is(cause, context.Canceled) {
		t.Errorf("cause %v", cause)
	}
}
