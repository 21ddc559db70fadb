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
	run, target, init, err := e.firstProcess(id, status.Name)
	if err != nil {
		return nil, oci.Names{}, err
	}
	list, names, err := run.Processes(target, init)
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
