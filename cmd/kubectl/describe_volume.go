package kubectl

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

func sortedNames(list corev1.ResourceList) []string {
	var names []string
	for name := range list {
		names = append(names, string(name))
	}
	slices.Sort(names)
	return names
}

func sortedMounts(mounts []corev1.VolumeMount) []corev1.VolumeMount {
	out := slices.Clone(mounts)
	slices.SortFunc(out, func(a, b corev1.VolumeMount) int { return strings.Compare(a.MountPath, b.MountPath) })
	return out
}

func (d *describer) volumes(volumes []corev1.Volume) {
	if len(volumes) == 0 {
		d.line(0, "Volumes:\t<none>")
		return
	}
	d.line(0, "Volumes:")
	for i := range volumes {
		d.line(1, "%s:", volumes[i].Name)
		d.volume(&volumes[i].VolumeSource)
	}
}

// volume writes where a volume comes from, in kubectl's words for the kinds a
// host has.
func (d *describer) volume(v *corev1.VolumeSource) {
	optional := func(o *bool) string { return fmt.Sprint(o != nil && *o) }
	switch {
	case v.HostPath != nil:
		kind := "<none>"
		if v.HostPath.Type != nil {
			kind = string(*v.HostPath.Type)
		}
		d.line(2, "Type:\tHostPath (bare host directory volume)")
		d.line(2, "Path:\t%s", v.HostPath.Path)
		d.line(2, "HostPathType:\t%s", kind)
	case v.EmptyDir != nil:
		size := "<unset>"
		if v.EmptyDir.SizeLimit != nil {
			size = v.EmptyDir.SizeLimit.String()
		}
		d.line(2, "Type:\tEmptyDir (a temporary directory that shares a pod's lifetime)")
		d.line(2, "Medium:\t%s", v.EmptyDir.Medium)
		d.line(2, "SizeLimit:\t%s", size)
	case v.Secret != nil:
		d.line(2, "Type:\tSecret (a volume populated by a Secret)")
		d.line(2, "SecretName:\t%s", v.Secret.SecretName)
		d.line(2, "Optional:\t%s", optional(v.Secret.Optional))
	case v.ConfigMap != nil:
		d.line(2, "Type:\tConfigMap (a volume populated by a ConfigMap)")
		d.line(2, "Name:\t%s", v.ConfigMap.Name)
		d.line(2, "Optional:\t%s", optional(v.ConfigMap.Optional))
	case v.PersistentVolumeClaim != nil:
		d.line(2, "Type:\tPersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)")
		d.line(2, "ClaimName:\t%s", v.PersistentVolumeClaim.ClaimName)
		d.line(2, "ReadOnly:\t%t", v.PersistentVolumeClaim.ReadOnly)
	case v.DownwardAPI != nil:
		d.line(2, "Type:\tDownwardAPI (a volume populated by information about the pod)")
		d.downward(v.DownwardAPI.Items)
	case v.Projected != nil:
		d.line(2, "Type:\tProjected (a volume that contains injected data from multiple sources)")
		for _, s := range v.Projected.Sources {
			switch {
			case s.Secret != nil:
				d.line(2, "SecretName:\t%s", s.Secret.Name)
				d.line(2, "Optional:\t%s", optional(s.Secret.Optional))
			case s.ConfigMap != nil:
				d.line(2, "ConfigMapName:\t%s", s.ConfigMap.Name)
				d.line(2, "Optional:\t%s", optional(s.ConfigMap.Optional))
			case s.DownwardAPI != nil:
				d.line(2, "DownwardAPI:\ttrue")
			}
		}
	case v.Image != nil:
		d.line(2, "Type:\tImage (a container image or OCI artifact)")
		d.line(2, "Reference:\t%s", v.Image.Reference)
	default:
		d.line(2, "<unknown>")
	}
}

func (d *describer) downward(items []corev1.DownwardAPIVolumeFile) {
	d.line(2, "Items:")
	for _, item := range items {
		if item.FieldRef != nil {
			d.line(3, "%s -> %s", item.FieldRef.FieldPath, item.Path)
		}
		if item.ResourceFieldRef != nil {
			d.line(3, "%s -> %s", item.ResourceFieldRef.Resource, item.Path)
		}
	}
}
