package reconciler

import (
	"context"
	"fmt"
	"slices"

	"berth/engine/spec"
)

// startNeeds starts what the named containers of a pod need and is not running,
// each after what it needs itself. No lock is held. met is who waits for whom, to
// find a circle.
func (a *actor) startNeeds(ctx context.Context, pod *spec.Pod, names []string, met []spec.ContainerRef) error {
	for _, ref := range needs(pod, names) {
		if slices.Contains(met, ref) {
			return fmt.Errorf("container %q needs itself, by way of others", ref.Name)
		}
		st, err := a.engine.ObservePod(ctx, ref.Pod)
		if err != nil {
			return fmt.Errorf("pod %s needs container %q: %w", pod.Key(), ref.Name, err)
		}
		c, ok := st.Container(ref.Name)
		switch {
		case !ok:
			return fmt.Errorf("pod %s needs container %q of pod %s: %w", pod.Key(), ref.Name, st.Pod.Key(), spec.ErrNotFound)
		case c.Running():
			continue
		}
		if err := a.startNeeds(ctx, &st.Pod, []string{ref.Name}, append(slices.Clone(met), ref)); err != nil {
			return err
		}
		err = a.locked(ctx, st.Pod.Key(), func() error { return a.startOne(ctx, ref.Pod, ref.Name, nil, nil) })
		if err != nil {
			return fmt.Errorf("start container %q, which pod %s needs: %w", ref.Name, pod.Key(), err)
		}
	}
	return nil
}
