package translate

import (
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"berth/engine/spec"
)

// byHand makes the Kubernetes pod of one that has no manifest.
func (g *generator) byHand() {
	p := g.pod
	g.out.ObjectMeta = metav1.ObjectMeta{
		Name: validSubdomain(p.Name), Namespace: p.Namespace,
		Labels: maps.Clone(p.Labels), Annotations: maps.Clone(p.Annotations),
	}
	if g.out.Name != p.Name {
		g.lost("Kubernetes takes no pod of this name: it is called %q", g.out.Name)
	}
	if p.RestartOnChange {
		g.annotate(restartOnChangeKey, "true")
	}
	s := &g.out.Spec
	s.RestartPolicy = corev1.RestartPolicy(p.RestartPolicy)
	s.HostNetwork, s.HostPID, s.HostIPC = p.HostNet, p.HostPID, p.HostIPC
	if p.SharePID {
		s.ShareProcessNamespace = &p.SharePID
	}
	if p.TerminationGrace > 0 {
		s.TerminationGracePeriodSeconds = new(wholeSeconds(p.TerminationGrace))
	}
	if p.ActiveDeadline > 0 {
		s.ActiveDeadlineSeconds = new(wholeSeconds(p.ActiveDeadline))
	}
	for _, gate := range p.ReadinessGates {
		s.ReadinessGates = append(s.ReadinessGates, corev1.PodReadinessGate{ConditionType: corev1.PodConditionType(gate)})
	}
	g.hostname()
	g.dns()
	for _, h := range p.Hosts {
		s.HostAliases = append(s.HostAliases, corev1.HostAlias{IP: h.IP, Hostnames: h.Names})
	}
	g.users()
	g.podSecurity()
	g.volumes()
	for i := range p.InitContainers {
		s.InitContainers = append(s.InitContainers, g.container(&p.InitContainers[i]))
		g.lostByHand(&p.InitContainers[i])
	}
	for i := range p.Containers {
		s.Containers = append(s.Containers, g.container(&p.Containers[i]))
		g.lostByHand(&p.Containers[i])
	}
	g.lostHost()
	g.ports()
	if p.Priority != 0 {
		g.lost("a priority of %d takes a PriorityClass on the cluster, named in priorityClassName", p.Priority)
	}
	g.lostFlags()
}

// annotate adds an annotation.
func (g *generator) annotate(key, value string) {
	if g.out.Annotations == nil {
		g.out.Annotations = map[string]string{}
	}
	g.out.Annotations[key] = value
}

// validName makes a DNS label of a name: podman's names have capitals,
// underscores and dots.
func validName(name string) string {
	if len(validation.IsDNS1123Label(name)) == 0 {
		return name
	}
	out := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		}
		return '-'
	}, strings.ToLower(name))
	out = strings.Trim(out, "-")
	if len(out) > maxNameLen {
		out = strings.TrimRight(out[:maxNameLen-1-volumeHashLen/2], "-") + "-" + safeEncode(volumeHashLen/2, []byte(name))
	}
	if out == "" {
		out = safeEncode(volumeHashLen/2, []byte(name))
	}
	return out
}

// hostname is said where it is not the pod's name.
func (g *generator) hostname() {
	b := builder{pod: &spec.Pod{Name: g.out.Name, HostNet: g.pod.HostNet}, from: &corev1.PodSpec{}}
	name := g.pod.Hostname
	if name == b.hostname() || name == "" {
		return
	}
	if all := g.pod.Containers; g.pod.Bare && len(all) == 1 && all[0].ByHand != nil && name == all[0].ByHand.ID.Short() {
		return // nobody chose it
	}
	if len(validation.IsDNS1123Label(name)) > 0 {
		g.lost("Kubernetes takes no hostname %q: the pod is given its own name", name)
		return
	}
	g.out.Spec.Hostname = name
}

func (g *generator) dns() {
	d, s := g.pod.DNS, &g.out.Spec
	switch {
	case d.Mode == spec.DNSNone && len(d.Servers) == 0:
		g.lost("a resolv.conf without any server cannot be had in Kubernetes: add one to dnsConfig")
	case d.Mode == spec.DNSNone:
		s.DNSPolicy = corev1.DNSNone
	case d.Mode == spec.DNSHost && !g.pod.HostNet:
		s.DNSPolicy = corev1.DNSDefault
	case d.Mode == spec.DNSCluster && g.pod.HostNet:
		s.DNSPolicy = corev1.DNSClusterFirstWithHostNet
	}
	if len(d.Servers)+len(d.Searches)+len(d.Options) == 0 {
		return
	}
	s.DNSConfig = &corev1.PodDNSConfig{Nameservers: d.Servers, Searches: d.Searches}
	for _, word := range d.Options {
		option := corev1.PodDNSConfigOption{Name: word}
		if name, value, ok := strings.Cut(word, ":"); ok {
			option.Name, option.Value = name, &value
		}
		s.DNSConfig.Options = append(s.DNSConfig.Options, option)
	}
}

// pingGroups is the sysctl that containers.conf, as it is shipped, gives everybody.
const pingGroups = "net.ipv4.ping_group_range"

// podSecurity says what all containers share: sysctls, and groups where all
// have the same.
func (g *generator) podSecurity() {
	var c corev1.PodSecurityContext
	for _, name := range slices.Sorted(maps.Keys(g.pod.Sysctls)) {
		if name == pingGroups && g.pod.Sysctls[name] == "0 0" {
			continue
		}
		c.Sysctls = append(c.Sysctls, corev1.Sysctl{Name: name, Value: g.pod.Sysctls[name]})
	}
	all := g.pod.All()
	for i := range all {
		if !slices.Equal(all[i].User.Groups, all[0].User.Groups) {
			g.lost("containers have different supplementary groups, in Kubernetes all have the same: those of %s are taken", all[0].Name)
			break
		}
	}
	if len(all) > 0 {
		c.SupplementalGroups = all[0].User.Groups
	}
	if len(c.Sysctls)+len(c.SupplementalGroups) > 0 {
		g.out.Spec.SecurityContext = &c
	}
}

// ports gives each published port to its container, one that says of none to
// the first.
func (g *generator) ports() {
	for _, m := range g.pod.Ports {
		c := &g.out.Spec.Containers[0]
		for i := range g.pod.Containers {
			if g.pod.Containers[i].Name == m.Container {
				c = &g.out.Spec.Containers[i]
			}
		}
		c.Ports = append(c.Ports, g.port(m))
	}
}

func (g *generator) port(m spec.PortMapping) corev1.ContainerPort {
	if m.HostPort == 0 {
		g.lost("container port %d/%s is published on any host port that is free, in Kubernetes on none: add a hostPort or a Service", m.ContainerPort, m.Protocol)
		m.HostIP = ""
	}
	return corev1.ContainerPort{
		ContainerPort: int32(m.ContainerPort), HostPort: int32(m.HostPort), HostIP: m.HostIP,
		Protocol: corev1.Protocol(strings.ToUpper(m.Protocol)),
	}
}

// wholeSeconds rounds up: Kubernetes counts in seconds.
func wholeSeconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
