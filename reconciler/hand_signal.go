package reconciler

import (
	"context"
	"errors"

	"berth/engine/spec"
)

// Kill sends a signal to the running containers of a pod, or to the named one.
// What a person kills for good stays down, as what was stopped.
func (a *Applier) Kill(ctx context.Context, id spec.PodID, name, signal string) error {
	_, err := a.each(ctx, id, name, (*spec.ContainerStatus).Running, func() error {
		if !fatal(signal) {
			return nil
		}
		return a.wishDown(ctx, id, name)
	}, func(name string) error { return a.Engine.KillContainer(ctx, id, name, signal) })
	return err
}

// fatal reports whether a signal says that a person wants the container down,
// as in podman.
func fatal(signal string) bool {
	switch signal {
	case "KILL", "SIGKILL", "kill", "sigkill", "9":
		return true
	}
	return false
}

// Pause halts the containers of a pod that run, or the named one, and says how
// many these are.
func (a *Applier) Pause(ctx context.Context, id spec.PodID, name string) (int, error) {
	return a.each(ctx, id, name, in(spec.StateRunning), nothing, func(name string) error { return a.Engine.PauseContainer(ctx, id, name) })
}

// Unpause lets the containers of a pod that are paused go on, or the named one, and
// says how many these are.
func (a *Applier) Unpause(ctx context.Context, id spec.PodID, name string) (int, error) {
	return a.each(ctx, id, name, in(spec.StatePaused), nothing, func(name string) error { return a.Engine.UnpauseContainer(ctx, id, name) })
}

func in(state spec.ContainerState) func(*spec.ContainerStatus) bool {
	return func(c *spec.ContainerStatus) bool { return c.State == state }
}

func nothing() error { return nil }

// each does something to the containers of a pod that are so, or to the named one
// however it is, under the pod's lock; one that fails does not keep it from the
// others. It says how many it tried.
func (a *Applier) each(
	ctx context.Context, id spec.PodID, name string, so func(*spec.ContainerStatus) bool, before func() error, do func(name string) error,
) (tried int, err error) {
	st, err := a.Engine.ObservePod(ctx, id)
	if err != nil {
		return 0, err
	}
	err = newActor(a.Engine, a.Log, a.Events).locked(ctx, st.Pod.Key(), func() error {
		if err := before(); err != nil {
			return err
		}
		if name != "" {
			tried = 1
			return do(name)
		}
		now, err := a.Engine.ObservePod(ctx, id)
		if err != nil {
			return err
		}
		var errs []error
		for i := range now.Containers {
			if c := &now.Containers[i]; so(c) {
				tried++
				errs = append(errs, do(c.Name))
			}
		}
		return errors.Join(errs...)
	})
	return tried, err
}
