package kube

import (
	slash "path"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// checkVolumes checks a pod's volumes and notes them by name.
func (p podCheck) checkVolumes(at *path) {
	names := unique{}
	for i := range p.spec.Volumes {
		v := &p.spec.Volumes[i]
		p.label(at.at(i).field("name"), v.Name)
		names.add(p.check, at.at(i).field("name"), v.Name)
		p.volume(at.at(i), v)
		p.volumes[v.Name] = v
	}
}

func (p podCheck) volume(at *path, v *corev1.Volume) {
	if !p.exactlyOne(at, map[string]bool{
		"emptyDir": v.EmptyDir != nil, "hostPath": v.HostPath != nil, "configMap": v.ConfigMap != nil,
		"secret": v.Secret != nil, "persistentVolumeClaim": v.PersistentVolumeClaim != nil,
		"projected": v.Projected != nil, "downwardAPI": v.DownwardAPI != nil,
	}) {
		return
	}
	switch {
	case v.EmptyDir != nil:
		p.emptyDir(at.field("emptyDir"), v.EmptyDir)
	case v.HostPath != nil:
		p.hostPath(at.field("hostPath"), v.HostPath)
	case v.ConfigMap != nil:
		at = at.field("configMap")
		p.subdomain(at.field("name"), v.ConfigMap.Name)
		p.mode(at.field("defaultMode"), v.ConfigMap.DefaultMode)
		p.items(at.field("items"), v.ConfigMap.Items, unique{})
	case v.Secret != nil:
		at = at.field("secret")
		p.subdomain(at.field("secretName"), v.Secret.SecretName)
		p.mode(at.field("defaultMode"), v.Secret.DefaultMode)
		p.items(at.field("items"), v.Secret.Items, unique{})
	case v.Projected != nil:
		p.projected(at.field("projected"), v.Projected)
	case v.DownwardAPI != nil:
		at = at.field("downwardAPI")
		p.mode(at.field("defaultMode"), v.DownwardAPI.DefaultMode)
		p.downwardItems(at.field("items"), v.DownwardAPI.Items, unique{})
	default:
		p.subdomain(at.field("persistentVolumeClaim").field("claimName"), v.PersistentVolumeClaim.ClaimName)
	}
}

// projected checks a volume that puts several sources into one folder.
func (p podCheck) projected(at *path, v *corev1.ProjectedVolumeSource) {
	p.mode(at.field("defaultMode"), v.DefaultMode)
	paths, at := unique{}, at.field("sources")
	for i := range v.Sources {
		s, at := &v.Sources[i], at.at(i)
		if !p.exactlyOne(at, map[string]bool{"configMap": s.ConfigMap != nil, "secret": s.Secret != nil, "downwardAPI": s.DownwardAPI != nil}) {
			continue
		}
		switch {
		case s.ConfigMap != nil:
			p.subdomain(at.field("configMap").field("name"), s.ConfigMap.Name)
			p.items(at.field("configMap").field("items"), s.ConfigMap.Items, paths)
		case s.Secret != nil:
			p.subdomain(at.field("secret").field("name"), s.Secret.Name)
			p.items(at.field("secret").field("items"), s.Secret.Items, paths)
		default:
			p.downwardItems(at.field("downwardAPI").field("items"), s.DownwardAPI.Items, paths)
		}
	}
}

// volumeFields is what a file may hold of its pod.
const volumeFields = "metadata.name metadata.namespace metadata.uid metadata.labels metadata.annotations"

func (p podCheck) downwardItems(at *path, items []corev1.DownwardAPIVolumeFile, paths unique) {
	for i := range items {
		item, at := &items[i], at.at(i)
		p.itemPath(at.field("path"), item.Path, "say which file it becomes", paths)
		p.mode(at.field("mode"), item.Mode)
		switch {
		case !p.exactlyOne(at, map[string]bool{"fieldRef": item.FieldRef != nil, "resourceFieldRef": item.ResourceFieldRef != nil}):
		case item.FieldRef != nil:
			p.fieldRef(at.field("fieldRef"), item.FieldRef, volumeFields)
		case item.ResourceFieldRef.ContainerName == "":
			p.missing(at.field("resourceFieldRef").field("containerName"), "say whose resource is wanted")
		default:
			p.resourceFieldRef(at.field("resourceFieldRef"), item.ResourceFieldRef)
		}
	}
}

func (c *check) emptyDir(at *path, e *corev1.EmptyDirVolumeSource) {
	oneOf(c, at.field("medium"), e.Medium, corev1.StorageMediumDefault, corev1.StorageMediumMemory)
	c.amount(at.field("sizeLimit"), e.SizeLimit)
	if e.SizeLimit != nil && e.SizeLimit.Sign() > 0 && e.Medium == corev1.StorageMediumDefault {
		at := at.field("sizeLimit")
		c.warn(c.place(at), at, "without effect on disk: only medium Memory is limited")
	}
}

func (c *check) hostPath(at *path, h *corev1.HostPathVolumeSource) {
	switch {
	case h.Path == "":
		c.missing(at.field("path"), "say which path of the host")
	case strings.HasPrefix(h.Path, "/") && hasDotDot(h.Path): // who uses the pod says what a relative path is of
		c.bad(at.field("path"), `%s must not hold ".."`, quote(h.Path))
	}
	oneOf(c, at.field("type"), *h.Type, corev1.HostPathUnset, corev1.HostPathDirectoryOrCreate, corev1.HostPathDirectory,
		corev1.HostPathFileOrCreate, corev1.HostPathFile, corev1.HostPathSocket, corev1.HostPathCharDev, corev1.HostPathBlockDev)
}

func hasDotDot(path string) bool { return slices.Contains(strings.Split(path, "/"), "..") }

// mode checks permission bits.
func (c *check) mode(at *path, mode *int32) {
	switch {
	case mode == nil || *mode >= 0 && *mode <= 0o777:
	case *mode > 0 && *mode <= 777 && !strings.ContainsAny(strconv.Itoa(int(*mode)), "89"):
		c.bad(at, "%d is out of range, did you mean 0%d? (JSON wants it decimal, 420 for 0644)", *mode, *mode)
	default:
		c.bad(at, "%d (octal %04o) is out of range: want 0 to 0777; JSON wants it decimal, 420 for 0644", *mode, *mode)
	}
}

func (c *check) items(at *path, items []corev1.KeyToPath, paths unique) {
	for i := range items {
		item, at := &items[i], at.at(i)
		if item.Key == "" {
			c.missing(at.field("key"), "say which key becomes a file")
		} else {
			c.dataKey(at.field("key"), item.Key)
		}
		c.itemPath(at.field("path"), item.Path, "say which file the key becomes", paths)
		c.mode(at.field("mode"), item.Mode)
	}
}

// itemPath checks the path of a file within its volume.
func (c *check) itemPath(at *path, path, missing string, paths unique) {
	if path == "" {
		c.missing(at, missing)
		return
	}
	c.relative(at, path)
	if strings.HasPrefix(path, "..") && !hasDotDot(path) {
		c.bad(at, `%s must not begin with ".."`, quote(path))
	}
	paths.add(c, at, slash.Clean(path))
}

// relative checks a path that must stay within its volume.
func (c *check) relative(at *path, path string) {
	switch {
	case strings.HasPrefix(path, "/"):
		c.bad(at, "%s must be a relative path", quote(path))
	case hasDotDot(path):
		c.bad(at, `%s must not hold ".."`, quote(path))
	}
}

func (p podCheck) mounts(at *path, c *corev1.Container) {
	paths := unique{}
	privileged := c.SecurityContext != nil && c.SecurityContext.Privileged != nil && *c.SecurityContext.Privileged
	for i := range c.VolumeMounts {
		m, at := &c.VolumeMounts[i], at.at(i)
		p.mountedVolume(at.field("name"), m.Name)
		p.mountPath(at.field("mountPath"), m.MountPath, paths)
		p.relative(at.field("subPath"), m.SubPath)
		p.propagation(at, m, privileged)
	}
}

func (p podCheck) mountedVolume(at *path, name string) {
	if name == "" {
		p.missing(at, "say which volume of the pod")
		return
	}
	if _, ok := p.volumes[name]; !ok && p.read(p.at.field("volumes")) {
		p.reference(at, "volume", name, ok, sortedKeys(p.volumes))
	}
}

func (p podCheck) mountPath(at *path, path string, paths unique) {
	switch {
	case path == "":
		p.missing(at, "say where in the container")
	case !strings.HasPrefix(path, "/"):
		p.bad(at, "%s is not an absolute path", quote(path))
	case slash.Clean(path) == "/":
		p.bad(at, "a volume cannot be mounted over the root")
	case hasDotDot(path):
		p.bad(at, `%s must not hold ".."`, quote(path))
	default:
		paths.add(p.check, at, slash.Clean(path))
	}
}

func (p podCheck) propagation(at *path, m *corev1.VolumeMount, privileged bool) {
	mode := corev1.MountPropagationNone
	if m.MountPropagation != nil {
		mode = *m.MountPropagation
	}
	field := at.field("mountPropagation")
	oneOf(p.check, field, mode, corev1.MountPropagationNone, corev1.MountPropagationHostToContainer, corev1.MountPropagationBidirectional)
	if mode == corev1.MountPropagationBidirectional && !privileged {
		p.bad(field, "Bidirectional is possible only in a privileged container")
	}
	if m.RecursiveReadOnly == nil {
		return
	}
	field = at.field("recursiveReadOnly")
	oneOf(p.check, field, *m.RecursiveReadOnly, corev1.RecursiveReadOnlyDisabled, corev1.RecursiveReadOnlyIfPossible, corev1.RecursiveReadOnlyEnabled)
	switch {
	case !m.ReadOnly:
		p.bad(field, "is possible only with readOnly: true")
	case *m.RecursiveReadOnly != corev1.RecursiveReadOnlyDisabled && mode != corev1.MountPropagationNone:
		p.bad(field, "is possible only with mountPropagation None")
	}
}
