package reconciler

import "berth/engine/spec"

// Phase is a pod's phase, Kubernetes' summary of its containers.
type Phase string

// The phases of Kubernetes. Failed and Succeeded are final: only a person's
// start by hand, or another pod, follows.
const (
	PhasePending   Phase = "Pending"
	PhaseRunning   Phase = "Running"
	PhaseSucceeded Phase = "Succeeded"
	PhaseFailed    Phase = "Failed"
)

// PhaseOf is a pod's phase by the kubelet's rules (getPhase in pkg/kubelet),
// over what was observed. A pod that was stopped by hand is over: what ended in
// it is not started again, so it is never Running.
//
//	verdict, or an init container that may not be tried again ─▶ Failed
//	initialising, or an app container that never ran ──────────▶ Pending
//	an app container runs ─────────────────────────────────────▶ Running
//	all have ended: one is started again ──────────────────────▶ Running
//	                else all with 0 ─▶ Succeeded, one with not ─▶ Failed
func PhaseOf(st *spec.PodStatus) Phase {
	if st.Verdict != nil || initFailed(st) {
		return PhaseFailed
	}
	s := standings(st)
	n := count(st, s)
	switch {
	case st.Stopped && n.running == 0 && (n.stopped > 0 || n.initEnded > 0):
		return n.outcome()
	case n.pendingInit > 0 || n.pendingSidecar > 0 && !begun(st) || n.waiting > 0:
		return PhasePending
	case n.unknown > 0:
		return PhasePending
	case n.running > 0 || n.restartable > 0:
		return PhaseRunning
	case n.stopped > 0:
		return n.outcome()
	}
	return PhasePending
}

// counts are what the phase is made of.
type counts struct {
	pendingInit, pendingSidecar           int // not done, or not started
	initEnded                             int
	running, waiting, unknown             int // app containers and sidecars
	apps, stopped, succeeded, restartable int // app containers
}

// outcome is the final phase of a pod of which nothing is started again.
func (n *counts) outcome() Phase {
	if n.apps > 0 && n.succeeded == n.apps {
		return PhaseSucceeded
	}
	return PhaseFailed
}

// count counts containers by how they stand. Sidecars that have ended are not
// counted at all.
func count(st *spec.PodStatus, list []standing) counts {
	n := counts{unknown: len(st.Pod.InitContainers) + len(st.Pod.Containers) - len(list), apps: len(st.Pod.Containers)}
	for _, s := range list {
		switch {
		case s.role == roleInit && s.state == standEnded:
			n.initEnded++
		case s.role == roleInit:
			n.pendingInit++
		case s.state == standRunning:
			n.running++
			if s.role == roleSidecar && !st.Started(s.status) {
				n.pendingSidecar++
			}
		case s.state == standWaiting && s.role == roleSidecar:
			n.pendingSidecar++
			n.waiting++
		case s.state == standWaiting:
			n.waiting++
		case s.role == roleApp:
			n.stopped++
			if s.end.ExitCode == 0 {
				n.succeeded++
			}
			if !s.status.Stopped && restarts(st, s.status.Name, s.end.ExitCode) {
				n.restartable++
			}
		}
	}
	return n
}
