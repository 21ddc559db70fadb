package translate

import (
	"fmt"
	"path"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"berth/engine/spec"
)

func (b *builder) volumes() {
	for i := range b.from.Volumes {
		field := fmt.Sprintf("spec.volumes[%d]", i)
		b.pod.Volumes = append(b.pod.Volumes, b.volume(&b.from.Volumes[i], field))
	}
}

func (b *builder) volume(v *corev1.Volume, field string) spec.Volume {
	out := spec.Volume{Name: v.Name}
	switch {
	case v.EmptyDir != nil:
		out.Empty = emptyDir(v.EmptyDir, memoryLimit(b.from))
		if m := v.EmptyDir.Medium; m != corev1.StorageMediumDefault && m != corev1.StorageMediumMemory {
			b.errorf(field+".emptyDir.medium", "medium %q is not supported: use Memory or leave it out", m)
		}
	case v.HostPath != nil:
		out.Host = &spec.HostVolume{Path: b.onHost(v.HostPath.Path)}
		if v.HostPath.Type != nil {
			out.Host.Type = string(*v.HostPath.Type)
		}
		if !path.IsAbs(out.Host.Path) {
			b.errorf(field+".hostPath.path", "%q is not an absolute path, as only kube play takes it, from its working folder: for a named volume use persistentVolumeClaim", v.HostPath.Path)
		}
	case v.ConfigMap != nil:
		s := v.ConfigMap
		out.Files = filesVolume(b.files(keySource{b.key("ConfigMap", s.Name), s.Optional, s.Items, field + ".configMap", "name"}, s.DefaultMode))
	case v.Secret != nil:
		s := v.Secret
		out.Files = filesVolume(b.files(keySource{b.key("Secret", s.SecretName), s.Optional, s.Items, field + ".secret", "secretName"}, s.DefaultMode))
	case v.Projected != nil:
		out.Files = filesVolume(b.projected(v.Projected, field+".projected.sources"))
	case v.DownwardAPI != nil:
		out.Files = filesVolume(b.downward(v.DownwardAPI.Items, v.DownwardAPI.DefaultMode, field+".downwardAPI.items"))
	case v.PersistentVolumeClaim != nil:
		out.Named = b.claim(v.PersistentVolumeClaim, field+".persistentVolumeClaim.claimName")
	case v.VolumeSource == corev1.VolumeSource{}: // Kubernetes' default
		out.Empty = &spec.EmptyVolume{}
	default:
		b.errorf(field, "this kind of volume cannot be honoured: use emptyDir, hostPath, configMap, secret, projected, downwardAPI or persistentVolumeClaim")
	}
	if why := b.lacked(); why != "" {
		out.Lacks = fmt.Sprintf("MountVolume.SetUp failed for volume %q : %s", v.Name, why)
	}
	return out
}

// onHost is a path of the host, which may be relative to the folder that kube play
// works in.
func (b *builder) onHost(p string) string {
	if path.IsAbs(p) || b.options.Folder == "" {
		return p
	}
	return path.Join(b.options.Folder, p)
}

// emptyDir in memory is not larger than what the pod's containers may use.
func emptyDir(v *corev1.EmptyDirVolumeSource, podLimit int64) *spec.EmptyVolume {
	out := &spec.EmptyVolume{Memory: v.Medium == corev1.StorageMediumMemory}
	if v.SizeLimit != nil {
		out.SizeLimit = v.SizeLimit.Value()
	}
	if out.Memory {
		out.Cap = podLimit
	}
	return out
}

func (b *builder) mounts(c *corev1.Container, field string, env *environment) []spec.Mount {
	var mounts []spec.Mount
	for i := range c.VolumeMounts {
		if m, ok := b.mount(c, &c.VolumeMounts[i], fmt.Sprintf("%s.volumeMounts[%d]", field, i), env); ok {
			mounts = append(mounts, m)
		}
	}
	return mounts
}

func (b *builder) mount(c *corev1.Container, m *corev1.VolumeMount, field string, env *environment) (spec.Mount, bool) {
	volume, ok := b.pod.Volume(m.Name)
	if !ok {
		var names []string
		for _, v := range b.pod.Volumes {
			names = append(names, v.Name)
		}
		b.errorf(field+".name", "the pod has no volume %q%s", m.Name, didYouMeanOneOf(m.Name, names))
		return spec.Mount{}, false
	}
	out := spec.Mount{
		Volume:   m.Name,
		Path:     path.Join("/", m.MountPath),
		SubPath:  b.subPath(m, field, env),
		ReadOnly: m.ReadOnly || volume.Files != nil, // what a ConfigMap holds is changed there
		Options:  b.bindOptions(c.Name, volume),
	}
	if m.RecursiveReadOnly != nil { // IfPossible: every kernel and runtime we support can
		out.RecursiveRO = *m.RecursiveReadOnly != corev1.RecursiveReadOnlyDisabled
	}
	if m.MountPropagation != nil {
		switch *m.MountPropagation {
		case corev1.MountPropagationHostToContainer:
			out.Propagation = spec.PropagationHostContainer
		case corev1.MountPropagationBidirectional:
			out.Propagation = spec.PropagationBidirectional
		}
	}
	return out, true
}

// subPath is the part of the volume to mount. An escape by ".." is refused
// here, one by symbolic links where it is mounted.
func (b *builder) subPath(m *corev1.VolumeMount, field string, env *environment) string {
	sub, field := m.SubPath, field+".subPath"
	if m.SubPathExpr != "" {
		field += "Expr"
		sub = Expand(m.SubPathExpr, func(name string) (string, bool) {
			value, ok := env.lookup(name)
			if !ok {
				b.errorf(field, "$(%s) is not a variable of this container%s", name, didYouMeanOneOf(name, env.names))
			}
			return value, ok
		})
	} else {
		b.refuseBinary(field, sub)
	}
	if path.IsAbs(sub) || slices.Contains(splitPath(sub), "..") {
		b.errorf(field, "%q leaves the volume: give a relative path without ..", sub)
	}
	return sub
}
