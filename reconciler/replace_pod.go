package reconciler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"berth/engine/spec"
)

// replacePod makes a pod that is only recorded yet in the place of one made by hand:
// create is called under the lock of their name. The old one steps aside as it is,
// and comes down when the new one is there. That it is on its way out is recorded
// before: were we killed, a supervisor goes on with it.
func (a *actor) replacePod(ctx context.Context, pod *spec.Pod, create func() error) error {
	how := yielding(pod, "")
	aside := spec.PodKey{Namespace: pod.Namespace, Name: asideName(pod, pod.Name)}
	return a.locked(ctx, pod.Key(), func() error {
		// Nobody else has ever heard of the second name: who waits for it holds nothing.
		return a.locked(ctx, aside, func() error {
			before, err := a.engine.ObservePod(ctx, pod.ID)
			if gone(err) {
				return create()
			}
			if err == nil {
				err = a.engine.SaveRemoval(ctx, pod.ID, &spec.Removal{Since: time.Now(), Grace: graceOf(pod, how.Grace), Volumes: how.Volumes})
			}
			if err == nil {
				err = a.engine.RenamePod(ctx, pod.ID, aside.Name)
			}
			if err == nil {
				err = create()
			}
			if err == nil {
				return a.forgetPod(ctx, pod, how)
			}
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
			defer cancel()
			back := errors.Join(a.engine.RenamePod(ctx, pod.ID, pod.Name), a.engine.SaveRemoval(ctx, pod.ID, before.Removal))
			if back != nil {
				return errors.Join(err, fmt.Errorf("bring the old pod %q back: %w", pod.Name, back))
			}
			return asWas(err, "pod", pod.Name)
		})
	})
}

// forgetPod takes a pod down that stepped aside. Its lock is held.
func (a *actor) forgetPod(ctx context.Context, pod *spec.Pod, how RemoveOptions) error {
	if how.Volumes {
		return a.removeWithVolumes(ctx, pod, how.Grace)
	}
	return a.remove(ctx, pod.ID, how.Grace)
}
