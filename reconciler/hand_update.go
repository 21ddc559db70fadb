package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"berth/engine/spec"
)

// UpdateContainer sets resources and restart policy of a container by hand, in
// place where it runs: change sets them on the container of a copy of its pod.
// They hold, also for the containers that follow it under its name, until CPU or
// memory change in its object, and until the pod is made anew. One whose
// resizePolicy asks for it is restarted: made says that it is another one.
func (a *Applier) UpdateContainer(
	ctx context.Context, id spec.PodID, name string, change func(*spec.Pod, *spec.Container) error,
) (made bool, err error) {
	st, err := a.Engine.ObservePod(ctx, id)
	if err != nil {
		return false, err
	}
	actor := newActor(a.Engine, a.Log, a.Events)
	err = actor.locked(ctx, st.Pod.Key(), func() error {
		made, err = actor.updateByHand(ctx, id, name, change)
		return err
	})
	if c, ok := st.Pod.Container(name); err == nil && made && ok && c.Lifecycle.PostStart != nil {
		err = actor.postStart(ctx, &st.Pod, name)
	}
	return made, err
}

// updateByHand changes a container, and makes it anew if it has to be restarted
// for that. The pod's lock is held.
func (a *actor) updateByHand(ctx context.Context, id spec.PodID, name string, change func(*spec.Pod, *spec.Container) error) (made bool, err error) {
	st, err := a.engine.ObservePod(ctx, id)
	if err != nil {
		return false, err
	}
	was, ok := st.Pod.Container(name)
	if !ok {
		return false, fmt.Errorf("container %q: %w", name, spec.ErrNotFound)
	}
	pod := st.Pod
	pod.InitContainers, pod.Containers = slices.Clone(pod.InitContainers), slices.Clone(pod.Containers)
	set, _ := pod.Container(name)
	if err := change(&pod, set); err != nil {
		return false, err
	}
	to := was.Override(set.Resources, set.RestartPolicy)
	if was.ByHand != nil { // no object says anything else
		to = *was
		to.Update(set)
	}
	if same(*was, to) {
		return false, nil
	}
	c, ok := st.Container(name)
	made = ok && c.Running() && restartsFor(&was.Resources, &to.Resources, was.RestartOnResize)
	if made {
		if err := a.renew(ctx, &st, name); err != nil {
			return false, err
		}
	}
	if err = a.engine.UpdateContainer(ctx, id, &to); err == nil {
		a.events.of(&pod, name, EventNormal, "Updated", "Container "+name+" was updated by hand")
	}
	if made {
		err = errors.Join(err, a.engine.StartContainer(ctx, id, name))
	}
	return made, err
}
