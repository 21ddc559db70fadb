package reconciler

import (
	"slices"
	"time"

	"berth/engine/spec"
)

// byHand reports whether a pod was made on the command line.
func byHand(p *spec.Pod) bool { return p.Bare || p.ByHand }

// grace is how long a container gets to end that its pod outlives.
func (d *decider) grace(name string) time.Duration { return graceFor(&d.st.Pod, name, ownGrace) }

// spent reports whether a container made by hand that ended in an earlier
// sandbox, or with the machine, stays down: all do that do not always run, unless
// a person has started the pod since.
func spent(st *spec.PodStatus, c *spec.ContainerStatus) bool {
	return byHand(&st.Pod) && c.Finished() && policyOf(&st.Pod, c.Name) != spec.RestartAlways && !marked(st.History[c.Name], c)
}

// handBegin starts, in a fresh sandbox, what of a pod made by hand is to run
// there: what was made and never ran, and what always runs. The init containers
// come first.
func (d *decider) handBegin() {
	var begin []string
	for _, name := range inOrder(&d.st.Pod) {
		c, ok := d.st.Container(name)
		switch {
		case d.st.Pod.IsInit(name):
			continue
		case !ok || d.hurry.Force:
		case c.Stopped, spent(d.st, c):
			continue
		}
		begin = append(begin, name)
	}
	if (len(begin) > 0 || d.hurry.Force) && !d.handInits() {
		d.startLater(begin)
		begin = nil
	}
	for _, name := range begin {
		d.start(name)
	}
	d.next.Ensure = len(d.next.Start) > 0 || d.hurry.Force
}

// lingerTime is how long what goes with its end stays nevertheless, for those who
// wait for its exit code.
const lingerTime = time.Second

// handEnds decides what becomes of a pod made by hand in which containers have
// ended for good: what was to go with its end goes, and the sandbox with the last.
func (d *decider) handEnds() {
	pod := &d.st.Pod
	if !byHand(pod) || d.hurry.Force {
		return
	}
	used, left, linger := false, false, false
	for i := range d.st.Containers {
		c := &d.st.Containers[i]
		made, ok := pod.Container(c.Name)
		if !ok {
			continue
		}
		_, waits := d.next.Waiting[c.Name]
		ended := c.Finished() && !waits && !starting(&d.next, c.Name)
		used = used || ended && ran(d.st, c)
		left = left || c.Running() || waits || starting(&d.next, c.Name)
		if !ended || made.ByHand == nil || !made.ByHand.Remove && !onceDone(made, c) {
			continue
		}
		if at := c.FinishedAt.Add(lingerTime); at.After(d.now) && !c.FinishedAt.After(d.now) && !d.hurry.now() {
			linger = true
			d.lookAt(at)
			continue
		}
		d.next.Remove = append(d.next.Remove, c.Name)
	}
	switch {
	case pod.Bare && (linger || len(d.next.Remove) > 0):
		d.next.Down = "" // it goes with all it has
	case used && !left && (pod.Bare || pod.StopWithLast) && d.st.Sandbox != spec.SandboxNone && d.next.Down == "":
		d.next.Down = downEnded
	}
}

// cutOff are the containers of a systemd unit that were to go with their end and
// that the machine went down with: what the unit does after each stop, it could
// not do.
func cutOff(st *spec.PodStatus) []string {
	if supervised(&st.Pod) || !byHand(&st.Pod) || st.Sandbox != spec.SandboxNone {
		return nil
	}
	var names []string
	for i := range st.Containers {
		c := &st.Containers[i]
		made, ok := st.Pod.Container(c.Name)
		if ok && made.ByHand != nil && made.ByHand.Remove && c.State == spec.StateUnknown && c.FinishedAt.IsZero() {
			names = append(names, c.Name)
		}
	}
	return names
}

// policyOf is the restart policy of a pod's container.
func policyOf(p *spec.Pod, name string) spec.RestartPolicy {
	if c, ok := p.Container(name); ok && c.RestartPolicy != "" {
		return c.RestartPolicy
	}
	return p.RestartPolicy
}

// triedEnough reports whether a container was restarted as often as it may be.
func triedEnough(st *spec.PodStatus, c *spec.Container) bool {
	if c.ByHand == nil || c.ByHand.MostRestarts <= 0 {
		return false
	}
	now, ok := st.Container(c.Name)
	return ok && st.Restarts(now) >= c.ByHand.MostRestarts
}

// inOrder names a pod's containers so that each comes after those of the pod that
// it requires. A circle is broken where it is met.
func inOrder(p *spec.Pod) []string {
	var order []string
	met := map[string]bool{}
	var visit func(c *spec.Container)
	visit = func(c *spec.Container) {
		if met[c.Name] {
			return
		}
		met[c.Name] = true
		for _, ref := range needsOf(p, c) {
			if other, ok := p.Container(ref.Name); ok && ref.Pod == p.ID {
				visit(other)
			}
		}
		order = append(order, c.Name)
	}
	for _, c := range p.All() {
		visit(&c)
	}
	return order
}

// required is a container and those of its pod that it requires, each after what
// it requires itself.
func required(p *spec.Pod, name string) []string {
	wanted := map[string]bool{name: true}
	order := inOrder(p)
	var out []string
	for _, one := range slices.Backward(order) {
		c, ok := p.Container(one)
		if !ok || !wanted[one] {
			continue
		}
		out = append(out, one)
		for _, ref := range needsOf(p, c) {
			if ref.Pod == p.ID {
				wanted[ref.Name] = true
			}
		}
	}
	slices.Reverse(out)
	return out
}

// needsOf are the containers that must run for one of a pod to: those whose
// namespaces it or its pod lives in, and those it requires.
func needsOf(p *spec.Pod, c *spec.Container) []spec.ContainerRef {
	var refs []spec.ContainerRef
	joins := []spec.Join{p.Join.Net, p.Join.IPC, p.Join.PID, p.Join.UTS, p.Join.Cgroup}
	if p.Users != nil {
		joins = append(joins, p.Users.Join)
	}
	if c.ByHand != nil {
		own := c.ByHand.Namespaces
		joins = append(joins, own.Net, own.IPC, own.PID, own.UTS, own.Cgroup)
		refs = append(refs, c.ByHand.Requires...)
	}
	for _, j := range joins {
		if j.Container != nil {
			refs = append(refs, *j.Container)
		}
	}
	return refs
}

// atOnce are those of the named containers that can be made side by side: no namespace
// that another of the pod holds while it runs is theirs.
func atOnce(p *spec.Pod, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		c, ok := p.Container(name)
		if !ok || c.ByHand == nil {
			return false
		}
		own := c.ByHand.Namespaces
		return slices.ContainsFunc([]spec.Join{own.Net, own.IPC, own.PID, own.UTS, own.Cgroup}, func(j spec.Join) bool {
			return j.Container != nil && j.Container.Pod == p.ID
		})
	})
}

// needs are the containers of other pods that must run for the named ones of a
// pod to.
func needs(p *spec.Pod, names []string) []spec.ContainerRef {
	var out []spec.ContainerRef
	for _, c := range p.All() {
		if !slices.Contains(names, c.Name) {
			continue
		}
		for _, ref := range needsOf(p, &c) {
			if ref.Pod != p.ID && !slices.Contains(out, ref) {
				out = append(out, ref)
			}
		}
	}
	return out
}
