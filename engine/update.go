package engine

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"berth/engine/oci"
	"berth/engine/spec"
)

// UpdateContainer gives a container the resources and the restart policy of to,
// which has its name, without a restart, and records them: those it gets when it
// starts anew, too. What this host cannot enforce is spec.ErrConfig, unless the
// pod allows that; a memory limit below what the container uses is
// spec.ErrInUse. Then nothing is changed.
func (e *Engine) UpdateContainer(ctx context.Context, id spec.PodID, to *spec.Container) error {
	pod, err := e.pod(id)
	if err != nil {
		return err
	}
	c, ok := pod.Container(to.Name)
	if !ok {
		return fmt.Errorf("container %q: %w", to.Name, spec.ErrNotFound)
	}
	was := *c
	c.Update(to)
	if c.ByHand != nil && !reflect.DeepEqual(was.ByHand.Health, c.ByHand.Health) {
		if err := checkHealth(c); err != nil {
			return err
		}
	}
	run, err := e.runtimeOf(id)
	if err != nil {
		return err
	}
	if err := checkLimits(run, &pod); err != nil {
		return err
	}
	status, err := e.observeContainer(run, &pod, c.Name)
	if err != nil {
		return err
	}
	if status.Running() || status.State == spec.StateCreated && status.Pid != 0 {
		record, err := e.records.ReadContainer(id, c.Name)
		if err != nil {
			return err
		}
		target := e.target(run, id, record)
		target.Locks = e.locks(pod.Key())
		if err := e.resize(ctx, run, target, &was, c, pod.AllowUnenforcedLimits); err != nil {
			return fmt.Errorf("resize container %q: %w", c.Name, err)
		}
	}
	if err := e.records.SavePod(&pod); err != nil {
		return err
	}
	e.noteByName(id, to.Name, "update")
	return nil
}

// resize gives a running container other limits, or where one of them cannot be
// had, all of the old.
func (e *Engine) resize(ctx context.Context, run *oci.Runtime, target oci.Container, was, to *spec.Container, allowUnenforced bool) error {
	err := run.Update(ctx, target, to, allowUnenforced)
	if err == nil || errors.Is(err, spec.ErrInUse) || errors.Is(err, spec.ErrConfig) {
		return err // that was found before anything was changed
	}
	return errors.Join(err, run.Update(context.WithoutCancel(ctx), target, was, allowUnenforced))
}
