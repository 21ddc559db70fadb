package reconciler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"berth/engine/spec"
)

// What a worker does in a turn; worker.go has when.

// reconcile looks at the pod once and does what it needs now.
func (w *worker) reconcile(ctx context.Context, t target) (podState, error) {
	have, err := w.observe(ctx, t)
	if err != nil {
		return podState{}, err
	}
	if have != nil && w.probes != nil {
		w.probes.Sync(have) // it may be on its way out, which takes long
	}
	p, ok := replan(t, have)
	if !ok {
		switch {
		case have == nil:
			return podState{}, nil
		case have.Removal != nil:
			defer w.poke() // it may be there all the same
			return podState{}, w.finishRemoval(ctx, &have.Pod)
		}
		return w.supervise(ctx, have, nil)
	}
	state, err := w.carryOut(ctx, t, p)
	if errors.Is(err, spec.ErrExists) { // somebody made it before us: look who
		if have, err = w.find(ctx, t); err != nil {
			return podState{}, err
		}
		if p, ok = replan(t, have); ok {
			return w.carryOut(ctx, t, p)
		}
	}
	return state, err
}

// replan decides again, with what is there now. ok is false if nobody wants or
// prunes the pod.
func replan(t target, have *spec.PodStatus) (p PodPlan, ok bool) {
	var seen []spec.PodStatus
	if have != nil {
		seen = append(seen, *have)
	}
	scope := t.scope
	if t.plan.Desired != nil {
		scope.Prune = PruneNone
		return MakePlan([]*spec.Pod{t.plan.Desired}, seen, scope)[0], true
	}
	if t.plan.Action != ActionRemove {
		return PodPlan{}, false
	}
	plan := MakePlan(nil, seen, scope)
	if len(plan) == 0 {
		return PodPlan{}, false
	}
	return plan[0], true
}

// carryOut does what the plan says, then what the containers need.
func (w *worker) carryOut(ctx context.Context, t target, p PodPlan) (podState, error) {
	if w.mustWait(p) {
		return outdatedState(p), nil
	}
	switch p.Action {
	case ActionRefuse:
		return podState{seen: p.Observed}, fmt.Errorf("%s", p.Reason)
	case ActionRemove:
		return podState{}, w.prune(ctx, p)
	case ActionCreate, ActionReplace:
		return w.bringAbout(ctx, t, p)
	}
	if p.touches() {
		err := w.locked(ctx, p.Observed.Pod.Key(), func() error { return w.touch(ctx, p) })
		if err != nil { // what runs goes on, and is looked after
			state, _ := w.supervise(ctx, p.Observed, nil) // tried again with the next event
			return state, prepareError{err}
		}
		w.tell(ctx, p)
		if p.restarts() || p.Describe {
			return w.superviseNow(ctx, p)
		}
	}
	return w.supervise(ctx, p.Observed, p.Desired)
}

// outdatedTime is when an outdated target is looked at again, should no set
// have replaced it.
const outdatedTime = time.Second

// outdatedState is that of a pod whose target is outdated.
func outdatedState(p PodPlan) podState {
	return podState{seen: p.Observed, next: Next{At: time.Now().Add(outdatedTime)}}
}

// errOutdated says that a target became outdated before its pod was locked.
var errOutdated = errors.New("the pod's object was changed meanwhile")

// mustWait reports whether a plan would change a pod by what is no longer so.
func (w *worker) mustWait(p PodPlan) bool {
	switch p.Action {
	case ActionKeep, ActionRefuse:
		return false
	case ActionRemove:
		return w.outdated(&p.Observed.Pod, false)
	}
	return w.outdated(p.Desired, true)
}

// bringAbout creates or replaces the pod.
func (w *worker) bringAbout(ctx context.Context, t target, p PodPlan) (podState, error) {
	if why := lacksVolume(p.Desired); why != "" {
		switch {
		case p.Observed != nil: // it goes on, and is looked after
			return w.supervise(ctx, p.Observed, nil)
		case w.overdue(t):
			return w.giveUp(ctx, t)
		}
		return w.waitForVolumes(t, why), nil
	}
	prepared, err := w.prepareInTime(ctx, t, p)
	if p.Observed == nil && w.overdue(t) {
		return w.giveUp(ctx, t)
	}
	if err != nil {
		state := podState{seen: p.Observed}
		if p.Observed != nil { // what ran before goes on, and is looked after
			state, _ = w.supervise(ctx, p.Observed, nil) // tried again with the next event
		}
		return state, prepareError{err}
	}
	prepared.Previous = previousImages(p.Observed, prepared)
	var id spec.PodID
	err = w.replace(ctx, p.Observed, prepared.Key(), RemoveOptions{Grace: ownGrace}, func() error {
		since := time.Now()
		if p.Observed == nil {
			if w.mustWait(p) { // images may take long, and so may whoever had the lock
				return errOutdated
			}
			since = w.wantedSince(t)
		}
		id, err = w.createSince(ctx, prepared, since)
		return err
	})
	if id != "" && !errors.Is(err, spec.ErrExists) {
		w.knows(id)
	}
	switch {
	case errors.Is(err, errOutdated):
		return outdatedState(p), nil
	case err != nil:
		return podState{}, err
	}
	w.tell(ctx, p)
	return w.look(ctx, id)
}

// look observes without acting.
func (w *worker) look(ctx context.Context, id spec.PodID) (podState, error) {
	st, err := w.engine.ObservePod(ctx, id)
	if err != nil {
		if gone(err) {
			return podState{}, nil
		}
		return podState{}, err
	}
	next := NextOf(&st, time.Now(), Hurry{})
	if !next.Idle() {
		w.poke()
	}
	return podState{seen: &st, next: next}, nil
}

// prune removes a pod that nobody wants.
func (w *worker) prune(ctx context.Context, p PodPlan) error {
	pod := &p.Observed.Pod
	if err := w.removing(ctx, pod, RemoveOptions{Grace: ownGrace}); err != nil {
		return fmt.Errorf("remove pod %s: %w", p.Key, err)
	}
	w.tell(ctx, p)
	return nil
}

// finishRemoval goes on with a pod that somebody is removing, or was when killed:
// it waits until that is done, and does what is left. By when it has to be over
// was recorded then.
func (w *worker) finishRemoval(ctx context.Context, pod *spec.Pod) error {
	return w.locked(ctx, pod.Key(), func() error {
		st, err := w.engine.ObservePod(ctx, pod.ID)
		switch {
		case gone(err):
			return nil
		case err != nil:
			return err
		case st.Removal == nil: // somebody wanted it again
			return nil
		case st.Removal.Volumes:
			return w.removeWithVolumes(ctx, &st.Pod, st.Removal.Grace)
		}
		return w.remove(ctx, pod.ID, st.Removal.Grace)
	})
}

// supervise gives the containers what they need. It takes the lock only if
// there is something to do.
func (w *worker) supervise(ctx context.Context, have *spec.PodStatus, want *spec.Pod) (podState, error) {
	next := NextOf(have, time.Now(), Hurry{})
	if next.Idle() {
		return podState{seen: have, next: next}, nil
	}
	w.mu.Lock()
	w.report = podState{seen: have, next: next} // ending a container may take long
	w.mu.Unlock()
	w.events.stir()
	images := pulls{}
	if len(next.Start) > 0 {
		if err := w.startNeeds(ctx, &have.Pod, next.Start, nil); err != nil {
			return podState{seen: have, next: next}, err
		}
		images = w.pullAgain(ctx, have, next.Start)
	}
	err := w.locked(ctx, have.Pod.Key(), func() error {
		st, _, err := w.advanceWith(ctx, have.Pod.ID, want, Hurry{}, images)
		if st != nil {
			have = st
		}
		return err
	})
	switch {
	case gone(err):
		return podState{}, nil
	case errors.Is(err, errPullFirst):
		w.poke()
	case err != nil:
		return podState{seen: have, next: next}, err
	}
	return w.look(ctx, have.Pod.ID)
}

// superviseNow is supervise of a pod that has changed since it was seen.
func (w *worker) superviseNow(ctx context.Context, p PodPlan) (podState, error) {
	st, err := w.engine.ObservePod(ctx, p.Observed.Pod.ID)
	if err != nil {
		return podState{seen: p.Observed}, err
	}
	return w.supervise(ctx, &st, p.Desired)
}

// observe looks at the pod the worker knows of; nil if there is none.
func (w *worker) observe(ctx context.Context, t target) (*spec.PodStatus, error) {
	if t.id != "" {
		st, err := w.engine.ObservePod(ctx, t.id)
		if err == nil {
			w.missing = time.Time{}
			return &st, nil
		}
		if !gone(err) {
			return nil, err
		}
	}
	if w.missing.IsZero() {
		w.missing = time.Now()
	}
	return nil, nil
}

// find looks for the pod among all there are.
func (w *worker) find(ctx context.Context, t target) (*spec.PodStatus, error) {
	all, err := w.engine.Observe(ctx)
	if err != nil {
		return nil, err
	}
	if t.plan.Desired == nil {
		return nil, nil
	}
	have, _ := index(all).match(t.plan.Desired, t.scope)
	if have != nil {
		w.knows(have.Pod.ID)
	}
	return have, nil
}

// tell logs what was done, once.
func (w *worker) tell(ctx context.Context, p PodPlan) {
	done := map[Action]string{
		ActionCreate: "pod created", ActionReplace: "pod replaced", ActionRemove: "pod removed",
		ActionUpdate: "pod updated", ActionAdopt: "pod adopted", ActionRestart: "pod updated", ActionResize: "pod resized",
	}[p.Action]
	w.log.InfoContext(ctx, done, "pod", p.Key.String(), "reason", p.Reason)
	if p.Action != ActionCreate { // its containers tell of themselves
		w.events.add(p.Key, EventNormal, eventReason(p.Action), p.Reason)
	}
}

func eventReason(a Action) string {
	return map[Action]string{
		ActionReplace: "Replaced", ActionRemove: "Removed",
		ActionUpdate: "Updated", ActionAdopt: "Adopted", ActionRestart: "Updated", ActionResize: "Resized",
	}[a]
}

// reasonOf is the kubelet's word for why a pod does not start.
func reasonOf(err error) string {
	var taken *spec.PortTakenError
	var image *imageError
	var remembered *rememberedError
	switch {
	case errors.As(err, &image):
		return image.why()
	case errors.As(err, &remembered):
		return remembered.reason
	case errors.Is(err, errResize):
		return "ResizeError"
	case errors.Is(err, spec.ErrPull):
		return reasonPull
	case errors.Is(err, spec.ErrImageMissing):
		return reasonNeverPull
	case errors.Is(err, spec.ErrCommand):
		return reasonRun
	case errors.Is(err, spec.ErrConfig):
		return reasonConfig
	case errors.As(err, &taken):
		return "NodePorts"
	}
	return "CreateContainerError"
}
