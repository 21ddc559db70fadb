package kube

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// ReadsConfigMap reports whether pods of the object read that ConfigMap, there
// or not.
func (o *Object) ReadsConfigMap(key Key) bool {
	var spec *corev1.PodSpec
	switch {
	case o.Pod != nil:
		spec = &o.Pod.Spec
	case o.Deployment != nil:
		spec = &o.Deployment.Spec.Template.Spec
	}
	if spec == nil || key.Kind != "ConfigMap" || key.Namespace != o.Namespace {
		return false
	}
	projection := func(p corev1.VolumeProjection) bool { return p.ConfigMap != nil && p.ConfigMap.Name == key.Name }
	volume := func(v corev1.Volume) bool {
		return v.ConfigMap != nil && v.ConfigMap.Name == key.Name ||
			v.Projected != nil && slices.ContainsFunc(v.Projected.Sources, projection)
	}
	from := func(f corev1.EnvFromSource) bool { return f.ConfigMapRef != nil && f.ConfigMapRef.Name == key.Name }
	variable := func(e corev1.EnvVar) bool {
		return e.ValueFrom != nil && e.ValueFrom.ConfigMapKeyRef != nil && e.ValueFrom.ConfigMapKeyRef.Name == key.Name
	}
	container := func(c corev1.Container) bool {
		return slices.ContainsFunc(c.EnvFrom, from) || slices.ContainsFunc(c.Env, variable)
	}
	return slices.ContainsFunc(spec.Volumes, volume) ||
		slices.ContainsFunc(spec.InitContainers, container) || slices.ContainsFunc(spec.Containers, container)
}
