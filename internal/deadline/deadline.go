package deadline

import (
	"context"
	"sync"
	"time"
)

// Deadline ends a context.
type Deadline struct {
	mu     sync.Mutex
	at     time.Time
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

// With returns a context that ends with ctx, at the deadline, or when Stop is
// called. At the deadline its cause is context.DeadlineExceeded. Stop must be
// called.
func With(ctx context.Context, at time.Time) (context.Context, *Deadline) {
	ctx, cancel := context.WithCancelCause(ctx)
	d := &Deadline{at: at, cancel: cancel}
	d.timer = time.AfterFunc(soon(at), func() { cancel(context.DeadlineExceeded) })
	return ctx, d
}

// Sooner moves the deadline; a later one than before changes nothing.
func (d *Deadline) Sooner(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if at.Before(d.at) {
		d.at = at
		d.timer.Reset(soon(at))
	}
}

// Stop ends the context, if it has not ended.
func (d *Deadline) Stop() {
	d.timer.Stop()
	d.cancel(context.Canceled)
}

// soon is how long it is until then; never nothing: timers that are due when
// they are made crash the race detector in a test's fake time (Go 1.26).
func soon(at time.Time) time.Duration { return max(time.Until(at), time.Nanosecond) }
