package engine

import (
	"context"
	"errors"

	"berth/engine/spec"
	"berth/engine/state"
	"berth/internal/tree"
)

// makeWay clears away the container of that name, if there is one, for the next. It
// gives its last record, and its layer, emptied, where the next can have it: to
// make one anew takes the storage many times as long, and what crashes in a loop
// does so all the time. Who is killed here leaves a container that has ended.
func (e *Engine) makeWay(ctx context.Context, pod *spec.Pod, next *spec.Container) (before state.Container, layer spec.ContainerID, err error) {
	before, err = e.records.ReadContainer(pod.ID, next.Name)
	switch {
	case errors.Is(err, spec.ErrNotFound):
		return state.Container{}, "", nil
	case err != nil:
		return before, "", err
	}
	if err := e.endContainer(ctx, pod, &before, 0); err != nil {
		return before, "", err
	}
	if before.Ended == nil || !e.fits(ctx, pod, &before, next) {
		return before, "", e.removeContainer(ctx, pod, before)
	}
	if err := e.clearContainer(ctx, pod, before); err != nil {
		return before, "", err
	}
	emptied, err := e.images.EmptyRootfs(ctx, before.Rootfs())
	if err != nil || !emptied {
		return before, "", e.removeContainer(ctx, pod, before) // whatever it was, a new one will do
	}
	return before, before.Rootfs(), errors.Join(
		tree.Remove(e.imageVolumes(pod.ID, before.ID)), e.records.ClearContainer(pod.ID, before))
}

// fits reports whether a container's layer is one that the next could have.
func (e *Engine) fits(ctx context.Context, pod *spec.Pod, before *state.Container, next *spec.Container) bool {
	if pod.Users != nil || before.Boot != e.records.Boot() {
		return false
	}
	img, err := e.images.Lookup(ctx, imageOf(next))
	return err == nil && img.ID == before.ImageID
}
