package translate

import (
	"cmp"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"berth/engine/spec"
)

// user is who the container runs as: its own word before the pod's.
func (b *builder) user(c *corev1.Container) spec.User {
	pod := cmp.Or(b.from.SecurityContext, &corev1.PodSecurityContext{})
	own := cmp.Or(c.SecurityContext, &corev1.SecurityContext{})
	user := spec.User{
		UID:     cmp.Or(own.RunAsUser, pod.RunAsUser),
		GID:     cmp.Or(own.RunAsGroup, pod.RunAsGroup),
		Groups:  slices.Clone(pod.SupplementalGroups),
		NonRoot: isTrue(cmp.Or(own.RunAsNonRoot, pod.RunAsNonRoot)),
	}
	if b.runAs != nil && user.UID == nil {
		user.UID, user.GID = &b.runAs.UID, cmp.Or(user.GID, &b.runAs.GID)
	}
	return user
}

func (b *builder) security(c *corev1.Container, field string) spec.Security {
	own := cmp.Or(c.SecurityContext, &corev1.SecurityContext{})
	s := spec.Security{
		Privileged:      isTrue(own.Privileged),
		ReadOnlyRoot:    isTrue(own.ReadOnlyRootFilesystem),
		NoNewPrivileges: own.AllowPrivilegeEscalation != nil && !*own.AllowPrivilegeEscalation,
		Seccomp:         b.seccomp(c, field),
	}
	if own.Capabilities != nil {
		s.CapAdd = capabilities(own.Capabilities.Add)
		s.CapDrop = capabilities(own.Capabilities.Drop)
	}
	if own.ProcMount != nil && *own.ProcMount != corev1.DefaultProcMount {
		s.ProcMount = string(*own.ProcMount)
	}
	return s
}

// capabilities gives names the form of the runtime: "CAP_NET_ADMIN". ALL stays.
func capabilities(list []corev1.Capability) []string {
	var out []string
	for _, c := range list {
		name := strings.ToUpper(string(c))
		if name != "ALL" && !strings.HasPrefix(name, "CAP_") {
			name = "CAP_" + name
		}
		out = append(out, name)
	}
	return out
}

// seccomp is the container's profile: seccompProfile of the container, of the
// pod, podman's annotation, Kubernetes' former annotations.
func (b *builder) seccomp(c *corev1.Container, field string) string {
	if own := c.SecurityContext; own != nil && own.SeccompProfile != nil {
		return b.seccompProfile(own.SeccompProfile, field+".securityContext.seccompProfile")
	}
	if pod := b.from.SecurityContext; pod != nil && pod.SeccompProfile != nil {
		return b.seccompProfile(pod.SeccompProfile, "spec.securityContext.seccompProfile")
	}
	value, at, ok := b.podmanAnnotation("seccomp", c.Name)
	for _, key := range []string{"container.seccomp.security.alpha.kubernetes.io/" + c.Name, "seccomp.security.alpha.kubernetes.io/pod"} {
		if !ok {
			value, ok = b.pod.Annotations[key]
			at = annotationField(key)
		}
	}
	profile, local := strings.CutPrefix(value, "localhost/")
	switch {
	case local:
		return b.localSeccomp(profile, at)
	case value == "", value == "runtime/default", value == "docker/default":
		return ""
	case value == "unconfined", path.IsAbs(value):
		return value
	}
	b.errorf(at, "%q is not a seccomp profile: give unconfined, runtime/default, localhost/<file> or an absolute path", value)
	return ""
}

func (b *builder) seccompProfile(p *corev1.SeccompProfile, field string) string {
	switch p.Type {
	case corev1.SeccompProfileTypeUnconfined:
		return "unconfined"
	case corev1.SeccompProfileTypeRuntimeDefault:
		return ""
	case corev1.SeccompProfileTypeLocalhost:
		if p.LocalhostProfile != nil && *p.LocalhostProfile != "" {
			return b.localSeccomp(*p.LocalhostProfile, field+".localhostProfile")
		}
	}
	b.errorf(field, "give type RuntimeDefault, Unconfined, or Localhost with localhostProfile")
	return ""
}

func (b *builder) localSeccomp(file, field string) string {
	if path.IsAbs(file) || slices.Contains(splitPath(file), "..") {
		b.errorf(field, "%q leaves the folder of seccomp profiles: give a relative path without ..", file)
	}
	return path.Join(cmp.Or(b.options.SeccompRoot, DefaultSeccompRoot), file)
}
