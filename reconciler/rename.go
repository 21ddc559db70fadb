package reconciler

import (
	"context"
	"fmt"

	"berth/engine/spec"
)

// RenameContainer gives a container made by hand another name, which nobody has.
func (a *Applier) RenameContainer(ctx context.Context, id spec.PodID, name, to string) error {
	st, err := a.Engine.ObservePod(ctx, id)
	if err != nil {
		return err
	}
	pod, actor := &st.Pod, newActor(a.Engine, a.Log, a.Events)
	switch made, ok := pod.Container(name); {
	case !ok:
		return fmt.Errorf("container %q: %w", name, spec.ErrNotFound)
	case made.ByHand == nil || isService(pod):
		return fmt.Errorf("container %q is named by what it was made from: it cannot be renamed", pod.ContainerName(name))
	case pod.ContainerName(name) == to:
		return fmt.Errorf("the container is called %q already: %w", to, spec.ErrExists)
	}
	rename := func() error {
		observed, err := a.Engine.Observe(ctx)
		if err != nil && len(observed) == 0 {
			return fmt.Errorf("see which names are taken: %w", err)
		}
		if holders := namesakes(observed, claim{namespace: pod.Namespace, names: []string{to}}); len(holders) > 0 {
			what, id := holders[0].identity()
			return fmt.Errorf("the name %q is in use by %s %s: choose another: %w", to, what, id, spec.ErrExists)
		}
		return a.Engine.RenameContainer(ctx, id, name, to)
	}
	first, second := pod.Key(), spec.PodKey{Namespace: pod.Namespace, Name: to}
	if !pod.Bare {
		return actor.locked(ctx, first, rename)
	}
	if second.Name < first.Name { // always in one order, or two that swap names wait for each other
		first, second = second, first
	}
	return actor.locked(ctx, first, func() error { return actor.locked(ctx, second, rename) })
}
