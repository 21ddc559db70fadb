package reconciler

import (
	"slices"

	"berth/engine/spec"
)

// infraHistory is the name under which a sandbox's own back-off is kept.
const infraHistory = "_infra"

// complete reports whether a pod has run to its end: no app container is ever
// started again.
func complete(st *spec.PodStatus) bool {
	if st.Verdict != nil || initFailed(st) {
		return true
	}
	for i := range st.Containers {
		if c := &st.Containers[i]; !c.Init && !over(st, c) {
			return false
		}
	}
	return len(st.Containers) > 0
}

func initFailed(st *spec.PodStatus) bool {
	return slices.ContainsFunc(st.Containers, func(c spec.ContainerStatus) bool { return endedBy(st, &c) })
}

// endedBy reports whether a container is an init container whose failure ended
// the pod.
func endedBy(st *spec.PodStatus, c *spec.ContainerStatus) bool {
	code, ok := lastExit(st, c)
	return c.Init && ok && code != 0 && !restarts(st, c.Name, code) && !passedByHand(st)
}

// over reports whether an app container has ended and stays so by its policy,
// also when it ended in an earlier sandbox.
func over(st *spec.PodStatus, c *spec.ContainerStatus) bool {
	code, ok := lastExit(st, c)
	return ok && !restarts(st, c.Name, code)
}

// lastExit is how a container ended last, if it did. Of an end in an earlier
// sandbox only the history tells, from which a start by hand wipes it. One that
// went down with the machine has failed, as for the kubelet; one that is marked
// has no end of its own.
func lastExit(st *spec.PodStatus, c *spec.ContainerStatus) (code int, ok bool) {
	h, ready := st.History[c.Name], st.Sandbox == spec.SandboxReady
	switch {
	case c.Running(), marked(h, c):
		return 0, false
	case c.Finished() && (!ready || ran(st, c)):
		return endOfThis(st, c).ExitCode, true
	case h.Last != nil && !isMark(h.Last):
		return h.Last.ExitCode, true
	}
	return 0, false
}

// ran reports whether a container has run in the sandbox there is now, and is
// not to be restarted for no fault of its own.
func ran(st *spec.PodStatus, c *spec.ContainerStatus) bool {
	switch {
	case c.Running():
		return true
	case !c.Finished(), marked(st.History[c.Name], c):
		return false
	case c.Sandbox != "" && st.Infra.ID != "":
		return c.Sandbox == st.Infra.ID // whatever the clock said since
	case !c.StartedAt.IsZero():
		return !c.StartedAt.Before(st.StartedAt)
	}
	return !c.FinishedAt.IsZero() && !c.FinishedAt.Before(st.StartedAt)
}

// begun reports whether the pod's app containers have begun to run in this
// sandbox: its init containers are behind it, whatever became of them.
func begun(st *spec.PodStatus) bool {
	for i := range st.Containers {
		if c := &st.Containers[i]; !c.Init && ran(st, c) {
			return true
		}
	}
	return false
}

// sidecar reports whether an init container runs beside the app containers.
func sidecar(c *spec.Container) bool { return c.RestartPolicy == spec.RestartAlways && c.ByHand == nil }

// isSidecar reports whether the pod's container of that name is one.
func isSidecar(p *spec.Pod, name string) bool {
	c, ok := p.Container(name)
	return ok && p.IsInit(name) && sidecar(c)
}

// endOfThis is how a container that has ended did. Of one whose machine went
// down the end may be known all the same: it was remembered before, or something
// came after it that only comes after a good one.
func endOfThis(st *spec.PodStatus, c *spec.ContainerStatus) *spec.Termination {
	h := st.History[c.Name]
	made, ok := st.Pod.Container(c.Name)
	switch {
	case c.State != spec.StateUnknown:
	case h.Ended(c) && !isMark(h.Last):
		return h.Last
	case c.Init && ok && !sidecar(made) && followed(st, c):
		return &spec.Termination{ContainerID: c.ID, Reason: "Completed", StartedAt: c.StartedAt, FinishedAt: c.FinishedAt}
	}
	return termination(c)
}

// followed reports whether an app container was begun beside an init container,
// in whatever sandbox.
func followed(st *spec.PodStatus, init *spec.ContainerStatus) bool {
	return slices.ContainsFunc(st.Containers, func(c spec.ContainerStatus) bool {
		return !c.Init && (c.Running() || c.Finished()) && c.Sandbox == init.Sandbox
	})
}

func termination(c *spec.ContainerStatus) *spec.Termination {
	return &spec.Termination{
		ContainerID: c.ID, ExitCode: c.ExitCode, Reason: c.Reason, Message: c.Message,
		StartedAt: c.StartedAt, FinishedAt: c.FinishedAt,
	}
}
