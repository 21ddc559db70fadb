package spec

import (
	"slices"
	"strings"
)

// Late values stand in environment values and arguments for what is known
// only when a pod exists. They hold NUL bytes, which neither can contain, so
// no text of a user is ever taken for one.
const (
	LatePodIP   = "\x00status.podIP\x00"
	LatePodIPs  = "\x00status.podIPs\x00"
	LateHostIP  = "\x00status.hostIP\x00"
	LateHostIPs = "\x00status.hostIPs\x00"
	LatePodUID  = "\x00metadata.uid\x00"

	lateSecret = "\x00secret "
)

// LateSecret stands for the value that Pod.Secrets has under name: what comes
// from a Secret is not written where a pod is recorded.
func LateSecret(name string) string { return lateSecret + name + "\x00" }

// Facts are the values that replace Late values.
type Facts struct {
	PodIPs  []string
	HostIPs []string
	PodUID  string
	Secrets map[string]string
}

// Fill replaces the Late values in s.
func (f Facts) Fill(s string) string {
	if !strings.Contains(s, "\x00") {
		return s
	}
	values := []string{
		LatePodIP, first(f.PodIPs), LatePodIPs, strings.Join(f.PodIPs, ","),
		LateHostIP, first(f.HostIPs), LateHostIPs, strings.Join(f.HostIPs, ","),
		LatePodUID, f.PodUID,
	}
	if strings.Contains(s, lateSecret) {
		for name, value := range f.Secrets {
			values = append(values, LateSecret(name), value)
		}
	}
	return strings.NewReplacer(values...).Replace(s)
}

// Mask is s as people may see it: "*******" for each secret, as in podman.
func Mask(s string) string {
	var out strings.Builder
	for {
		text, rest, found := strings.Cut(s, lateSecret)
		out.WriteString(text)
		if !found {
			return out.String()
		}
		_, s, _ = strings.Cut(rest, "\x00")
		out.WriteString("*******")
	}
}

// UsesHostIP reports whether a Late value of the container is an address of
// the host.
func (c *Container) UsesHostIP() bool { return c.uses(LateHostIP) || c.uses(LateHostIPs) }

// UsesSecrets reports whether a Late value of the container is a secret.
func (c *Container) UsesSecrets() bool { return c.uses(lateSecret) }

// UsesSecrets reports whether one of the pod's containers does.
func (p *Pod) UsesSecrets() bool {
	uses := func(c Container) bool { return c.UsesSecrets() }
	return slices.ContainsFunc(p.InitContainers, uses) || slices.ContainsFunc(p.Containers, uses)
}

func (c *Container) uses(late string) bool {
	holds := func(s string) bool { return strings.Contains(s, late) }
	return slices.ContainsFunc(c.Env, func(v EnvVar) bool { return holds(v.Value) }) ||
		slices.ContainsFunc(c.Command, holds) || slices.ContainsFunc(c.Args, holds) || holds(c.WorkingDir) ||
		slices.ContainsFunc(c.Mounts, func(m Mount) bool { return holds(m.SubPath) }) ||
		slices.ContainsFunc(c.Lifecycle.commands(), func(argv []string) bool { return slices.ContainsFunc(argv, holds) })
}

// commands are what the probes and hooks run in the container.
func (l *Lifecycle) commands() [][]string {
	var list [][]string
	for _, p := range []*Probe{l.Startup, l.Liveness, l.Readiness} {
		if p != nil && p.Handler.Exec != nil {
			list = append(list, p.Handler.Exec)
		}
	}
	for _, h := range []*Handler{l.PostStart, l.PreStop} {
		if h != nil && h.Exec != nil {
			list = append(list, h.Exec)
		}
	}
	return list
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
