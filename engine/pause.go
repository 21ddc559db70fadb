package engine

import (
	"context"
	"fmt"

	"berth/engine/oci"
	"berth/engine/spec"
)

// PauseContainer halts a container's processes.
func (e *Engine) PauseContainer(ctx context.Context, id spec.PodID, name string) error {
	return e.freezeContainer(id, name, "pause", func(run *oci.Runtime, c oci.Container) error { return run.Pause(ctx, c) })
}

// UnpauseContainer lets them go on.
func (e *Engine) UnpauseContainer(ctx context.Context, id spec.PodID, name string) error {
	return e.freezeContainer(id, name, "unpause", func(run *oci.Runtime, c oci.Container) error { return run.Unpause(ctx, c) })
}

func (e *Engine) freezeContainer(id spec.PodID, name, verb string, do func(*oci.Runtime, oci.Container) error) error {
	if _, err := e.pod(id); err != nil {
		return err
	}
	run, target, err := e.running(id, name)
	if err == nil {
		err = do(run, target)
	}
	if err != nil {
		return fmt.Errorf("%s container %q: %w", verb, name, err)
	}
	e.noteByName(id, name, verb)
	return nil
}
