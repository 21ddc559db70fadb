package reconciler

import (
	"context"

	"berth/engine/spec"
)

// result is what became of the pods; see gives the status of one, if there is any.
func (r *applying) result(see func(spec.PodID) *spec.PodStatus) ApplyResult {
	out := ApplyResult{Warnings: r.warnings}
	if see == nil {
		return out
	}
	out.Volumes = r.volumes
	known := keysOf(r.before.Objects)
	for _, o := range r.given.Objects {
		if o.Secret != nil && !known[o.Key()] {
			out.Secrets = append(out.Secrets, o.Name)
		}
	}
	for _, j := range r.jobs {
		p := PodResult{Key: j.plan.Key, ID: j.id, Action: j.plan.Action, Reason: j.plan.Reason}
		if j.plan.Desired != nil {
			p.Origin = j.plan.Desired.Origin
		} else {
			p.Origin = j.plan.Observed.Pod.Origin
		}
		if st := see(j.id); st != nil && j.plan.Action != ActionRemove {
			p.Containers = containersOf(st)
		}
		out.Pods = append(out.Pods, p)
	}
	return out
}

func containersOf(st *spec.PodStatus) []ContainerResult {
	var out []ContainerResult
	for _, c := range st.Containers {
		out = append(out, ContainerResult{Name: st.Pod.ContainerName(c.Name), ID: c.ID, Init: c.Init})
	}
	return out
}

// finish forgets the inputs that no pod reads any more and observes what was
// made. A pod that was kept is as it was seen.
func (r *applying) finish(ctx context.Context) (ApplyResult, error) {
	seen := map[spec.PodID]*spec.PodStatus{}
	for _, j := range r.jobs {
		switch j.plan.Action {
		case ActionRemove:
		case ActionCreate, ActionReplace, ActionRestart:
			if st, err := r.Engine.ObservePod(ctx, j.id); err == nil {
				seen[j.id] = &st
			}
		default:
			seen[j.id] = j.plan.Observed
		}
	}
	return r.result(func(id spec.PodID) *spec.PodStatus { return seen[id] }), r.forgetUnread(ctx)
}
