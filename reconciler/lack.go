package reconciler

import (
	"fmt"
	"slices"
	"strings"

	"berth/engine/spec"
)

// Of ConfigMaps and Secrets that a pod reads and nobody has declared yet, the
// kubelet tells by containers, where they go into the environment, and by pods,
// where they are mounted: of such a pod nothing is made. Here as there everything
// else of a folder goes on, and what waits is made as soon as they are there.

// reasonConfig is the kubelet's word for a container that lacks something.
const reasonConfig = "CreateContainerConfigError"

// lacking are those of the pods that lack something which are wanted as they are:
// what was made of them while they lacked nothing is better, and runs on.
func lacking(pods []*spec.Pod, observed []spec.PodStatus, scope Scope) []*spec.Pod {
	found := index(observed)
	var out []*spec.Pod
	for _, p := range pods {
		have, _ := found.match(p, scope)
		if have == nil || lacksContainer(&have.Pod) && lacksVolume(p) == "" {
			out = append(out, p)
		}
	}
	return out
}

func lacksContainer(p *spec.Pod) bool {
	return slices.ContainsFunc(p.All(), func(c spec.Container) bool { return c.Lacks != "" })
}

// lacksVolume says what the volumes of a pod lack.
func lacksVolume(p *spec.Pod) string {
	var all []string
	for i := range p.Volumes {
		if why := p.Volumes[i].Lacks; why != "" {
			all = append(all, why)
		}
	}
	return strings.Join(all, "; ")
}

// lacks reports whether a container cannot be made whatever is tried, and says why.
func (d *decider) lacks(made *spec.Container) bool {
	if made.Lacks == "" {
		return false
	}
	d.next.Waiting[made.Name] = Waiting{Reason: reasonConfig, Message: made.Lacks}
	return true
}

// waitForVolumes is the state of a pod that is not made because its volumes lack
// something. Another set of objects, or the end of its time, ends that.
func (w *worker) waitForVolumes(t target, why string) podState {
	next := Next{At: w.overdueAt(t), Waiting: map[string]Waiting{}}
	for _, c := range t.plan.Desired.All() {
		next.Waiting[c.Name] = Waiting{Reason: reasonCreating, Message: why}
	}
	return podState{next: next}
}

// tellLacks tells, once for each, of what is waited for.
func (w *worker) tellLacks(t target, state podState) {
	want, before := t.plan.Desired, w.lastReport()
	switch {
	case want != nil && state.seen == nil && state.err == nil:
		for i := range want.Volumes {
			why := want.Volumes[i].Lacks
			if why != "" && !slices.ContainsFunc(sortedKeys(before.next.Waiting), func(name string) bool {
				return strings.Contains(before.next.Waiting[name].Message, why)
			}) {
				w.events.of(want, "", EventWarning, "FailedMount", why)
			}
		}
	case state.seen != nil:
		for _, c := range state.seen.Pod.All() {
			wait := state.next.Waiting[c.Name]
			if c.Lacks != "" && wait.Message == c.Lacks && before.next.Waiting[c.Name] != wait {
				w.events.of(&state.seen.Pod, c.Name, EventWarning, "Failed", fmt.Sprintf("Error: %s", c.Lacks))
			}
		}
	}
}
