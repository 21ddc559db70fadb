package reconciler

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"berth/engine/spec"
)

// infraHistory is the name under which a sandbox's own back-off is kept.
const infraHistory = "_infra"

// Next is what one pod needs now so that its containers run as its restart
// policy says, and when to look again. The zero value is: nothing, ever.
//
//	          sandbox lost                sandbox missing
//	Down ◀──────────────── observed ───────────────────▶ Ensure
//	                          │
//	     init containers, one after another: Start, then Await its end
//	                          │
//	     app containers: Start those that never ran; those that ended, when
//	     their policy and back-off let them, else look again At
type Next struct {
	Down   string   // why the sandbox must be taken down before anything else
	Ensure bool     // the sandbox must be made
	Start  []string // containers to start, in this order
	Await  string   // an init container at work: its end is what comes next
	// At is when a back-off ends; zero: only an event can change anything.
	At time.Time
	// History is to be recorded before acting; nil when nothing changed.
	History spec.History
	Waiting map[string]Waiting // why containers do not run
	// Failed is why the pod can never start, "" unless an init container
	// failed that may not be tried again.
	Failed string
}

// Idle reports whether there is nothing to be done now.
func (n *Next) Idle() bool {
	return n.Down == "" && !n.Ensure && len(n.Start) == 0 && n.History == nil
}

// WillRun reports whether a container runs, or is to be started by a supervisor
// with nobody's further doing.
func WillRun(st *spec.PodStatus, name string) bool {
	next := NextOf(st, time.Now(), Hurry{})
	if _, waits := next.Waiting[name]; next.Failed == "" && (waits || next.Down != "" || slices.Contains(next.Start, name)) {
		return true
	}
	c, ok := st.Container(name)
	return ok && c.Running()
}

// Waiting is why a container does not run, in the kubelet's words.
type Waiting struct {
	Reason  string    `json:"reason"`
	Message string    `json:"message,omitempty"`
	Until   time.Time `json:"until,omitzero"` // when it will be tried again
}

// Hurry says what a person's wish overrides.
type Hurry struct {
	Backoff bool // what is to be restarted is restarted at once
	Force   bool // also what has ended for good, or was stopped, is started again
}

func (h Hurry) now() bool { return h.Backoff || h.Force }

// NextOf decides what a pod needs. It is pure.
func NextOf(st *spec.PodStatus, now time.Time, hurry Hurry) Next {
	d := decider{st: st, now: now, hurry: hurry, history: st.History}
	d.next.Waiting = map[string]Waiting{}
	if st.Stopped {
		return d.next
	}
	switch st.Sandbox {
	case spec.SandboxReady:
		d.containers()
	default:
		d.sandbox()
	}
	if d.changed {
		d.next.History = d.history
	}
	return d.next
}

type decider struct {
	st      *spec.PodStatus
	now     time.Time
	hurry   Hurry
	history spec.History
	changed bool
	next    Next
}

// sandbox decides about a pod without a working sandbox: its containers cannot
// live on, and all begins with the first init container.
func (d *decider) sandbox() {
	done := complete(d.st) && !d.hurry.Force
	if d.st.Sandbox == spec.SandboxLost {
		d.lost(done)
		return
	}
	for i := range d.st.Containers {
		c := &d.st.Containers[i]
		h := d.history[c.Name]
		switch {
		case d.hurry.Force && h != (spec.ContainerHistory{Restarts: h.Restarts}):
			d.remember(c.Name, spec.ContainerHistory{Restarts: h.Restarts})
		case d.hurry.Force || c.State != spec.StateExited || ended(h, c):
		default:
			h.Last = termination(c)
			if !over(d.st, c) {
				h.Restarts++
			}
			d.remember(c.Name, h)
		}
	}
	if done {
		return
	}
	d.next.Ensure = true
	d.begin()
}

// lost decides about a pod whose sandbox died: down with it, and then, at a
// second look, up again.
func (d *decider) lost(done bool) {
	if done {
		d.next.Down = "the sandbox is gone and all containers have ended"
		return
	}
	h := d.history[infraHistory]
	ended := endOf(d.st.Infra.FinishedAt, d.st.StartedAt, h)
	if at := restartAt(h, ended); at.After(d.now) && !d.hurry.now() {
		d.wait(infraHistory, at, fmt.Sprintf("back-off %s restarting the sandbox of pod=%s", h.Backoff, d.st.Pod.Name))
		return
	}
	d.remember(infraHistory, raise(h, ended, d.now))
	d.next.Down = "the sandbox is gone"
}

// begin starts a pod in a fresh sandbox.
func (d *decider) begin() {
	for i := range d.st.Pod.InitContainers {
		d.next.Start = append(d.next.Start, d.st.Pod.InitContainers[i].Name)
		if !sidecar(&d.st.Pod.InitContainers[i]) {
			return
		}
	}
	for i := range d.st.Pod.Containers {
		name := d.st.Pod.Containers[i].Name
		if c, ok := d.st.Container(name); ok && !d.hurry.Force && (c.Stopped || over(d.st, c)) {
			continue
		}
		d.next.Start = append(d.next.Start, name)
	}
}

// containers decides about a pod whose sandbox works.
func (d *decider) containers() {
	if !d.initContainers() {
		for i := range d.st.Pod.Containers {
			d.next.Waiting[d.st.Pod.Containers[i].Name] = Waiting{Reason: "PodInitializing"}
		}
		return
	}
	for i := range d.st.Pod.Containers {
		d.container(d.st.Pod.Containers[i].Name)
	}
}

// initContainers goes through the init containers in order and reports whether
// the app containers may run.
func (d *decider) initContainers() bool {
	begun := begun(d.st)
	for i := range d.st.Pod.InitContainers {
		spec := &d.st.Pod.InitContainers[i]
		c, ok := d.st.Container(spec.Name)
		switch {
		case sidecar(spec):
			d.container(spec.Name)
			continue
		case begun:
			continue
		case !ok || !ran(d.st, c):
			d.start(spec.Name)
			return false
		case c.Running():
			d.next.Await = spec.Name
			return false
		case c.ExitCode == 0 && c.Finished():
			continue
		case !d.hurry.Force && !restarts(d.st, spec.Name, c.ExitCode):
			d.finish(c)
			d.next.Failed = fmt.Sprintf("init container %s ended with exit code %d", spec.Name, c.ExitCode)
			return false
		}
		d.again(c)
		return false
	}
	return true
}

// container decides about an app container or sidecar.
func (d *decider) container(name string) {
	c, ok := d.st.Container(name)
	switch {
	case !ok:
		d.start(name)
	case c.Running() || (c.Stopped && !d.hurry.Force):
	case !ran(d.st, c):
		if d.hurry.Force || !over(d.st, c) {
			d.start(name)
		}
	case d.hurry.Force || restarts(d.st, name, c.ExitCode):
		d.again(c)
	default:
		d.finish(c)
	}
}

func (d *decider) start(name string) {
	d.next.Start = append(d.next.Start, name)
}

// again starts a container that has ended, if its back-off is over.
func (d *decider) again(c *spec.ContainerStatus) {
	h := d.history[c.Name]
	ended := endOf(c.FinishedAt, c.StartedAt, h)
	if at := restartAt(h, ended); at.After(d.now) && !d.hurry.now() {
		d.wait(c.Name, at, fmt.Sprintf("back-off %s restarting failed container=%s pod=%s", h.Backoff, c.Name, d.st.Pod.Name))
		return
	}
	h = raise(h, ended, d.now)
	h.Last = termination(c)
	d.remember(c.Name, h)
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
	if ended(h, c) {
		return
	}
	h.Last = termination(c)
	d.remember(c.Name, h)
}

func (d *decider) wait(name string, until time.Time, message string) {
	d.next.Waiting[name] = Waiting{Reason: "CrashLoopBackOff", Message: message, Until: until}
	if d.next.At.IsZero() || until.Before(d.next.At) {
		d.next.At = until
	}
}

func (d *decider) remember(name string, h spec.ContainerHistory) {
	if !d.changed {
		d.history, d.changed = maps.Clone(d.history), true
		if d.history == nil {
			d.history = spec.History{}
		}
	}
	d.history[name] = h
}

// restarts reports whether a container that ended so is started again.
func restarts(st *spec.PodStatus, name string, exitCode int) bool {
	policy := st.Pod.RestartPolicy
	if c, ok := st.Pod.Container(name); ok && c.RestartPolicy != "" {
		policy = c.RestartPolicy
	}
	switch policy {
	case spec.RestartNever:
		return false
	case spec.RestartOnFailure:
		return exitCode != 0
	}
	return true // Always; for an init container this is asked only after a failure
}

// complete reports whether a pod has run to its end: no app container is ever
// started again.
func complete(st *spec.PodStatus) bool {
	if initFailed(st) {
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
	for i := range st.Containers {
		c := &st.Containers[i]
		if code, ok := lastExit(st, c); c.Init && ok && code != 0 && !restarts(st, c.Name, code) {
			return true
		}
	}
	return false
}

// over reports whether an app container has ended and stays so by its policy,
// also when it ended in an earlier sandbox.
func over(st *spec.PodStatus, c *spec.ContainerStatus) bool {
	code, ok := lastExit(st, c)
	return ok && !restarts(st, c.Name, code)
}

// lastExit is how a container ended last, if it did. Of an end in an earlier
// sandbox only the history tells, from which a start by hand wipes it. One that
// went down with the machine has no end of its own.
func lastExit(st *spec.PodStatus, c *spec.ContainerStatus) (code int, ok bool) {
	ready := st.Sandbox == spec.SandboxReady
	switch {
	case c.Running():
		return 0, false
	case c.State == spec.StateExited && (!ready || ran(st, c)), c.State == spec.StateUnknown && ready && ran(st, c):
		return c.ExitCode, true
	}
	if last := st.History[c.Name].Last; last != nil {
		return last.ExitCode, true
	}
	return 0, false
}

// ran reports whether a container has run in the sandbox there is now.
func ran(st *spec.PodStatus, c *spec.ContainerStatus) bool {
	switch {
	case c.Running():
		return true
	case !c.Finished():
		return false
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
func sidecar(c *spec.Container) bool { return c.RestartPolicy == spec.RestartAlways }

// ended reports whether the history holds this end already.
func ended(h spec.ContainerHistory, c *spec.ContainerStatus) bool {
	return h.Last != nil && h.Last.ContainerID == c.ID
}

func termination(c *spec.ContainerStatus) *spec.Termination {
	return &spec.Termination{
		ContainerID: c.ID, ExitCode: c.ExitCode, Reason: c.Reason, Message: c.Message,
		StartedAt: c.StartedAt, FinishedAt: c.FinishedAt,
	}
}
