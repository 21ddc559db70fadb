package reconciler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"time"

	"berth/engine/spec"
	"berth/reconciler/probe"
)

// stopsAtOnce bounds how many pods are taken down at a time. It is wide: most
// of the time goes by in waiting for processes to end.
const stopsAtOnce = 128

// observedTooOften bounds how often one pod is looked at again without pause.
const observedTooOften = 8

// actor changes pods: what Loop and Apply have in common. It decides nothing
// but by NextOf.
type actor struct {
	engine Engine
	log    *slog.Logger
	events *Events
	setup  limiter    // sandboxes and containers being made
	stop   limiter    // pods being taken down
	probes *probe.Set // of a supervisor; nil: nobody probes
	health *checkups  // likewise
	// patient: a container that cannot start for a reason of its own is told of, and
	// tried again when NextOf says so; else that is an error. A supervisor is.
	patient bool
}

func newActor(engine Engine, log *slog.Logger, events *Events) *actor {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &actor{
		engine: engine, log: log, events: events,
		setup: make(limiter, 2*runtime.GOMAXPROCS(0)), stop: make(limiter, stopsAtOnce),
	}
}

// limiter lets so many through at a time as its capacity.
type limiter chan struct{}

// do runs f when there is room, or fails when ctx ends first.
func (l limiter) do(ctx context.Context, f func() error) error {
	select {
	case l <- struct{}{}:
		defer func() { <-l }()
		return f()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// locked runs f under the lock of key.
func (a *actor) locked(ctx context.Context, key spec.PodKey, f func() error) error {
	unlock, err := a.engine.Lock(ctx, key)
	if err != nil {
		return fmt.Errorf("lock pod %s: %w", key, err)
	}
	defer unlock()
	return f()
}

// prepare is all that comes before anything is taken down: images, and what
// the engine says of the pod.
func (a *actor) prepare(ctx context.Context, pod *spec.Pod, pull spec.PullOptions) (*spec.Pod, error) {
	resolved, err := a.resolve(ctx, pod, pull)
	if err != nil {
		return nil, err
	}
	return resolved, a.engine.CheckPod(ctx, resolved)
}

// create makes a prepared pod and starts what starts first. Its lock is held.
func (a *actor) create(ctx context.Context, pod *spec.Pod) (spec.PodID, error) {
	return a.createSince(ctx, pod, time.Now())
}

// createSince is create of a pod that was waited for since then.
func (a *actor) createSince(ctx context.Context, pod *spec.Pod, since time.Time) (spec.PodID, error) {
	made := *pod
	made.ID, made.CreatedAt = spec.NewPodID(), since
	st := fresh(&made)
	return made.ID, a.do(ctx, st, &made, NextOf(st, time.Now(), Hurry{}))
}

// fresh is the status of a pod that was not made yet.
func fresh(pod *spec.Pod) *spec.PodStatus {
	st := &spec.PodStatus{Pod: *pod, Sandbox: spec.SandboxNone}
	for _, c := range pod.All() {
		st.Containers = append(st.Containers, spec.ContainerStatus{
			Name: c.Name, Init: pod.IsInit(c.Name), State: spec.StateNone,
		})
	}
	return st
}

// do carries out one Next of a pod that was seen so. The pod's lock is held. pod
// is the observed one with the contents of its files.
func (a *actor) do(ctx context.Context, st *spec.PodStatus, pod *spec.Pod, next Next) error {
	if next.History != nil {
		if err := a.engine.SaveHistory(ctx, pod.ID, next.History); err != nil {
			return fmt.Errorf("save the history of pod %s: %w", pod.Key(), err)
		}
	}
	switch {
	case next.Verdict != nil:
		a.log.WarnContext(ctx, "pod is over", "pod", pod.Key().String(), "reason", next.Verdict.Reason, "message", next.Verdict.Message)
		a.events.of(pod, "", EventWarning, next.Verdict.Reason, next.Verdict.Message)
		return a.engine.SaveVerdict(ctx, pod.ID, next.Verdict)
	case next.Down != "":
		return a.down(ctx, st, next.Down)
	}
	started, err := a.bringUp(ctx, pod, next)
	a.tellRestarts(ctx, st, next, started)
	return errors.Join(err, a.endDoomed(ctx, st, next.End), a.removeEnded(ctx, pod, next.Remove))
}

// down takes a pod down that is not to be forgotten.
func (a *actor) down(ctx context.Context, st *spec.PodStatus, why string) error {
	level := slog.LevelWarn
	if why == downEnded {
		level = slog.LevelInfo
	}
	a.log.Log(ctx, level, "pod is taken down", "pod", st.Pod.Key().String(), "reason", why)
	if st.Sandbox == spec.SandboxLost && !st.Stopped && st.Verdict == nil {
		a.events.of(&st.Pod, "", EventNormal, "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
	}
	return a.stopPod(ctx, st, ownGrace)
}

// bringUp makes the sandbox and starts containers, and says which it did.
func (a *actor) bringUp(ctx context.Context, pod *spec.Pod, next Next) (started []string, err error) {
	if !next.Ensure && len(next.Start) == 0 {
		return nil, nil
	}
	err = a.setup.do(ctx, func() error {
		var failed []string
		if next.Ensure {
			if failed, err = a.bear(ctx, pod, a.engine.EnsurePod(ctx, pod, atOnce(pod, next.Start))); err != nil {
				return err
			}
		}
		for _, name := range next.Start {
			if !slices.Contains(failed, name) {
				fails, err := a.bear(ctx, pod, a.engine.StartContainer(ctx, pod.ID, name))
				if err != nil {
					return err
				}
				failed = append(failed, fails...)
			}
			switch {
			case !slices.Contains(failed, name):
				started = append(started, name)
				a.events.of(pod, name, EventNormal, "Created", "Created container "+name)
				a.events.of(pod, name, EventNormal, "Started", "Started container "+name)
			case pod.IsInit(name):
				return nil // those after it wait for it
			}
		}
		return nil
	})
	return started, err
}

// bear tells of containers that could not start for reasons of their own, and
// names them, where that is no error.
func (a *actor) bear(ctx context.Context, pod *spec.Pod, err error) (failed []string, _ error) {
	if !a.patient {
		return nil, err
	}
	list := spec.StartErrors(err)
	if list == nil {
		return nil, err
	}
	for _, e := range list {
		a.log.WarnContext(ctx, "container cannot be started", "pod", pod.Key().String(), "container", e.Container, "error", e.Err)
		a.events.of(pod, e.Container, EventWarning, "Failed", "Error: "+e.Error())
		failed = append(failed, e.Container)
	}
	return failed, nil
}

// advance takes a pod as far as it goes now: it observes, decides and acts until
// there is nothing to do at this moment, or something was started. Its lock is
// held. want, if the pod is wanted, has the contents of its files.
func (a *actor) advance(ctx context.Context, id spec.PodID, want *spec.Pod, hurry Hurry) (*spec.PodStatus, Next, error) {
	return a.advanceWith(ctx, id, want, hurry, nil)
}

// advanceWith is advance where images are pulled again before; nil: nobody does.
func (a *actor) advanceWith(
	ctx context.Context, id spec.PodID, want *spec.Pod, hurry Hurry, images pulls,
) (*spec.PodStatus, Next, error) {
	for range observedTooOften {
		st, err := a.engine.ObservePod(ctx, id)
		if err != nil {
			return nil, Next{}, err
		}
		next := NextOf(&st, time.Now(), hurry)
		if next.Idle() {
			return &st, next, nil
		}
		if images != nil {
			if err := a.takeImages(ctx, &st, &next, images); err != nil {
				return &st, next, err
			}
		}
		if err := a.do(ctx, &st, st.Pod.WithContents(want), next); err != nil {
			return &st, next, err
		}
		if len(next.Start) > 0 && len(next.End) == 0 {
			return &st, next, nil
		}
	}
	return nil, Next{}, fmt.Errorf("pod %s does not come to rest", id.Short())
}

// tellRestarts logs which of the started containers were started again.
func (a *actor) tellRestarts(ctx context.Context, st *spec.PodStatus, next Next, started []string) {
	history := st.History
	if next.History != nil {
		history = next.History
	}
	for _, name := range started {
		if c, ok := st.Container(name); ok && c.Finished() {
			a.log.InfoContext(ctx, "container restarted", "pod", st.Pod.Key().String(), "container", name,
				"exitCode", c.ExitCode, "restarts", history[name].Restarts)
		}
	}
}

// endDoomed ends containers whose pod goes on. The pod's lock is held.
func (a *actor) endDoomed(ctx context.Context, st *spec.PodStatus, list []Ending) error {
	if len(list) == 0 {
		return nil
	}
	for _, e := range list {
		level := slog.LevelInfo
		if e.Reason == reasonHook || e.Reason == probe.UnhealthyReason {
			level = slog.LevelWarn
		}
		a.log.Log(ctx, level, "container is ended", "pod", st.Pod.Key().String(), "container", e.Name, "reason", e.Reason)
	}
	return a.stop.do(ctx, func() error { return a.endThose(ctx, st, list) })
}

// remove takes a pod down and forgets it. Its lock is held. A negative grace is
// the pod's own.
func (a *actor) remove(ctx context.Context, id spec.PodID, grace time.Duration) error {
	return a.stop.do(ctx, func() error {
		st, err := a.engine.ObservePod(ctx, id)
		switch {
		case gone(err):
			return nil
		case err == nil:
			err = a.terminate(ctx, &st, grace)
		}
		if ctx.Err() != nil {
			return err
		}
		err = errors.Join(err, a.engine.RemovePod(ctx, id, 0))
		a.dropHookLocks(ctx, &st.Pod)
		return err
	})
}

// stopPod takes a pod down, seen so, and keeps its record. Its lock is held. A
// negative grace is the pod's own.
func (a *actor) stopPod(ctx context.Context, st *spec.PodStatus, grace time.Duration) error {
	return a.stop.do(ctx, func() error {
		err := a.terminate(ctx, st, grace)
		if ctx.Err() != nil {
			return err
		}
		return errors.Join(err, a.engine.StopPod(ctx, st.Pod.ID, 0))
	})
}

// ending runs f under the lock of a pod that is to come down within grace, or
// its own. If somebody is ending it already, or a container of it, that takes no
// longer either.
func (a *actor) ending(ctx context.Context, pod *spec.Pod, grace time.Duration, f func() error) error {
	least, _ := leastTimes(pod)
	unsaid := a.engine.Hasten(ctx, pod.ID, "", time.Now().Add(max(graceOf(pod, grace), least)))
	if unsaid != nil {
		unsaid = fmt.Errorf("hasten the end of pod %s: %w", pod.Key(), unsaid)
	}
	return despite(unsaid, a.locked(ctx, pod.Key(), f))
}

// despite is how something ended before which others were to be told of it, and
// perhaps were not: what comes down needs no room on a full disk, and makes some. Once
// it is down nobody has to know that it was to be.
func despite(unsaid, err error) error {
	if err == nil || gone(unsaid) {
		return err
	}
	return errors.Join(unsaid, err)
}

// removing is ending of a pod that is forgotten then. Whoever looks meanwhile sees
// that, and a supervisor goes on with it if this process is killed.
func (a *actor) removing(ctx context.Context, pod *spec.Pod, o RemoveOptions) error {
	return a.removingThen(ctx, pod, o, func() error { return nil })
}

// removingThen is removing, and what is to follow under the pod's lock.
func (a *actor) removingThen(ctx context.Context, pod *spec.Pod, o RemoveOptions, then func() error) error {
	removal := &spec.Removal{Since: time.Now(), Grace: graceOf(pod, o.Grace), Volumes: o.Volumes}
	unsaid := a.recordRemoval(ctx, pod, removal)
	return despite(unsaid, a.ending(ctx, pod, o.Grace, func() error {
		remove := func() error { return a.remove(ctx, pod.ID, o.Grace) }
		if o.Volumes {
			remove = func() error { return a.removeWithVolumes(ctx, pod, o.Grace) }
		}
		if err := remove(); err != nil {
			return err
		}
		return then()
	}))
}

func (a *actor) recordRemoval(ctx context.Context, pod *spec.Pod, removal *spec.Removal) error {
	if err := a.engine.SaveRemoval(ctx, pod.ID, removal); err != nil {
		return fmt.Errorf("record that pod %s is removed: %w", pod.Key(), err)
	}
	return nil
}

// replace takes the old pod down, if there is one, and calls create under the
// lock of key. Old and new have one lock if they have one name; two locks are
// never held at a time.
func (a *actor) replace(ctx context.Context, old *spec.PodStatus, key spec.PodKey, how RemoveOptions, create func() error) error {
	if old == nil {
		return a.locked(ctx, key, create)
	}
	if old.Pod.Key() == key {
		return a.removingThen(ctx, &old.Pod, how, create)
	}
	if err := a.removing(ctx, &old.Pod, how); err != nil {
		return fmt.Errorf("remove the old pod %s: %w", old.Pod.Key(), err)
	}
	return a.locked(ctx, key, create)
}

// gone reports whether an error says that the pod is not there.
func gone(err error) bool { return errors.Is(err, spec.ErrNotFound) }
