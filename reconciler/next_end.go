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
		return spec.Doom{Reason: reasonStopped, Message: stopping(c.Name), Grace: d.grace(c.Name)}, true
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

// Marks: how a container ended, or will, that is restarted for no fault of its
// own. Its end says nothing: it runs again whatever its policy, and if it is an
// init container, in its turn. A mark holds until the container is another one,
// so that whoever comes next goes on with it.
const (
	markAll   = "RestartAllContainers" // another one's rule says so
	markFiles = "FilesChanged"
	markSize  = "Resized"
	markStart = "StartedByHand" // with its pod, made by hand, once the init containers are done
)

// mark is the history of a container that is to be restarted.
func mark(h spec.ContainerHistory, c *spec.ContainerStatus, reason string) spec.ContainerHistory {
	end := termination(c)
	end.Reason = reason
	if end.StartedAt.IsZero() { // nobody knows; the one to follow may have the same ID
		end.StartedAt = c.CreatedAt
	}
	return h.Then(end)
}

// marked reports whether a container is to be restarted for no fault of its own.
func marked(h spec.ContainerHistory, c *spec.ContainerStatus) bool {
	return h.Ended(c) && isMark(h.Last)
}

func isMark(t *spec.Termination) bool {
	return t.Reason == markAll || t.Reason == markFiles || t.Reason == markSize || t.Reason == markStart
}

// restartAll has every container of the pod start again, in this sandbox: what
// there is now is marked, and then ended.
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
			h = onceMore(h)
		}
		d.remember(c.Name, mark(h, c, markAll))
	}
	d.stale()
}

// stale ends the containers that run and are marked, and reports whether there
// are any.
func (d *decider) stale() bool {
	for i := range d.st.Containers {
		c := &d.st.Containers[i]
		if h := d.history[c.Name]; c.Running() && marked(h, c) {
			d.next.End = append(d.next.End, Ending{c.Name, spec.Doom{
				Reason: h.Last.Reason, Message: restarting(c.Name, h.Last.Reason), Grace: d.grace(c.Name),
			}})
		}
	}
	return len(d.next.End) > 0
}

// restarting is what is told of a marked container that is ended.
func restarting(name, reason string) string {
	switch reason {
	case markFiles:
		return fmt.Sprintf("Container %s is restarted for its changed files", name)
	case markSize:
		return fmt.Sprintf("Container %s resize requires restart", name)
	}
	return fmt.Sprintf("Container %s is restarted with all others", name)
}
