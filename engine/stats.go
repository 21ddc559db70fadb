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
	c, err := e.container(p.Pod.ID, status.Name)
	if err != nil {
		return oci.Stats{}, err
	}
	run, err := e.runtimeOf(p.Pod.ID)
	if err != nil {
		return oci.Stats{}, err
	}
	pid := status.Pid
	if p.Pod.HostNet || p.Pod.Join.Net.Host {
		pid = 0
	}
	return run.Stats(e.target(run, p.Pod.ID, c), pid)
}
