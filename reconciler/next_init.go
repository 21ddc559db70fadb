package reconciler

import "berth/engine/spec"

// initContainers goes through the init containers in order and reports whether
// the app containers may run. Sidecars come back at any time; until the pod has
// got past one, it holds up what comes after it.
// https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/kubelet/kuberuntime/kuberuntime_container.go (computeInitContainerActions)
func (d *decider) initContainers() bool {
	list := d.st.Pod.InitContainers
	past := d.past()
	for i := range list {
		if sidecar(&list[i]) {
			d.container(&list[i])
			if i >= past && !d.started(&list[i]) {
				return d.held(list[i+1:])
			}
			continue
		}
		if i >= past && !d.initContainer(&list[i]) {
			return d.held(list[i+1:])
		}
	}
	return true
}

// past is how many init containers the pod has got past, whatever became of
// them: what comes after them has begun.
func (d *decider) past() int {
	list := d.st.Pod.InitContainers
	if begun(d.st) {
		return len(list)
	}
	for i := len(list) - 1; i > 0; i-- {
		if c, ok := d.st.Container(list[i].Name); ok && ran(d.st, c) {
			return i
		}
	}
	return 0
}

// held says of the init containers after one that holds them up what they wait for.
func (d *decider) held(list []spec.Container) bool {
	d.waits(list)
	return false
}

// started reports whether a sidecar lets the next init container start; if not,
// it is the gate.
func (d *decider) started(made *spec.Container) bool {
	c, ok := d.st.Container(made.Name)
	switch {
	case ok && d.st.Started(c):
		return true
	case starting(&d.next, made.Name) && !gates(made):
		return true
	}
	d.next.Gate = made.Name
	return false
}

// gates reports whether a container has yet to do something after its process
// has started before it counts as started.
func gates(c *spec.Container) bool { return c.Lifecycle.Startup != nil || c.Lifecycle.PostStart != nil }

// initContainer decides about an init container that must end, and reports
// whether it has ended well.
func (d *decider) initContainer(made *spec.Container) bool {
	if made.ByHand != nil {
		return d.handInit(made)
	}
	c, ok := d.st.Container(made.Name)
	switch {
	case ok && c.Stopped && !d.hurry.Force:
		d.end(c)
		d.next.Waiting[made.Name] = Waiting{Reason: reasonStopped, Message: "by hand"}
	case !ok || !ran(d.st, c):
		if !d.lacks(made) && !d.failing(c) {
			d.start(made.Name)
		}
	case c.Running():
		d.next.Await = made.Name
	case c.ExitCode == 0 && c.Finished():
		return true
	case !d.hurry.Force && !restarts(d.st, made.Name, c.ExitCode):
		d.finish(c)
		d.failedInit()
	default:
		d.again(made, c)
	}
	return false
}
