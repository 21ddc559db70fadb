package reconciler

import (
	"fmt"
	"slices"

	"berth/engine/spec"
)

// end has a running container ended that is doomed, or that a person has
// stopped, and reports whether it did.
func (d *decider) end(c *spec.ContainerStatus) bool {
	doom, ok := d.doom(c)
	if ok {
		d.next.End = append(d.next.End, Ending{c.Name, doom})
	}
	return ok
}

// endings ends what is doomed among containers that must not be started yet.
func (d *decider) endings(list []spec.Container) {
	for i := range list {
		if c, ok := d.st.Container(list[i].Name); ok && c.Running() {
			d.end(c)
		}
	}
}

// doom is why a running container must end, though its pod goes on.
func (d *decider) doom(c *spec.ContainerStatus) (spec.Doom, bool) {
	life := lifeOf(c)
	switch {
	case !c.Running():
		return spec.Doom{}, false
	case c.Stopped && !d.hurry.Force: // whoever stopped it was killed in the middle
		return spec.Doom{Reason: reasonStopped, Message: stopping(c.Name), Grace: d.st.Pod.TerminationGrace}, true
	case life.Doomed == nil:
		return spec.Doom{}, false
	}
	if life.PostStart == spec.HookFailed && restarts(d.st, c.Name, spec.ExitUnknown) {
		d.next.Waiting[c.Name] = Waiting{Reason: reasonPostStartHook, Message: life.Doomed.Message}
	}
	return *life.Doomed, true
}

// stopping is what the kubelet says of a container it stops for no fault of its own.
func stopping(name string) string { return "Stopping container " + name }

// restartedAll is how a container ended, or will, that is restarted because
// another one's rule says so. Its end says nothing: it runs again whatever its
// policy, and if it is an init container, in its turn.
const restartedAll = "RestartAllContainers"

// restartAll has every container of the pod start again, in this sandbox: what
// there is now is marked, and then ended. The marks hold until the containers
// are others, so that whoever comes next goes on with it.
// https://kep.k8s.io/5532
func (d *decider) restartAll() {
	d.next = Next{Waiting: d.next.Waiting, At: d.next.At}
	d.history, d.changed = d.st.History, false
	for i := range d.st.Containers {
		c := &d.st.Containers[i]
		if !c.Running() && !c.Finished() {
			continue
		}
		h := d.history[c.Name]
		if slices.Contains(d.anew, c.Name) {
			h = raise(h, endOf(c.FinishedAt, c.StartedAt, h), d.now)
		} else {
			h.Restarts++
		}
		h.Last = termination(c)
		h.Last.Reason = restartedAll
		d.remember(c.Name, h)
	}
	d.stale()
}

// stale ends the containers that run and are marked, and reports whether there
// are any.
func (d *decider) stale() bool {
	for i := range d.st.Containers {
		if c := &d.st.Containers[i]; c.Running() && marked(d.history[c.Name], c) {
			d.next.End = append(d.next.End, Ending{c.Name, spec.Doom{
				Reason: restartedAll, Message: fmt.Sprintf("Container %s is restarted with all others", c.Name), Grace: d.st.Pod.TerminationGrace,
			}})
		}
	}
	return len(d.next.End) > 0
}

// marked reports whether a container is one that is restarted with all others.
func marked(h spec.ContainerHistory, c *spec.ContainerStatus) bool {
	return ended(h, c) && h.Last.Reason == restartedAll
}
