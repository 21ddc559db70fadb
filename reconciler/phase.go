package reconciler

import "berth/engine/spec"

// Phase is a pod's phase, Kubernetes' summary of its containers.
type Phase string

// The phases of Kubernetes. Failed and Succeeded are final.
const (
	PhasePending   Phase = "Pending"
	PhaseRunning   Phase = "Running"
	PhaseSucceeded Phase = "Succeeded"
	PhaseFailed    Phase = "Failed"
)

// PhaseOf is the kubelet's getPhase over what was observed.
func PhaseOf(st *spec.PodStatus) Phase {
	if st.Verdict != nil || initFailed(st) {
		return PhaseFailed
	}
	started := begun(st)
	var running, stopped, succeeded, restartable, waiting int
	for i := range st.Containers {
		c := &st.Containers[i]
		if c.Init {
			if s, ok := st.Pod.Container(c.Name); ok && !sidecar(s) && !started && (c.ExitCode != 0 || !c.Finished()) {
				return PhasePending
			}
			continue
		}
		code, ended := lastExit(st, c)
		switch {
		case c.Running():
			running++
		case !ended:
			waiting++
		default:
			stopped++
			if code == 0 {
				succeeded++
			}
			if restarts(st, c.Name, code) {
				restartable++
			}
		}
	}
	switch {
	case waiting > 0:
		return PhasePending
	case running > 0 || restartable > 0:
		return PhaseRunning
	case stopped > 0 && stopped == succeeded:
		return PhaseSucceeded
	case stopped > 0:
		return PhaseFailed
	}
	return PhasePending
}
