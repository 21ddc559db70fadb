package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"berth/engine/spec"
)

// worker makes all changes of one pod, in one goroutine that ends with the
// loop's context or when nobody wants the pod and it is gone. The latest target
// wins; a wake-up says nothing but "look".
//
//	     ┌──────── wake, new target, back-off over ────────┐
//	     ▼                                                 │
//	observe ─▶ plan ─▶ (fetch images) ─▶ lock, act ─▶ rest ┘
type worker struct {
	*actor
	slot spec.Origin
	wake chan struct{} // holds one
	// outdated reports whether the target may be that of a set which is being
	// replaced: then nothing is made or removed by it.
	outdated func(pod *spec.Pod, wanted bool) bool
	rested   func() // called when the pod needs no supervisor any more
	resting  bool   // its last turn found it so; run's own

	// Of a pod that is not there; run's alone.
	waits   *spec.Wait // what is remembered of why it could not be made
	missing time.Time  // since when it is not, as far as this worker saw

	mu      sync.Mutex
	target  target
	report  podState
	turned  bool // it has looked at its pod
	turning bool // it is at it

	living living
}

// target is what a worker is to bring about.
type target struct {
	plan  PodPlan // as it was when the source was last read
	scope Scope
	gen   int        // raised with every change
	since time.Time  // when that was last
	id    spec.PodID // the pod that is there, "" if none is known
}

// podState is what a worker last saw, for status.
type podState struct {
	seen    *spec.PodStatus
	next    Next
	err     error
	retryAt time.Time
	since   time.Time // since when the pod is wanted
}

func newWorker(a *actor, slot spec.Origin, outdated func(*spec.Pod, bool) bool, rested func()) *worker {
	return &worker{actor: a, slot: slot, wake: make(chan struct{}, 1), outdated: outdated, rested: rested}
}

// aim gives the worker a target and reports whether it is another than before.
// A failure's back-off goes on unless it is.
func (w *worker) aim(p PodPlan, scope Scope) (another bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if another = !sameAim(w.target.plan, p); another {
		w.target.gen++
		w.target.since = time.Now()
	}
	w.target.plan, w.target.scope = p, scope
	if p.Observed != nil {
		w.target.id = p.Observed.Pod.ID
		if w.report.seen == nil {
			w.report = podState{seen: p.Observed, next: NextOf(p.Observed, time.Now(), Hurry{})}
		}
	}
	return another
}

// sameAim reports whether two plans are after the same thing.
func sameAim(a, b PodPlan) bool {
	if a.Desired == nil || b.Desired == nil {
		return a.Desired == b.Desired && (a.Action == ActionRemove) == (b.Action == ActionRemove)
	}
	return a.Desired.Hash == b.Desired.Hash && a.Desired.Key() == b.Desired.Key() &&
		a.Desired.Owner == b.Desired.Owner && len(changedFiles(a.Desired, b.Desired)) == 0 && a.Desired.SameManifest(b.Desired)
}

// reported reports whether the worker knows the pod as it is seen here, and
// status tells of it so.
func (w *worker) reported(st *spec.PodStatus) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := w.report.seen
	gated := slices.ContainsFunc(st.Pod.All(), func(c spec.Container) bool { return c.Gated() })
	if gated && !w.turned || last == nil || st.Removal != nil || last.Sandbox != st.Sandbox || last.Stopped != st.Stopped {
		return false
	}
	return slices.EqualFunc(last.Containers, st.Containers, func(a, b spec.ContainerStatus) bool {
		x, y := lifeOf(&a), lifeOf(&b)
		return a.ID == b.ID && a.State == b.State && a.Stopped == b.Stopped &&
			x.PostStart == y.PostStart && x.Started == y.Started && x.Ready == y.Ready && (x.Doomed == nil) == (y.Doomed == nil)
	})
}

// knows tells the worker that a pod in its place was seen.
func (w *worker) knows(id spec.PodID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.target.id = id
}

func (w *worker) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// begin is the target of the turn that begins now.
func (w *worker) begin() target {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turning = true
	return w.target
}

// end is that of a turn that told nothing.
func (w *worker) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turning = false
}

func (w *worker) current() target {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.target
}

// run works until ctx ends or the worker may go: leave is asked when there is
// nothing left to look after.
func (w *worker) run(ctx context.Context, leave func(*worker) bool) {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	defer w.living.wait()
	var f failure
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		case <-timer.C:
		}
		again, over := w.work(ctx, &f, leave)
		if over {
			return
		}
		timer.Stop()
		if !again.IsZero() {
			timer.Reset(until(again))
		}
	}
}

// work is one turn and what follows from it: when the next one is due, if none
// is called for before, and whether the worker may go. It is apart from run
// because what it has on its stack is much, and all workers wait in run.
func (w *worker) work(ctx context.Context, f *failure, leave func(*worker) bool) (again time.Time, over bool) {
	t := w.begin()
	state, err := w.turn(ctx, t, f)
	if ctx.Err() != nil {
		w.end()
		return time.Time{}, true
	}
	if err != nil {
		delay := f.again(t.gen, err)
		w.log.WarnContext(ctx, "pod cannot be brought about", "pod", t.plan.Key.String(), "error", err, "retryIn", delay.String())
		w.tellFailure(t.plan.Key, err)
		f.err, f.old = waitingFor(err, f.tries), isPrepareError(err)
		w.wait(ctx, t, f, err)
		w.tellWaiting(t.plan.Key, f.err)
	}
	state.err, state.retryAt = f.err, f.until
	if t.plan.Desired != nil {
		state.since = w.wantedSince(t)
	}
	w.tellBackoffs(state)
	w.tellLacks(t, state)
	w.attend(ctx, t, &state)
	w.mu.Lock()
	w.report, w.turned, w.turning = state, true, false
	w.mu.Unlock()
	w.events.stir()
	was := w.resting
	if w.resting = state.seen != nil && !needsSupervisor(*state.seen); w.resting && !was {
		w.rested()
	}
	return earlier(w.tryAt(t, state, f), state.next.At), f.err == nil && state.seen == nil && leave(w)
}

// tellBackoffs tells, once for each, which containers wait for their next try.
func (w *worker) tellBackoffs(state podState) {
	before := w.lastReport()
	if state.seen == nil {
		return
	}
	for _, name := range sortedKeys(state.next.Waiting) {
		wait := state.next.Waiting[name]
		if wait.Reason == reasonCrashLoop && name != infraHistory && !wait.Until.Equal(before.next.Waiting[name].Until) {
			w.events.add(state.seen.Pod.Key(), EventWarning, "BackOff",
				fmt.Sprintf("Back-off restarting failed container %s in pod %s", name, state.seen.Pod.Name))
		}
	}
}

func (w *worker) lastReport() podState {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.report
}

// failure is what a worker remembers of its last turn, if that failed.
type failure struct {
	retry
	gen   int       // of the target that failed
	until time.Time // no new try before; zero: the last turn went well
	err   error
	old   bool // it failed before anything was touched: what ran before runs on
}

func (f *failure) again(gen int, err error) time.Duration {
	delay := f.next(err)
	f.gen, f.until = gen, time.Now().Add(delay)
	return delay
}

// turn is one go at the target. While a failed one waits for its next try,
// events are mostly echoes of the failure and must not hurry it; but a pod that
// runs on until its successor can be had is looked after all the same.
func (w *worker) turn(ctx context.Context, t target, f *failure) (podState, error) {
	if f.gen != t.gen {
		*f = w.recall(ctx, t)
	}
	if time.Now().Before(f.until) {
		if !f.old {
			return w.bide(ctx, t)
		}
		have, err := w.observe(ctx, t)
		switch {
		case err != nil:
			return podState{}, err
		case have != nil:
			return w.supervise(ctx, have, nil)
		case !w.overdue(t):
			return podState{}, nil
		}
	}
	state, err := w.reconcile(ctx, t)
	if err == nil {
		*f = failure{gen: t.gen}
		if w.waits != nil {
			w.unwait(ctx, w.waits.Key)
		}
	}
	return state, err
}

// tryAt is when a failed target is tried again, or is over; zero: it has not failed.
func (w *worker) tryAt(t target, state podState, f *failure) time.Time {
	if over := w.overdueAt(t); f.err != nil && state.seen == nil && over.After(time.Now()) {
		return earlier(f.until, over)
	}
	return f.until
}

// bide looks at a pod whose next try is yet to come: nothing is started, but what
// is doomed, or over, is ended all the same.
func (w *worker) bide(ctx context.Context, t target) (podState, error) {
	have, err := w.observe(ctx, t)
	if err != nil || have == nil {
		return podState{}, err
	}
	next := NextOf(have, time.Now(), Hurry{})
	if next.Verdict != nil || have.Verdict != nil || have.Stopped {
		return w.supervise(ctx, have, nil)
	}
	state := podState{seen: have, next: Next{Hook: next.Hook, Waiting: next.Waiting}}
	if len(next.End) == 0 {
		return state, nil
	}
	return state, w.locked(ctx, have.Pod.Key(), func() error {
		st, err := w.engine.ObservePod(ctx, have.Pod.ID)
		if err != nil {
			return err
		}
		return w.endDoomed(ctx, &st, NextOf(&st, time.Now(), Hurry{}).End)
	})
}

// prepareError is a failure before anything was touched.
type prepareError struct{ error }

func (e prepareError) Unwrap() error { return e.error }

func isPrepareError(err error) bool {
	var p prepareError
	return errors.As(err, &p)
}

// until is the time until at, never nothing: the race detector crashes when two
// timers that are due as they are set are set at a time in a test's fake time.
func until(at time.Time) time.Duration {
	return max(time.Until(at), time.Nanosecond)
}

// earlier is the earlier of two times that are set.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
