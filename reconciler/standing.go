package reconciler

import "berth/engine/spec"

// standing is a container in the kubelet's view: one of three states, and how it
// ended last. It is what phase, conditions and container states are made of, so
// that they never contradict each other.
type standing struct {
	status *spec.ContainerStatus
	made   *spec.Container
	role   role
	state  stand
	// end is how it ended, now or before; nil: it never did.
	end *spec.Termination
}

// role is what a container is for.
type role int

const (
	roleApp role = iota
	roleInit
	roleSidecar
)

// stand is one of the kubelet's states of a container.
type stand int

const (
	standWaiting stand = iota // never ran in the sandbox there is, or is to be
	standRunning
	standEnded // it ran and has ended, though it may be started again
)

// standings says how each container stands, init containers first; those without
// a status are left out.
func standings(st *spec.PodStatus) []standing {
	begun := begun(st)
	over := st.Stopped || st.Verdict != nil || complete(st)
	var list []standing
	for i := range st.Containers {
		c := &st.Containers[i]
		made, ok := st.Pod.Container(c.Name)
		if !ok {
			continue
		}
		s := standing{status: c, made: made, role: roleOf(&st.Pod, made), end: lastEnd(st, c)}
		switch {
		case c.Running():
			s.state = standRunning
		case over:
			s.stayed(st)
		case s.role == roleInit && begun:
			s.done(st)
		case s.role != roleApp:
			if st.Sandbox == spec.SandboxReady && ran(st, c) {
				s.state, s.end = standEnded, endOfThis(st, c)
			}
		default:
			if _, ended := lastExit(st, c); ended {
				s.state = standEnded
			}
		}
		list = append(list, s)
	}
	if complete(st) && (st.Verdict == nil || begun) {
		for i := range list { // what is not remembered of a pod that ran to its end
			if list[i].role != roleApp && list[i].state == standWaiting && !initFailed(st) {
				list[i].done(st)
			}
		}
	}
	if st.Verdict != nil {
		missed(list, begun)
	}
	return list
}

// missed settles the containers of which a pod that is over by a verdict never saw
// anything: as the kubelet says, they have failed, init containers as far as one
// was begun, and what comes after them only if those are done.
// https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/kubelet/status/status_manager.go (TerminatePod)
func missed(list []standing, begun bool) {
	done, reached := true, 0
	for i, s := range list {
		switch {
		case s.role == roleApp:
		case s.state != standWaiting:
			reached = i
			done = done && (s.role == roleSidecar || s.end != nil && s.end.ExitCode == 0)
		default:
			done = false
		}
	}
	for i := range list {
		s := &list[i]
		if s.state == standWaiting && (s.role == roleApp && (done || begun) || s.role != roleApp && i <= reached) {
			s.state = standEnded
			s.end = &spec.Termination{
				ExitCode: spec.ExitUnknown, Reason: "ContainerStatusUnknown",
				Message: "The container could not be located when the pod was terminated",
			}
		}
	}
}

// stayed settles a container of a pod in which nothing is started any more.
func (s *standing) stayed(st *spec.PodStatus) {
	if s.status.Finished() {
		s.end = endOfThis(st, s.status)
	}
	if s.end != nil {
		s.state = standEnded
	}
}

// done settles an init container that is behind its pod, whatever is remembered
// of it.
func (s *standing) done(st *spec.PodStatus) {
	s.state = standEnded
	switch {
	case s.status.Finished():
		s.end = endOfThis(st, s.status)
	case s.end == nil:
		s.end = &spec.Termination{ContainerID: s.status.ID, Reason: "Completed"}
	}
}

func roleOf(p *spec.Pod, c *spec.Container) role {
	switch {
	case !p.IsInit(c.Name):
		return roleApp
	case sidecar(c):
		return roleSidecar
	}
	return roleInit
}

// lastEnd is how a container ended last: this one, or, while it runs or was not
// started yet, the one before.
func lastEnd(st *spec.PodStatus, c *spec.ContainerStatus) *spec.Termination {
	if c.Finished() {
		return endOfThis(st, c)
	}
	if last := st.History[c.Name].Last; last != nil && last.ContainerID != c.ID {
		return last
	}
	if !c.Running() {
		return st.History[c.Name].Last
	}
	return nil
}
