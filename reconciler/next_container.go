package reconciler

import (
	"slices"
	"time"

	"berth/engine/spec"
)

// container decides about an app container or sidecar.
func (d *decider) container(made *spec.Container) {
	c, ok := d.st.Container(made.Name)
	switch {
	case d.done:
		d.windDown(c)
	case !ok:
		if !d.lacks(made) {
			d.start(made.Name)
		}
	case c.Running():
		d.running(made, c)
	case c.Stopped && !d.hurry.Force:
	case !ran(d.st, c):
		if !d.lacks(made) && (d.hurry.Force || !over(d.st, c) && !spent(d.st, c)) && !d.failing(c) {
			d.start(made.Name)
		}
	case d.hurry.Force || restarts(d.st, made.Name, c.ExitCode):
		d.again(made, c)
	default:
		d.finish(c)
	}
}

// windDown decides about a container of a pod that is done: sidecars do not
// outlive the others.
func (d *decider) windDown(c *spec.ContainerStatus) {
	switch {
	case c == nil:
	case c.Running():
		if !d.end(c) {
			d.next.End = append(d.next.End, Ending{c.Name, spec.Doom{
				Reason: reasonDone, Message: stopping(c.Name), Grace: d.grace(c.Name),
			}})
		}
	case c.Finished() && ran(d.st, c):
		d.finish(c)
	}
}

// running decides about a container that runs.
func (d *decider) running(made *spec.Container, c *spec.ContainerStatus) {
	d.unmark(c)
	if !d.end(c) && d.hooked(made) {
		d.next.Hook = append(d.next.Hook, made.Name)
	}
}

func (d *decider) start(name string) {
	d.next.Start = append(d.next.Start, name)
	c, ok := d.st.Container(name)
	if h := d.history[name]; ok && c.Finished() && marked(h, c) && h.Last.FinishedAt.IsZero() {
		d.remember(name, mark(h, c, h.Last.Reason)) // with the end it came to in the meantime
	}
}

func starting(n *Next, name string) bool { return slices.Contains(n.Start, name) }

// failing reports whether a container could not be made and its next try is yet to
// come. Nothing is counted of such tries, as under the kubelet, which has them every
// ten seconds.
func (d *decider) failing(c *spec.ContainerStatus) bool {
	if c == nil || c.Failed == nil || d.hurry.now() {
		return false
	}
	at := retryAt(c.Failed, d.now)
	if !at.After(d.now) {
		return false
	}
	d.next.Waiting[c.Name] = Waiting{Reason: c.Failed.Reason, Message: c.Failed.Message, Until: at}
	d.lookAt(at)
	return true
}

// again starts a container that has ended, if its back-off is over. Where the one
// to follow could not be made, it was then.
func (d *decider) again(made *spec.Container, c *spec.ContainerStatus) {
	if c.Failed != nil {
		if !d.failing(c) {
			d.start(c.Name)
		}
		return
	}
	h := d.history[c.Name]
	if h.Due(c) { // whoever decided that did not come to it
		d.start(c.Name)
		return
	}
	ended := endOf(c.FinishedAt, c.StartedAt, h)
	if at := restartAt(h, ended, d.now); at.After(d.now) && !d.hurry.now() {
		d.wait(c.Name, at, backoffMessage(h, c.Name, d.st.Pod.Name))
		return
	}
	if rule, ok := ruleFor(made, c.ExitCode); ok && rule.All {
		d.anew = append(d.anew, c.Name)
		return
	}
	h = raise(h, ended, d.now)
	if d.hurry.Force && made.ByHand != nil {
		h = spec.ContainerHistory{} // restarts are counted from a person's start on
	}
	d.remember(c.Name, h.Then(termination(c)))
	d.start(c.Name)
}

// endOf is when something ended, or if nobody saw it the latest time at which
// it is known to have lived: back-off must not be counted from now, which moves.
func endOf(finished, started time.Time, h spec.ContainerHistory) time.Time {
	switch {
	case !finished.IsZero():
		return finished
	case started.Before(h.BackoffAt):
		return h.BackoffAt
	}
	return started
}

// finish remembers how a container ended that is not started again.
func (d *decider) finish(c *spec.ContainerStatus) {
	h := d.history[c.Name]
	if h.Ended(c) {
		return
	}
	h = h.Then(termination(c))
	h.Counted = false
	d.remember(c.Name, h)
}

func (d *decider) wait(name string, until time.Time, message string) {
	d.next.Waiting[name] = Waiting{Reason: reasonCrashLoop, Message: message, Until: until}
	d.lookAt(until)
}

// restarts reports whether a container that ended so is started again.
func restarts(st *spec.PodStatus, name string, exitCode int) bool {
	c, ok := st.Pod.Container(name)
	if ok && c.ByHand != nil && c.ByHand.InitKind != "" {
		return false // it runs at the next start of its pod
	}
	if ok {
		if _, ok := ruleFor(c, exitCode); ok {
			return true
		}
	}
	switch policyOf(&st.Pod, name) {
	case spec.RestartNever:
		return false
	case spec.RestartOnFailure:
		return exitCode != 0 && !(ok && triedEnough(st, c))
	}
	return true // Always; for an init container this is asked only after a failure
}

// ruleFor is the container's first restart rule for an exit code.
func ruleFor(c *spec.Container, exitCode int) (spec.RestartRule, bool) {
	for _, r := range c.Lifecycle.RestartRules {
		if r.Matches(exitCode) {
			return r, true
		}
	}
	return spec.RestartRule{}, false
}
