package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"berth/engine/spec"
)

// claim is the names that something made by hand is to have. Pods and containers
// of a namespace share their names, as podman's do.
type claim struct {
	namespace string
	names     []string
	pod       bool // a pod wants them
	replace   bool
}

// giveWay finds who has one of the names, for the caller to replace, or refuses. It
// is one alone; a pod that has only the name of the infra container goes at once.
func (a *Applier) giveWay(ctx context.Context, c claim) (old *namesake, err error) {
	observed, err := a.Engine.Observe(ctx)
	if err != nil && len(observed) == 0 {
		return nil, fmt.Errorf("see which names are taken: %w", err)
	}
	var errs []error
	var holders []namesake
	for _, n := range namesakes(observed, c) {
		if why := n.refuses(c, observed); why != nil {
			errs = append(errs, why)
			continue
		}
		holders = append(holders, n)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for i, n := range holders {
		if old == nil {
			old = &holders[i]
			continue
		}
		if err := a.RemovePod(ctx, n.st.Pod.ID, yielding(&n.st.Pod, "")); err != nil {
			return nil, err
		}
	}
	return old, nil
}

// namesake is who has a name: a pod, or a container of one.
type namesake struct {
	name      string
	st        *spec.PodStatus
	container string // "" is the pod
}

// namesakes are those who have one of the names.
func namesakes(observed []spec.PodStatus, c claim) []namesake {
	var out []namesake
	for i := range observed {
		st := &observed[i]
		p := &st.Pod
		if p.Namespace != c.namespace {
			continue
		}
		if slices.Contains(c.names, p.Name) {
			out = append(out, namesake{p.Name, st, ""})
			continue
		}
		if st.Infra.ID != "" && slices.Contains(c.names, p.InfraName()) {
			out = append(out, namesake{p.InfraName(), st, ""})
			continue
		}
		for _, made := range p.All() {
			if name := p.ContainerName(made.Name); slices.Contains(c.names, name) {
				out = append(out, namesake{name, st, made.Name})
			}
		}
	}
	return out
}

// refuses says why whoever has a name does not give way, if it does not.
func (n namesake) refuses(c claim, observed []spec.PodStatus) error {
	p := &n.st.Pod
	what, id := n.identity()
	taken := func(todo string) error {
		return fmt.Errorf("the name %q is in use by %s %s: %s: %w", n.name, what, id, todo, spec.ErrExists)
	}
	switch {
	case !byHand(p):
		return taken("it belongs to " + describeOwner(p.Owner))
	case n.isContainer() == c.pod:
		return taken("remove it, or choose another name")
	case !c.replace:
		return taken("remove it, choose another name, or use --replace")
	}
	return refuseNeeded(observed, p, n.container)
}

// isContainer reports whether people know it as a container.
func (n namesake) isContainer() bool { return n.container != "" || n.st.Pod.Bare }

// identity says what it is, and its short ID.
func (n namesake) identity() (what, id string) {
	p := &n.st.Pod
	what, id = "pod", p.ID.Short()
	if n.isContainer() {
		what = "container"
		if made, ok := p.Container(n.called()); ok && made.ByHand != nil {
			id = made.ByHand.ID.Short()
		}
	}
	return what, id
}

// called is the name of the container that is meant.
func (n namesake) called() string {
	if n.container == "" && len(n.st.Pod.Containers) > 0 {
		return n.st.Pod.Containers[0].Name
	}
	return n.container
}

// ErrNeeded is the spec.ErrInUse of what other containers need.
var ErrNeeded = fmt.Errorf("%w", spec.ErrInUse)

// refuseNeeded fails, wrapping ErrNeeded, if containers of other pods need a
// container of a pod; any of the pod's, if it is "".
func refuseNeeded(observed []spec.PodStatus, p *spec.Pod, container string) error {
	needing := dependents(observed, p, container)
	if len(needing) == 0 {
		return nil
	}
	var names []string
	for _, d := range needing {
		names = append(names, d.st.Pod.ContainerName(d.container))
	}
	what := p.Name
	if container != "" {
		what = p.ContainerName(container)
	}
	return fmt.Errorf("%q is needed by %s: remove that first, or use --depend: %w", what, join(names), ErrNeeded)
}

// dependents are the containers of other pods, and those beside it, that need a
// container of a pod, or any of them if it is "".
func dependents(observed []spec.PodStatus, p *spec.Pod, container string) []namesake {
	var out []namesake
	for i := range observed {
		st := &observed[i]
		for _, c := range st.Pod.All() {
			if st.Pod.ID == p.ID && (container == "" || c.Name == container) {
				continue
			}
			needed := func(ref spec.ContainerRef) bool {
				return ref.Pod == p.ID && (container == "" || ref.Name == container)
			}
			if slices.ContainsFunc(needsOf(&st.Pod, &c), needed) {
				out = append(out, namesake{c.Name, st, c.Name})
			}
		}
	}
	return out
}
