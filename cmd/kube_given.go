package cmd

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"berth/engine"
	"berth/engine/spec"
	"berth/kube"
	"berth/translate"
)

// A pod knows what it was made from. A Deployment and a claim have more to say
// than the pods and the volume made of them (labels of their own, a selector, a
// size): where the object is still there, and still means what is here, it is
// given back whole.

// givenController is the object a pod was made from, if it makes the same pod
// without any flags.
func givenController(ctx context.Context, e *engine.Engine, pod *spec.Pod) (map[string]any, bool) {
	set := objectsOf(ctx, e, pod.Owner)
	want := kube.Key{Kind: pod.Origin.Kind, Namespace: pod.Origin.Namespace, Name: pod.Origin.Name}
	i := slices.IndexFunc(set.Objects, func(o *kube.Object) bool { return o.Key() == want })
	if i < 0 {
		return nil, false
	}
	plain := *set.Objects[i]
	plain.Options = nil
	set.Objects = slices.Clone(set.Objects)
	set.Objects[i] = &plain
	if !slices.ContainsFunc(translator()(&set).Pods, func(p *spec.Pod) bool { return p.Key() == pod.Key() && same(p, pod) }) {
		return nil, false
	}
	return givenFields(&plain)
}

// same reports whether two pods are the same, also in what can be changed while
// one runs.
func same(a, b *spec.Pod) bool {
	return a.Hash == b.Hash && maps.Equal(a.Labels, b.Labels) && maps.Equal(a.Annotations, b.Annotations) &&
		slices.EqualFunc(a.All(), b.All(), func(x, y spec.Container) bool {
			x.Resources.OOMScoreAdj, y.Resources.OOMScoreAdj = nil, nil // of the host's size
			return reflect.DeepEqual(x.Resources, y.Resources) && x.RestartPolicy == y.RestartPolicy
		})
}

// givenClaim is the claim that kube play was given for a volume.
func givenClaim(set *kube.Set, volume string) (translate.Generated, bool) {
	for _, o := range set.Objects {
		if o.PersistentVolumeClaim != nil && translate.VolumeName(o.Namespace, o.Name) == volume {
			fields, ok := givenFields(o)
			return translate.Generated{Key: o.Key(), Fields: fields}, ok
		}
	}
	return translate.Generated{}, false
}

func givenFields(o *kube.Object) (map[string]any, bool) {
	data, err := o.Given()
	if err != nil {
		return nil, false
	}
	var fields map[string]any
	return fields, json.Unmarshal(data, &fields) == nil
}
