package reconciler

import (
	"context"
	"fmt"
	"slices"

	"berth/engine/spec"
)

// handInits goes through the init containers of a pod made by hand that has no
// sandbox, and reports whether the others may start.
func (d *decider) handInits() bool {
	list := d.st.Pod.InitContainers
	for i := range list {
		if !d.handInit(&list[i]) {
			return d.held(list[i+1:])
		}
	}
	return true
}

// handInit decides about an init container made by hand, and reports whether it
// holds nothing up. It is tried but once in a sandbox; one that a person wants
// down is passed over.
func (d *decider) handInit(made *spec.Container) bool {
	c, ok := d.st.Container(made.Name)
	switch {
	case !ok || onceDone(made, c):
		return true
	case c.Running():
		if !d.end(c) {
			d.next.Await = made.Name
		}
	case d.st.Sandbox == spec.SandboxReady && ran(d.st, c):
		if c.ExitCode == 0 {
			return true
		}
		d.finish(c)
		d.failedInit()
	case c.Stopped && !d.hurry.Force:
		return true
	case !d.failing(c):
		d.start(made.Name)
	}
	return false
}

// startLater has containers start, whoever looks then, once the init containers of
// their pod are done.
func (d *decider) startLater(names []string) {
	d.waits(d.st.Pod.Containers)
	for _, name := range names {
		if c, ok := d.st.Container(name); ok && c.Finished() && d.hurry.Force {
			h := d.history[name]
			h.Counted = false
			d.remember(name, mark(h, c, markStart))
		}
	}
}

// unmark forgets that a container that runs was to be started: what becomes of it
// now is its own.
func (d *decider) unmark(c *spec.ContainerStatus) {
	if h := d.history[c.Name]; h.Last != nil && h.Last.Reason == markStart {
		h.Last = nil
		d.remember(c.Name, h)
	}
}

// onceDone reports whether a container is an init container that was to run once,
// and has.
func onceDone(made *spec.Container, c *spec.ContainerStatus) bool {
	return made.ByHand != nil && made.ByHand.InitKind == spec.InitOnce && c.Finished() && c.ExitCode == 0
}

// passedByHand reports whether the app containers of a pod made by hand have begun,
// however its init containers ended: a person started them one by one.
func passedByHand(st *spec.PodStatus) bool {
	return st.Pod.ByHand && st.Sandbox == spec.SandboxReady && begun(st)
}

// appsOf are the app containers of a pod in the order in which they start.
func appsOf(p *spec.Pod) []spec.Container {
	if !p.ByHand {
		return p.Containers
	}
	var out []spec.Container
	for _, name := range inOrder(p) {
		if c, ok := p.Container(name); ok && !p.IsInit(name) {
			out = append(out, *c)
		}
	}
	return out
}

// refuseHandInit refuses to start an init container made by hand by itself.
func refuseHandInit(p *spec.Pod, name string) error {
	if c, ok := p.Container(name); ok && c.ByHand != nil && p.IsInit(name) {
		return fmt.Errorf("container %s is an init container: it runs when its pod starts; use pod start", p.ContainerName(name))
	}
	return nil
}

// refuseLateInit refuses to add an init container to a pod that is up.
func (a *actor) refuseLateInit(ctx context.Context, pod *spec.Pod, c *spec.Container) error {
	if c.ByHand == nil || c.ByHand.InitKind == "" {
		return nil
	}
	st, err := a.engine.ObservePod(ctx, pod.ID)
	if err == nil && st.Sandbox != spec.SandboxNone {
		err = fmt.Errorf("pod %s runs: an init container runs when its pod starts: stop the pod first, with pod stop", pod.Key())
	}
	return err
}

// clearForInit takes down the sandbox of a pod made by hand in which nothing runs
// any more, so that its init containers run at its start.
func (a *actor) clearForInit(ctx context.Context, id spec.PodID) error {
	st, err := a.engine.ObservePod(ctx, id)
	if err != nil || !st.Pod.ByHand || len(st.Pod.InitContainers) == 0 || st.Sandbox == spec.SandboxNone ||
		slices.ContainsFunc(st.Containers, spec.ContainerStatus.Running) {
		return err
	}
	return a.engine.StopPod(ctx, id, 0)
}
