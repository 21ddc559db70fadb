package reconciler

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"berth/engine/spec"
)

// Next is what one pod needs now so that its containers run as its restart
// policy says, and when to look again. The zero value is: nothing, ever.
//
//	  sandbox lost, or all has ended       sandbox missing
//	Down ◀──────────────── observed ───────────────────▶ Ensure
//	  ▲                       │
//	  │    what is doomed, or stopped by hand: End
//	  │                       │
//	Verdict    init containers, one after another: Start, then Await its end;
//	           a sidecar: Start, then Gate until it has started
//	                          │
//	     app containers: Start those that never ran; those that ended, when
//	     their policy and back-off let them, else look again At; one with a
//	     Hook holds up those after it
type Next struct {
	Verdict *spec.Verdict // the pod is over from now on: to be recorded before anything else
	Down    string        // why the sandbox must be taken down before anything else
	Ensure  bool          // the sandbox must be made
	End     []Ending      // containers to be ended
	Start   []string      // containers to start, in this order
	Remove  []string      // containers made by hand that go with their end, a pod that is but one with it
	Hook    []string      // containers whose postStart hook is to be run
	Await   string        // an init container at work: its end is what comes next
	Gate    string        // a container that must have started before what comes next
	// At is when a back-off or the pod's time ends; zero: only an event can
	// change anything.
	At time.Time
	// History is to be recorded before acting; nil when nothing changed.
	History spec.History
	Waiting map[string]Waiting // why containers do not run
	// Failed is why the pod can never start, "" unless an init container
	// failed that may not be tried again.
	Failed string
}

// Ending is a container to be ended, and why. What follows is decided when it
// has ended.
type Ending struct {
	Name string
	spec.Doom
}

// Idle reports whether there is nothing to be done now under the pod's lock. A
// hook is run without it.
func (n *Next) Idle() bool {
	return n.Verdict == nil && n.Down == "" && !n.Ensure && len(n.End) == 0 && len(n.Start) == 0 && n.History == nil && len(n.Remove) == 0
}

// WillRun reports whether a container runs, or is to be started by a supervisor
// with nobody's further doing.
func WillRun(st *spec.PodStatus, name string) bool {
	next := NextOf(st, time.Now(), Hurry{})
	down := next.Down != "" && next.Down != downEnded && !st.Stopped && st.Verdict == nil
	if _, waits := next.Waiting[name]; next.Failed == "" && next.Verdict == nil && (waits || down || slices.Contains(next.Start, name)) {
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

// The kubelet's reasons why a container waits.
const (
	reasonCreating      = "ContainerCreating"
	reasonInitializing  = "PodInitializing"
	reasonCrashLoop     = "CrashLoopBackOff"
	reasonRun           = "RunContainerError"
	reasonPostStartHook = "PostStartHookError"
	reasonDone          = "PodCompleted" // ours: the containers it served have ended
	reasonHook          = "FailedPostStartHook"
	reasonStopped       = "Stopped" // ours: by hand
)

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
	switch {
	case st.Verdict != nil:
		d.over(st.Verdict)
	case st.Stopped:
		d.stopped()
	case d.late():
	case st.Sandbox == spec.SandboxReady:
		d.containers()
	default:
		d.sandbox()
	}
	d.handEnds()
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
	anew    []string // containers whose end restarts all
	done    bool     // no app container is ever started again
	next    Next
}

// containers decides about a pod whose sandbox works.
func (d *decider) containers() {
	if d.stale() {
		return
	}
	d.done = complete(d.st) && !d.hurry.Force
	if d.initContainers() {
		d.apps()
	} else {
		d.waits(d.st.Pod.Containers)
	}
	if len(d.anew) > 0 {
		d.restartAll()
	}
	d.ended()
}

// apps decides about the app containers. One whose hook has not ended yet holds
// up those after it.
func (d *decider) apps() {
	list := appsOf(&d.st.Pod)
	for i := range list {
		d.container(&list[i])
		if d.hooked(&list[i]) {
			d.next.Gate = list[i].Name
			d.waits(list[i+1:])
			d.endings(list[i+1:])
			return
		}
	}
}

// waits says of containers that never ran what they wait for.
func (d *decider) waits(list []spec.Container) {
	reason := reasonCreating
	if len(d.st.Pod.InitContainers) > 0 {
		reason = reasonInitializing
	}
	for i := range list {
		if c, ok := d.st.Container(list[i].Name); !ok || !ran(d.st, c) {
			d.next.Waiting[list[i].Name] = Waiting{Reason: reason}
		}
	}
}

// hooked reports whether a container is, or will be as soon as it may, in its
// postStart hook.
func (d *decider) hooked(made *spec.Container) bool {
	if made.Lifecycle.PostStart == nil {
		return false
	}
	c, ok := d.st.Container(made.Name)
	return starting(&d.next, made.Name) || ok && pending(made, c)
}

// lookAt has the pod looked at again then, if not sooner.
func (d *decider) lookAt(at time.Time) { d.next.At = earlier(at, d.next.At) }

func (d *decider) remember(name string, h spec.ContainerHistory) {
	if !d.changed {
		d.history, d.changed = maps.Clone(d.history), true
		if d.history == nil {
			d.history = spec.History{}
		}
	}
	d.history[name] = h
}

// lifeOf is what is known of the container there is now.
func lifeOf(c *spec.ContainerStatus) spec.Life {
	if c.Life == nil || c.Life.Container != c.ID {
		return spec.Life{Container: c.ID}
	}
	return *c.Life
}

func backoffMessage(h spec.ContainerHistory, container, pod string) string {
	return fmt.Sprintf("back-off %s restarting failed container=%s pod=%s", h.Backoff, container, pod)
}
