package reconciler

import (
	"context"
	"errors"
	"time"

	"berth/engine/spec"
)

// rememberedError is a failure of an earlier supervisor.
type rememberedError struct{ reason, message string }

func (e *rememberedError) Error() string { return e.message }

// recall begins with a new target where the supervisor before left it, if it
// failed at the same: with its back-off, and why.
func (w *worker) recall(ctx context.Context, t target) failure {
	f := failure{gen: t.gen}
	want, old := t.plan.Desired, w.waits
	w.waits, w.missing = nil, time.Time{}
	if old != nil && (want == nil || want.Key() != old.Key) {
		w.unwait(ctx, old.Key)
	}
	if want == nil {
		return f
	}
	wait, ok, err := w.engine.ReadWait(ctx, want.Key())
	if err != nil {
		w.log.WarnContext(ctx, "why a pod could not be made is not known any more", "pod", want.Key().String(), "error", err)
	}
	if !ok {
		return f
	}
	w.waits = &wait
	if wait.Hash != want.Hash {
		return f
	}
	now := time.Now()
	if wait.At.After(now) { // the clock was set back: nobody waits for that
		wait.At = now
	}
	if now.Sub(wait.At) > backoffReset {
		return f
	}
	f.retry = retry{delay: wait.Delay, tries: wait.Tries}
	f.until, f.old = wait.At.Add(wait.Delay), true
	f.err = waitingFor(recalled(&wait), wait.Tries)
	return f
}

// recalled is the error that a wait tells of.
func recalled(w *spec.Wait) error {
	if w.Image == "" {
		return &rememberedError{w.Reason, w.Message}
	}
	return &imageError{container: w.Container, image: w.Image, reason: w.Reason, err: errors.New(w.Message)}
}

// wait records a failure before anything was touched, for the supervisor after
// this one.
func (w *worker) wait(ctx context.Context, t target, f *failure, err error) {
	want := t.plan.Desired
	if want == nil || !isPrepareError(err) {
		return
	}
	next := spec.Wait{
		Key: want.Key(), Hash: want.Hash, Since: w.wantedSince(t), Tries: f.tries, Delay: f.delay, At: time.Now(),
		Reason: reasonOf(err), Message: err.Error(),
	}
	var image *imageError
	if errors.As(err, &image) {
		next.Container, next.Image, next.Reason, next.Message = image.container, image.image, image.reason, image.err.Error()
	}
	w.waits = &next
	if err := w.engine.SaveWait(ctx, next); err != nil {
		w.log.WarnContext(ctx, "why a pod could not be made is not recorded", "pod", want.Key().String(), "error", err)
	}
}

// unwait forgets why a pod could not be made.
func (w *worker) unwait(ctx context.Context, key spec.PodKey) {
	w.waits = nil
	if err := w.engine.RemoveWait(ctx, key); err != nil {
		w.log.WarnContext(ctx, "that a pod could not be made is not forgotten", "pod", key.String(), "error", err)
	}
}

// wantedSince is since when the target's pod is wanted and is not there, for any
// supervisor.
func (w *worker) wantedSince(t target) time.Time {
	switch {
	case w.waits != nil && w.waits.Hash == t.plan.Desired.Hash:
		return w.waits.Since
	case w.missing.IsZero():
		return time.Now()
	}
	return w.missing
}

// overdueAt is when the time of a pod is over that was not made yet; zero: never.
func (w *worker) overdueAt(t target) time.Time {
	want := t.plan.Desired
	if want == nil || want.ActiveDeadline == 0 {
		return time.Time{}
	}
	return w.wantedSince(t).Add(want.ActiveDeadline)
}

// overdue reports whether that is now.
func (w *worker) overdue(t target) bool {
	at := w.overdueAt(t)
	return !at.IsZero() && !at.After(time.Now())
}

// prepareInTime has a pod's images fetched while there is time for it.
func (w *worker) prepareInTime(ctx context.Context, t target, p PodPlan) (*spec.Pod, error) {
	if at := w.overdueAt(t); p.Observed == nil && !at.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, at)
		defer cancel()
	}
	return w.prepare(ctx, p.Desired, spec.PullOptions{})
}

// giveUp records a pod whose time is over before it could be made: that it was is
// all there will ever be of it.
func (w *worker) giveUp(ctx context.Context, t target) (podState, error) {
	pod := *t.plan.Desired
	pod.ID, pod.CreatedAt = spec.NewPodID(), w.wantedSince(t)
	err := w.locked(ctx, pod.Key(), func() error {
		if err := w.engine.RecordPod(ctx, &pod, nil); err != nil {
			return err
		}
		st := fresh(&pod)
		return w.do(ctx, st, &pod, NextOf(st, time.Now(), Hurry{}))
	})
	switch {
	case errors.Is(err, spec.ErrExists): // somebody made it in the meantime
		have, err := w.find(ctx, t)
		return podState{seen: have}, err
	case err != nil:
		return podState{}, err
	}
	w.knows(pod.ID)
	return w.look(ctx, pod.ID)
}

// sweepWaits forgets pods that nobody wants any more: who wanted them went while
// there was no supervisor.
func (l *Loop) sweepWaits(ctx context.Context, wanted []*spec.Pod) {
	waits, err := l.opts.Engine.ListWaits(ctx)
	there := map[spec.PodKey]bool{}
	for _, p := range wanted {
		there[p.Key()] = true
	}
	for _, w := range waits {
		if !there[w.Key] {
			err = errors.Join(err, l.opts.Engine.RemoveWait(ctx, w.Key))
		}
	}
	if err != nil {
		l.opts.Log.WarnContext(ctx, "what is remembered of pods that nobody wants is not forgotten", "error", err)
	}
}
