package reconciler

import (
	"context"
	"errors"
	"fmt"

	"berth/engine/spec"
)

// replaceMember makes a container of a pod in the place of another of the same pod,
// whose lock is held. The old one steps aside, under a name of its own, and is
// removed when the new one has started; where that fails it gets its name back, and
// runs again if it ran.
func (a *Applier) replaceMember(ctx context.Context, actor *actor, old *namesake, made string, add func() error) error {
	out, err := a.stepOut(ctx, actor, old)
	if err == nil {
		err = actor.dropFailed(ctx, add(), old.st.Pod.ID, made)
	}
	if err == nil {
		return out.forget(ctx)
	}
	return out.back(ctx, err)
}

// replaceElsewhere has a container give its name to one that create makes in another
// pod, where it leaves nothing if it fails. create takes the lock of that pod: two
// are never held at a time. Meanwhile one that goes with its end may do so.
func (a *Applier) replaceElsewhere(ctx context.Context, actor *actor, old *namesake, create func() error) error {
	pod := &old.st.Pod
	own := func(f func() error) error { return actor.locked(ctx, pod.Key(), f) }
	if pod.Bare {
		aside := spec.PodKey{Namespace: pod.Namespace, Name: asideName(pod, pod.Name)}
		own = func(f func() error) error {
			return actor.locked(ctx, pod.Key(), func() error { return actor.locked(ctx, aside, f) })
		}
	}
	var out *steppedOut
	err := own(func() (err error) {
		out, err = a.stepOut(ctx, actor, old)
		return err
	})
	if err == nil {
		err = create()
	}
	return own(func() error {
		if err == nil {
			return out.forget(ctx)
		}
		return out.back(ctx, err)
	})
}

// steppedOut is a container that gave its name to another.
type steppedOut struct {
	a      *Applier
	actor  *actor
	before *spec.PodStatus
	// container is its name in its pod, called what people call it.
	container, called string
}

// stepOut stops a container, which stays down, and gives it a name of its own. The
// lock of its pod is held, and that of the name if it stands alone.
func (a *Applier) stepOut(ctx context.Context, actor *actor, old *namesake) (*steppedOut, error) {
	id := old.st.Pod.ID
	before, err := a.Engine.ObservePod(ctx, id)
	out := &steppedOut{a, actor, &before, old.called(), old.name}
	if gone(err) {
		return out, nil
	}
	if err == nil {
		_, err = a.stopOne(ctx, actor, id, out.container, ownGrace)
	}
	if err == nil {
		err = a.Engine.RenameContainer(ctx, id, out.container, asideName(&before.Pod, out.called))
	}
	if gone(err) { // whoever made it was killed half-way
		if err = actor.forgetContainer(ctx, &before.Pod, out.container); gone(err) {
			err = nil
		}
	}
	return out, err
}

// forget removes the container that stepped out. The locks are held.
func (o *steppedOut) forget(ctx context.Context) error {
	pod, how := &o.before.Pod, yielding(&o.before.Pod, o.container)
	if pod.Bare {
		err := o.actor.forgetReplaced(ctx, pod, how)
		if gone(err) {
			return nil
		}
		return err
	}
	err := o.a.Engine.RemoveContainer(ctx, pod.ID, o.container)
	if err == nil {
		err = o.a.Engine.SetStopped(ctx, pod.ID, o.container, false) // another of the name is another
	}
	if gone(err) {
		err = nil
	}
	if how.Volumes {
		err = errors.Join(err, o.actor.dropVolumes(ctx, unnamedOf(pod, o.container)))
	}
	return errors.Join(err, o.actor.settle(ctx, pod.ID)) // it may have been the last
}

// back has the container be as it was before, after why. The locks are held.
func (o *steppedOut) back(ctx context.Context, why error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
	defer cancel()
	id := o.before.Pod.ID
	c, ok := o.before.Container(o.container)
	err := o.a.Engine.RenameContainer(ctx, id, o.container, o.called)
	if err == nil {
		err = o.a.Engine.SetStopped(ctx, id, o.container, ok && c.Stopped)
	}
	if err == nil && ok && c.Running() {
		err = o.actor.startOne(ctx, id, o.container, nil, nil)
	}
	if gone(err) {
		return why // there was nothing to bring back
	}
	if err != nil {
		return errors.Join(why, fmt.Errorf("bring the old container %q back: %w", o.called, err))
	}
	return asWas(why, "container", o.called)
}

// dropFailed removes what is left of a container that could not be made. The lock of
// its pod is held.
func (a *actor) dropFailed(ctx context.Context, err error, id spec.PodID, name string) error {
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
	defer cancel()
	st, undo := a.engine.ObservePod(ctx, id)
	if undo == nil {
		undo = a.forgetContainer(ctx, &st.Pod, name)
	}
	if undo == nil {
		undo = a.engine.SetStopped(ctx, id, name, false)
	}
	if gone(undo) {
		return err
	}
	return errors.Join(err, undo)
}

// forgetFailed removes what is left of a pod that could not be made. Its lock is held.
func (a *actor) forgetFailed(ctx context.Context, err error, made *spec.Pod) error {
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
	defer cancel()
	if undo := a.forget(ctx, made); undo != nil && !gone(undo) {
		return errors.Join(err, undo)
	}
	return err
}
