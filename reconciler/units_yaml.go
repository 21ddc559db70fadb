package reconciler

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"berth/engine/spec"
	"berth/kube"
	"berth/quadlet"
)

// holds reports whether a pod from YAML has to wait for a unit that makes one of its
// volumes, which is then started.
func (u *units) holds(p *spec.Pod) bool {
	if u == nil || p == nil {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, v := range p.Volumes {
		if v.Named == nil {
			continue
		}
		for _, name := range u.graph.Names() {
			s := u.graph.Services[name]
			if s.Unit.Name.Kind == quadlet.Volume && s.Resource == v.Named.Volume && u.states[name].Phase != spec.UnitActive {
				u.demanded[name] = true
				u.poke()
				return true
			}
		}
	}
	return false
}

// holdBack is a plan without what has to wait for units.
func (u *units) holdBack(plan Plan) Plan {
	if u == nil {
		return plan
	}
	out := make(Plan, 0, len(plan))
	for _, p := range plan {
		if waits := p.Action == ActionCreate || p.Action == ActionReplace; waits && u.holds(p.Desired) {
			if p.Observed == nil {
				continue
			}
			p = PodPlan{Key: p.Key, Action: ActionKeep, Reason: "its volumes are not there yet", Observed: p.Observed}
		}
		out = append(out, p)
	}
	return out
}

// ready is a set as units see it: without the objects that .kube units play, and with
// claims that name a .volume unit's file standing for its volume. ok is false while
// nothing is known of units.
func (u *units) ready(set *kube.Set) (out *kube.Set, ok bool) {
	if u == nil || set == nil {
		return set, true
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.found == nil || u.fresh {
		return nil, false
	}
	volumes := map[string]string{}
	for _, name := range u.graph.Names() {
		if s := u.graph.Services[name]; s.Unit.Name.Kind == quadlet.Volume {
			volumes[s.Unit.Name.File] = s.Resource
		}
	}
	if len(volumes)+len(u.found.Contents) == 0 {
		return set, true
	}
	copied := *set
	copied.Objects = nil
	for _, o := range set.Objects {
		if _, played := u.found.Contents[o.Pos.File]; !played {
			copied.Objects = append(copied.Objects, claiming(o, volumes))
		}
	}
	return &copied, true
}

// claiming is an object whose claims by the names of unit files are by those of
// their volumes.
func claiming(o *kube.Object, volumes map[string]string) *kube.Object {
	var pod *corev1.PodSpec
	copied := *o
	switch {
	case o.Pod != nil && claims(&o.Pod.Spec, volumes):
		copied.Pod = o.Pod.DeepCopy()
		pod = &copied.Pod.Spec
	case o.Deployment != nil && claims(&o.Deployment.Spec.Template.Spec, volumes):
		copied.Deployment = o.Deployment.DeepCopy()
		pod = &copied.Deployment.Spec.Template.Spec
	default:
		return o
	}
	for i := range pod.Volumes {
		if c := pod.Volumes[i].PersistentVolumeClaim; c != nil && volumes[c.ClaimName] != "" {
			c.ClaimName = volumes[c.ClaimName]
		}
	}
	return &copied
}

// claims reports whether a pod claims the volume of a unit file.
func claims(pod *corev1.PodSpec, volumes map[string]string) bool {
	return slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool {
		return v.PersistentVolumeClaim != nil && volumes[v.PersistentVolumeClaim.ClaimName] != ""
	})
}
