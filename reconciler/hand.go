package reconciler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"berth/engine/spec"
)

// Start starts a pod by hand: what was stopped, by a person or by its own end,
// runs again, whatever its restart policy; what runs is left alone. want, if
// known, has the contents of its files. A pod that is over by a verdict stays so.
func (a *Applier) Start(ctx context.Context, id spec.PodID, want *spec.Pod) error {
	st, err := a.Engine.ObservePod(ctx, id)
	if err != nil {
		return err
	}
	if v := st.Verdict; v != nil {
		return fmt.Errorf("pod %s is over (%s: %s): make it anew, with kube play --replace", st.Pod.Key(), v.Reason, v.Message)
	}
	actor, key := newActor(a.Engine, a.Log, a.Events), st.Pod.Key()
	if err := actor.startNeeds(ctx, &st.Pod, inOrder(&st.Pod), nil); err != nil {
		return err
	}
	err = actor.locked(ctx, key, func() error {
		if err := actor.clearForInit(ctx, id); err != nil {
			return err
		}
		return actor.startByHand(ctx, &st, want, Hurry{Backoff: true, Force: true})
	})
	if err != nil || !waitsToStart(&st.Pod) {
		return err
	}
	err = actor.start(ctx, key, id, want, initTries)
	if !st.Pod.ByHand || ctx.Err() != nil {
		return err
	}
	return errors.Join(err, a.Settle(ctx, id)) // init containers go that ran once
}

// StartOptions are the wishes of start.
type StartOptions struct {
	Want *spec.Pod // has the contents of the pod's files; nil: they are not known
	// Connect is as in CreateOptions. It is not called where the container runs.
	Connect func(ctx context.Context, id spec.PodID, name string) error
}

// StartContainer starts one container of a pod by hand, what it needs and the
// pod's sandbox first where they are down; of a pod that was stopped, only that
// one.
func (a *Applier) StartContainer(ctx context.Context, id spec.PodID, name string, o StartOptions) error {
	st, err := a.Engine.ObservePod(ctx, id)
	if err != nil {
		return err
	}
	if err := refuseHandInit(&st.Pod, name); err != nil {
		return err
	}
	actor := newActor(a.Engine, a.Log, a.Events)
	if err := actor.startNeeds(ctx, &st.Pod, []string{name}, nil); err != nil {
		return err
	}
	if err := actor.locked(ctx, st.Pod.Key(), func() error { return actor.startOne(ctx, id, name, o.Want, o.Connect) }); err != nil {
		return err
	}
	made, ok := st.Pod.Container(name)
	if !ok || made.Lifecycle.PostStart == nil {
		return nil
	}
	return actor.postStart(ctx, &st.Pod, name)
}

// startOne starts a container, those of its pod that it requires first, whatever
// its restart policy. The pod's lock is held.
func (a *actor) startOne(
	ctx context.Context, id spec.PodID, name string, want *spec.Pod, connect func(context.Context, spec.PodID, string) error,
) error {
	st, err := a.engine.ObservePod(ctx, id)
	if err != nil {
		return err
	}
	if err := a.wanted(ctx, &st); err != nil {
		return err
	}
	order := required(&st.Pod, name)
	if st.Sandbox != spec.SandboxReady || connect != nil || len(order) > 1 {
		err := a.engine.EnsurePod(ctx, st.Pod.WithContents(want), order)
		if err != nil && st.Sandbox != spec.SandboxReady { // it was down, and is so again
			undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
			defer cancel()
			return errors.Join(err, a.engine.StopPod(undo, id, 0))
		}
		if err != nil {
			return err
		}
	}
	if err := a.countAnew(ctx, &st, name); err != nil {
		return err
	}
	for _, one := range order {
		if c, ok := st.Container(one); ok && c.Running() {
			continue
		}
		if err := a.wishOnly(ctx, &st, one); err != nil {
			return err
		}
		if one != name {
			err = a.engine.StartContainer(ctx, id, one)
		} else {
			err = a.startConnected(ctx, &st.Pod, name, connect)
		}
		if err != nil {
			return err
		}
		st.Stopped = false // of the others each is marked now
	}
	return nil
}

// countAnew has the restarts of a container made by hand counted from now on.
func (a *actor) countAnew(ctx context.Context, st *spec.PodStatus, name string) error {
	made, ok := st.Pod.Container(name)
	h, known := st.History[name]
	if !ok || made.ByHand == nil || !known || h == (spec.ContainerHistory{}) {
		return nil
	}
	history := maps.Clone(st.History)
	delete(history, name)
	return a.engine.SaveHistory(ctx, st.Pod.ID, history)
}

// wishOnly takes back the wish that a container be down; a wish that the whole
// pod be holds for the others from now on.
func (a *actor) wishOnly(ctx context.Context, st *spec.PodStatus, name string) error {
	id := st.Pod.ID
	if !st.Stopped {
		return a.engine.SetStopped(ctx, id, name, false)
	}
	if err := a.engine.SetStopped(ctx, id, "", false); err != nil {
		return err
	}
	for _, c := range st.Containers {
		if c.Name != name {
			if err := a.engine.SetStopped(ctx, id, c.Name, true); err != nil {
				return err
			}
		}
	}
	return nil
}

// Stop stops a pod by hand. It stays down until it is started again or its
// object changes. A negative grace is the pod's own.
func (a *Applier) Stop(ctx context.Context, id spec.PodID, grace time.Duration) error {
	return a.stop(ctx, id, grace, func() error { return a.wishDown(ctx, id, "") })
}

// wishDown records that a pod, or one of its containers, is to be down. The
// pod's lock is held.
func (a *Applier) wishDown(ctx context.Context, id spec.PodID, container string) error {
	err := a.Engine.SetStopped(ctx, id, container, true)
	if err == nil && a.Wished != nil {
		a.Wished(ctx)
	}
	return err
}

// Halt stops a pod that nobody wants down: its supervisor ends, or its host
// does. The next supervisor starts it. A negative grace is the pod's own.
func (a *Applier) Halt(ctx context.Context, id spec.PodID, grace time.Duration) error {
	return a.stop(ctx, id, grace, func() error { return nil })
}

func (a *Applier) stop(ctx context.Context, id spec.PodID, grace time.Duration, before func() error) error {
	st, err := a.Engine.ObservePod(ctx, id)
	if err != nil {
		return err
	}
	actor := newActor(a.Engine, a.Log, a.Events)
	return actor.ending(ctx, &st.Pod, grace, func() error {
		if err := before(); err != nil {
			return err
		}
		now, err := a.Engine.ObservePod(ctx, id)
		if err != nil {
			return err
		}
		if err := actor.stopPod(ctx, &now, grace); err != nil {
			return err
		}
		return actor.settle(ctx, id)
	})
}

// Settle does what is left to do of a pod made by hand in which containers have
// ended, as a supervisor would: one that goes with its end is removed.
func (a *Applier) Settle(ctx context.Context, id spec.PodID) error {
	st, err := a.Engine.ObservePod(ctx, id)
	switch {
	case gone(err):
		return nil
	case err != nil:
		return err
	}
	actor := newActor(a.Engine, a.Log, a.Events)
	return actor.locked(ctx, st.Pod.Key(), func() error { return actor.settle(ctx, id) })
}

// settle is Settle. The pod's lock is held.
func (a *actor) settle(ctx context.Context, id spec.PodID) error {
	for range observedTooOften {
		st, err := a.engine.ObservePod(ctx, id)
		switch {
		case gone(err):
			return nil
		case err != nil:
			return err
		}
		next := NextOf(&st, time.Now(), Hurry{Backoff: true})
		switch {
		case !byHand(&st.Pod):
			return nil
		case next.Down == downEnded:
			err = a.down(ctx, &st, next.Down)
		case len(next.Remove) > 0:
			err = a.removeEnded(ctx, &st.Pod, next.Remove)
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// removeCutOff removes the containers of systemd units that went down with the
// machine. Those of others are their workers'.
func (l *Loop) removeCutOff(ctx context.Context, observed []spec.PodStatus) {
	for i := range observed {
		if len(cutOff(&observed[i])) == 0 {
			continue
		}
		pod := &observed[i].Pod
		l.workers.Go(func() { // ends with ctx
			if err := l.actor.removeCutOff(ctx, pod); err != nil && ctx.Err() == nil {
				l.opts.Log.WarnContext(ctx, "container cannot be removed that went down with the machine", "pod", pod.Key().String(), "error", err)
			}
			l.rested()
		})
	}
}

// removeCutOff looks again, since the unit may have started meanwhile.
func (a *actor) removeCutOff(ctx context.Context, pod *spec.Pod) error {
	return a.locked(ctx, pod.Key(), func() error {
		st, err := a.engine.ObservePod(ctx, pod.ID)
		switch {
		case gone(err):
			return nil
		case err != nil:
			return err
		}
		return a.removeEnded(ctx, &st.Pod, cutOff(&st))
	})
}

// StopContainer stops one container of a pod by hand; it stays down until it is
// started again or the pod's object changes. A negative grace is its own;
// 0 kills at once. A killed caller leaves the wish behind, and a supervisor goes
// on with it.
func (a *Applier) StopContainer(ctx context.Context, id spec.PodID, name string, grace time.Duration) error {
	st, err := a.Engine.ObservePod(ctx, id)
	if err != nil {
		return err
	}
	if st.Pod.Bare {
		return a.Stop(ctx, id, grace)
	}
	actor := newActor(a.Engine, a.Log, a.Events)
	if c, ok := st.Container(name); ok && c.Running() {
		// If somebody is ending it already, that takes no longer either.
		if err := a.Engine.Hasten(ctx, id, name, time.Now().Add(graceFor(&st.Pod, name, grace))); err != nil && !gone(err) {
			return fmt.Errorf("hasten the end of container %q of pod %s: %w", name, st.Pod.Key(), err)
		}
	}
	return actor.locked(ctx, st.Pod.Key(), func() error {
		if _, err := a.stopOne(ctx, actor, id, name, grace); err != nil {
			return err
		}
		return actor.settle(ctx, id)
	})
}

// RestartContainer stops one container of a pod by hand and starts it again; one
// that goes with its end stays. A negative grace is its own.
func (a *Applier) RestartContainer(ctx context.Context, id spec.PodID, name string, grace time.Duration, o StartOptions) error {
	st, err := a.Engine.ObservePod(ctx, id)
	if err != nil {
		return err
	}
	if err := refuseHandInit(&st.Pod, name); err != nil {
		return err
	}
	actor := newActor(a.Engine, a.Log, a.Events)
	err = actor.locked(ctx, st.Pod.Key(), func() error {
		_, err := a.stopOne(ctx, actor, id, name, grace)
		return err
	})
	if err != nil {
		return err
	}
	return a.StartContainer(ctx, id, name, o)
}

// stopOne ends a container, as a person wishes, and says how its pod does then.
// The pod's lock is held.
func (a *Applier) stopOne(ctx context.Context, actor *actor, id spec.PodID, name string, grace time.Duration) (*spec.PodStatus, error) {
	if err := a.wishDown(ctx, id, name); err != nil {
		return nil, err
	}
	now, err := a.Engine.ObservePod(ctx, id)
	if err != nil {
		return nil, err
	}
	grace = graceFor(&now.Pod, name, grace)
	if c, ok := now.Container(name); ok && c.Running() && grace > 0 {
		why := spec.Doom{Reason: reasonStopped, Message: stopping(name), Grace: grace}
		if err := actor.endThose(ctx, &now, []Ending{{name, why}}); err != nil {
			return nil, err
		}
	}
	if err := a.Engine.StopContainer(ctx, id, name, 0); err != nil {
		return nil, err
	}
	now, err = a.Engine.ObservePod(ctx, id)
	return &now, err
}

// waitsToStart reports whether not all of a pod's containers start at once.
func waitsToStart(p *spec.Pod) bool {
	hooked := func(c spec.Container) bool { return c.Lifecycle.PostStart != nil }
	return len(p.InitContainers) > 0 || slices.ContainsFunc(p.Containers, hooked)
}
