package engine

import (
	"fmt"

	"berth/engine/oci"
	"berth/engine/spec"
)

// Stats reads what a container uses, the infra container included. One that does
// not run is spec.ErrNotRunning.
func (e *Engine) Stats(p *spec.PodStatus, status spec.ContainerStatus) (oci.Stats, error) {
	if !status.Running() {
		return oci.Stats{}, fmt.Errorf("container %q: %w", status.Name, spec.ErrNotRunning)
	}
	run, target, init, err := e.firstProcess(p.Pod.ID, status.Name)
	if err != nil {
		return oci.Stats{}, err
	}
	if p.Pod.HostNet || p.Pod.Join.Net.Host {
		init = oci.Process{}
	}
	return run.Stats(target, init)
}
