package reconciler

import (
	"fmt"
	"slices"

	"berth/engine/spec"
)

// downEnded is why a pod that has ended by itself is taken down.
const downEnded = "all containers have ended"

// over decides about a pod that is over by a verdict: it is taken down, and
// never comes back.
func (d *decider) over(v *spec.Verdict) {
	if d.st.Sandbox != spec.SandboxNone {
		d.next.Down = v.Message
	}
}

// late gives the verdict about a pod that was given so much time, once that is
// over, and reports whether it did.
// https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/kubelet/active_deadline.go
func (d *decider) late() bool {
	pod := &d.st.Pod
	if pod.ActiveDeadline == 0 || complete(d.st) {
		return false
	}
	if at := pod.CreatedAt.Add(pod.ActiveDeadline); at.After(d.now) {
		d.lookAt(at)
		return false
	}
	d.next.Verdict = &spec.Verdict{
		Reason: "DeadlineExceeded", Message: "Pod was active on the node longer than the specified deadline", At: d.now,
	}
	return true
}

// stopped decides about a pod that a person wants down. Who stopped it may have
// been killed in the middle. One that was only created keeps its sandbox.
func (d *decider) stopped() {
	used := slices.ContainsFunc(d.st.Containers, func(c spec.ContainerStatus) bool { return ran(d.st, &c) })
	if used && d.st.Sandbox != spec.SandboxNone {
		d.next.Down = "it was stopped by hand"
	}
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
		case d.hurry.Force && byHand(&d.st.Pod):
			if h != (spec.ContainerHistory{}) { // restarts are counted from a person's start on
				d.remember(c.Name, spec.ContainerHistory{})
			}
		case d.hurry.Force && h != (spec.ContainerHistory{Restarts: h.Restarts}):
			d.remember(c.Name, spec.ContainerHistory{Restarts: h.Restarts})
		case d.hurry.Force || !c.Finished() || h.Ended(c):
		default:
			h = h.Then(endOfThis(d.st, c))
			h.Counted = false
			if !done && !c.Stopped && (c.Init || !over(d.st, c)) {
				h = onceMore(h)
			}
			d.remember(c.Name, h)
		}
	}
	if done || d.unitStarts() {
		d.failedInit()
		return
	}
	if byHand(&d.st.Pod) {
		d.handBegin()
		return
	}
	d.next.Ensure = true
	d.begin()
}

// lost decides about a pod whose sandbox died: down with it, and then, at a
// second look, up again.
func (d *decider) lost(done bool) {
	if done {
		d.next.Down = downEnded
		d.failedInit()
		return
	}
	h := d.history[infraHistory]
	ended := endOf(d.st.Infra.FinishedAt, d.st.StartedAt, h)
	if at := restartAt(h, ended, d.now); at.After(d.now) && !d.hurry.now() {
		d.wait(infraHistory, at, fmt.Sprintf("back-off %s restarting the sandbox of pod=%s", h.Backoff, d.st.Pod.Name))
		return
	}
	d.remember(infraHistory, raise(h, ended, d.now))
	d.next.Down = "the sandbox is gone"
}

// ended has the sandbox of a pod in which nothing runs, or ever will again, taken
// down: its address is free. How its containers ended, and what they wrote, stays.
// https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/kubelet/kubelet.go (SyncTerminatingPod)
func (d *decider) ended() {
	if d.done && (!byHand(&d.st.Pod) || initFailed(d.st)) && len(d.next.End) == 0 && !slices.ContainsFunc(d.st.Containers, spec.ContainerStatus.Running) {
		d.next.Down = downEnded
	}
}

// failedInit says that an init container has ended the pod, if one has.
func (d *decider) failedInit() {
	for i := range d.st.Containers {
		if c := &d.st.Containers[i]; endedBy(d.st, c) {
			code, _ := lastExit(d.st, c)
			d.next.Failed = fmt.Sprintf("init container %s ended with exit code %d", c.Name, code)
			return
		}
	}
}

// begin starts a pod in a fresh sandbox, as far as nothing holds it up.
func (d *decider) begin() {
	for i := range d.st.Pod.InitContainers {
		c := &d.st.Pod.InitContainers[i]
		if d.lacks(c) {
			d.held(d.st.Pod.InitContainers[i+1:])
			d.waits(d.st.Pod.Containers)
			return
		}
		d.start(c.Name)
		if !sidecar(c) || gates(c) {
			return
		}
	}
	for i := range d.st.Pod.Containers {
		c := &d.st.Pod.Containers[i]
		if st, ok := d.st.Container(c.Name); ok && !d.hurry.Force && (st.Stopped || over(d.st, st)) || d.lacks(c) {
			continue
		}
		d.start(c.Name)
		if c.Lifecycle.PostStart != nil {
			return
		}
	}
}
