package engine

import (
	"errors"
	"fmt"
	"os"

	"berth/engine/oci"
	"berth/engine/spec"
)

// Processes lists what runs in a container, the infra container included. One
// that does not run is spec.ErrNotRunning.
func (e *Engine) Processes(id spec.PodID, status spec.ContainerStatus) ([]oci.ProcessInfo, oci.Names, error) {
	notRunning := fmt.Errorf("container %q: %w", status.Name, spec.ErrNotRunning)
	if !status.Running() {
		return nil, oci.Names{}, notRunning
	}
	c, err := e.container(id, status.Name)
	if err != nil {
		return nil, oci.Names{}, err
	}
	run, err := e.runtimeOf(id)
	if err != nil {
		return nil, oci.Names{}, err
	}
	list, names, err := run.Processes(e.target(run, id, c), status.Pid)
	if errors.Is(err, os.ErrProcessDone) {
		err = notRunning
	}
	return list, names, err
}

// CapabilityNames puts a set of capabilities into words.
func (e *Engine) CapabilityNames(set uint64) string {
	run, err := e.runtime()
	if err != nil {
		return fmt.Sprintf("%#x", set)
	}
	return run.CapabilityNames(set)
}
