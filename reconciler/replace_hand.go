package reconciler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"berth/engine/spec"
)

// yielding is how something made by hand is removed that gives way to another of its
// name. As with podman its unnamed volumes stay, unless it goes with its end.
func yielding(p *spec.Pod, container string) RemoveOptions {
	o := RemoveOptions{Grace: ownGrace}
	for _, c := range p.All() {
		if (container == "" || c.Name == container) && c.ByHand != nil && c.ByHand.Remove {
			o.Volumes = true
		}
	}
	return o
}

// replaceByHand makes a prepared pod in the place of an old one, or of a container,
// if there is one.
func (a *Applier) replaceByHand(ctx context.Context, actor *actor, old *namesake, made *spec.Pod, o CreateOptions) error {
	create := func() error { return actor.createByHand(ctx, made, o) }
	switch {
	case old == nil:
		return actor.locked(ctx, made.Key(), create)
	case old.container != "":
		return a.replaceElsewhere(ctx, actor, old, func() error {
			return actor.locked(ctx, made.Key(), func() error { return actor.forgetFailed(ctx, create(), made) })
		})
	case old.st.Pod.Bare && made.Bare && old.st.Pod.Key() == made.Key():
		return actor.replaceContainer(ctx, old.st, made, create)
	case old.st.Pod.ByHand && o.NoStart && old.st.Pod.Key() == made.Key():
		return actor.replacePod(ctx, &old.st.Pod, create)
	}
	return actor.replace(ctx, old.st, made.Key(), yielding(&old.st.Pod, ""), create)
}

// asideName is what something is called that gave its name to another.
func asideName(p *spec.Pod, name string) string { return name + "-replaced-" + p.ID.Short() }

// asWas is a failure after which there is the old again.
func asWas(err error, what, name string) error {
	return fmt.Errorf("%w: the old %s %q is as it was", err, what, name)
}

// replaceContainer makes a container that stands alone in the place of another. The
// old one steps aside, under a name of its own, and is removed when the new one has
// started; where that fails it gets its name back, and runs again if it ran. That it
// is on its way out is recorded: were we killed, a supervisor goes on with it.
func (a *actor) replaceContainer(ctx context.Context, old *spec.PodStatus, made *spec.Pod, create func() error) error {
	pod, how := &old.Pod, yielding(&old.Pod, "")
	aside := spec.PodKey{Namespace: pod.Namespace, Name: asideName(pod, pod.Name)}
	return a.ending(ctx, pod, how.Grace, func() error {
		// Nobody else has ever heard of the second name: who waits for it holds nothing.
		return a.locked(ctx, aside, func() error {
			before, err := a.engine.ObservePod(ctx, pod.ID)
			if gone(err) {
				return create()
			}
			if err == nil { // not before we have the lock: a supervisor would be faster
				err = a.engine.SaveRemoval(ctx, pod.ID, &spec.Removal{Since: time.Now(), Grace: graceOf(pod, how.Grace), Volumes: how.Volumes})
			}
			if err == nil {
				err = a.stepAside(ctx, &before, aside.Name)
			}
			if gone(err) { // whoever made it was killed half-way: there is nothing to bring back
				if err := a.forgetReplaced(ctx, pod, how); err != nil && !gone(err) {
					return err
				}
				return create()
			}
			if err == nil {
				err = create()
			}
			if err == nil {
				return a.forgetReplaced(ctx, pod, how)
			}
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
			defer cancel()
			if back := a.stepBack(ctx, &before, made); back != nil {
				return errors.Join(err, fmt.Errorf("bring the old container %q back: %w", pod.Name, back))
			}
			return asWas(err, "container", pod.Name)
		})
	})
}

// stepAside stops a container that stands alone, and gives it another name. The
// locks of both are held.
func (a *actor) stepAside(ctx context.Context, st *spec.PodStatus, name string) error {
	if err := a.stopPod(ctx, st, ownGrace); err != nil {
		return err
	}
	return a.engine.RenameContainer(ctx, st.Pod.ID, onlyContainer(&st.Pod), name)
}

// onlyContainer is the name in its pod of a container that stands alone.
func onlyContainer(p *spec.Pod) string { return p.Containers[0].Name }

// forgetReplaced removes a container that stepped aside. Its locks are held.
func (a *actor) forgetReplaced(ctx context.Context, pod *spec.Pod, how RemoveOptions) error {
	if how.Volumes {
		return a.removeWithVolumes(ctx, pod, 0)
	}
	return a.remove(ctx, pod.ID, 0)
}

// stepBack removes what was made in the place of a container, and has that be as it
// was before. The locks of both are held.
func (a *actor) stepBack(ctx context.Context, before *spec.PodStatus, made *spec.Pod) error {
	if err := a.forget(ctx, made); err != nil && !gone(err) {
		return err
	}
	id, name := before.Pod.ID, onlyContainer(&before.Pod)
	if err := a.engine.RenameContainer(ctx, id, name, before.Pod.Name); err != nil {
		return err
	}
	if err := a.engine.SaveRemoval(ctx, id, before.Removal); err != nil {
		return err
	}
	if c, ok := before.Container(name); !ok || !c.Running() {
		return nil
	}
	if err := a.engine.EnsurePod(ctx, &before.Pod, []string{name}); err != nil {
		return err
	}
	return a.engine.StartContainer(ctx, id, name)
}
