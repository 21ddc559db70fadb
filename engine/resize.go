package engine

import (
	"context"
	"fmt"

	"berth/engine/spec"
)

// ResizeContainer gives a container other CPU and memory, without a restart, and
// records them: those it gets when it starts anew, too. What this host cannot
// enforce is spec.ErrConfig, unless the pod allows that; a memory limit below
// what the container uses is spec.ErrInUse, and nothing is changed.
func (e *Engine) ResizeContainer(ctx context.Context, id spec.PodID, name string, to spec.Resources) error {
	pod, err := e.pod(id)
	if err != nil {
		return err
	}
	c, ok := pod.Container(name)
	if !ok {
		return fmt.Errorf("container %q: %w", name, spec.ErrNotFound)
	}
	c.Resources.Resize(to)
	run, err := e.runtimeOf(id)
	if err != nil {
		return err
	}
	if err := checkLimits(run, &pod); err != nil {
		return err
	}
	status, err := e.observeContainer(run, &pod, name)
	if err != nil {
		return err
	}
	if status.Running() || status.State == spec.StateCreated {
		target := e.target(run, id, name, status.ID)
		target.Locks = e.locks(pod.Key())
		if err := run.Update(ctx, target, c, pod.AllowUnenforcedLimits); err != nil {
			return fmt.Errorf("resize container %q: %w", name, err)
		}
	}
	return e.records.SavePod(&pod)
}
