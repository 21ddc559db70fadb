package kube

import (
	slash "path"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// volumes checks a pod's volumes and returns them by name.
func (c *check) volumes(at *path, volumes []corev1.Volume) map[string]*corev1.Volume {
	names, byName := unique{}, map[string]*corev1.Volume{}
	for i := range volumes {
		v := &volumes[i]
		c.label(at.at(i).field("name"), v.Name)
		names.add(c, at.at(i).field("name"), v.Name)
		c.volume(at.at(i), v)
		byName[v.Name] = v
	}
	return byName
}

func (c *check) volume(at *path, v *corev1.Volume) {
	if !c.exactlyOne(at, map[string]bool{
		"emptyDir": v.EmptyDir != nil, "hostPath": v.HostPath != nil, "configMap": v.ConfigMap != nil,
		"secret": v.Secret != nil, "persistentVolumeClaim": v.PersistentVolumeClaim != nil,
	}) {
		return
	}
	switch {
	case v.EmptyDir != nil:
		c.emptyDir(at.field("emptyDir"), v.EmptyDir)
	case v.HostPath != nil:
		c.hostPath(at.field("hostPath"), v.HostPath)
	case v.ConfigMap != nil:
		at = at.field("configMap")
		c.subdomain(at.field("name"), v.ConfigMap.Name)
		c.mode(at.field("defaultMode"), v.ConfigMap.DefaultMode)
		c.items(at.field("items"), v.ConfigMap.Items)
	case v.Secret != nil:
		at = at.field("secret")
		c.subdomain(at.field("secretName"), v.Secret.SecretName)
		c.mode(at.field("defaultMode"), v.Secret.DefaultMode)
		c.items(at.field("items"), v.Secret.Items)
	default:
		c.subdomain(at.field("persistentVolumeClaim").field("claimName"), v.PersistentVolumeClaim.ClaimName)
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
	case !strings.HasPrefix(h.Path, "/"):
		c.bad(at.field("path"), "%s is not an absolute path", quote(h.Path))
	case hasDotDot(h.Path):
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

func (c *check) items(at *path, items []corev1.KeyToPath) {
	paths := unique{}
	for i := range items {
		item, at := &items[i], at.at(i)
		if item.Key == "" {
			c.missing(at.field("key"), "say which key becomes a file")
		} else {
			c.dataKey(at.field("key"), item.Key)
		}
		if item.Path == "" {
			c.missing(at.field("path"), "say which file the key becomes")
		} else {
			c.relative(at.field("path"), item.Path)
			if strings.HasPrefix(item.Path, "..") && !hasDotDot(item.Path) {
				c.bad(at.field("path"), `%s must not begin with ".."`, quote(item.Path))
			}
			paths.add(c, at.field("path"), slash.Clean(item.Path))
		}
		c.mode(at.field("mode"), item.Mode)
	}
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
