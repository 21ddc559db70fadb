package kube

import (
	"math"
	"net/netip"
	"regexp"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

func checkPod(c *check, o *Object) {
	c.metadata(c.subdomain)
	c.podSpec((*path)(nil).field("spec"), &o.Pod.Spec)
}

func (c *check) podSpec(at *path, spec *corev1.PodSpec) {
	oneOf(c, at.field("restartPolicy"), spec.RestartPolicy, corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever)
	if n := *spec.TerminationGracePeriodSeconds; n < 0 {
		c.bad(at.field("terminationGracePeriodSeconds"), "%d is less than zero", n)
	} else if n > math.MaxInt32 {
		c.bad(at.field("terminationGracePeriodSeconds"), "%d is too large", n)
	}
	if spec.Hostname != "" {
		c.label(at.field("hostname"), spec.Hostname)
	}
	if spec.HostPID && spec.ShareProcessNamespace != nil && *spec.ShareProcessNamespace {
		c.bad(at.field("shareProcessNamespace"), "cannot be together with hostPID")
	}
	if spec.HostUsers != nil && !*spec.HostUsers && (spec.HostNetwork || spec.HostPID || spec.HostIPC) {
		c.bad(at.field("hostUsers"), "cannot be false together with hostNetwork, hostPID or hostIPC")
	}
	inRange(c, at.field("activeDeadlineSeconds"), spec.ActiveDeadlineSeconds, 1, math.MaxInt32)
	c.priority(at, spec)
	for i, gate := range spec.ReadinessGates {
		c.conditionType(at.field("readinessGates").at(i).field("conditionType"), string(gate.ConditionType))
	}
	c.podSecurity(at.field("securityContext"), spec)
	c.hostAliases(at.field("hostAliases"), spec.HostAliases)
	c.dns(at, spec)
	p := podCheck{check: c, spec: spec, at: at, volumes: map[string]*corev1.Volume{}, containers: map[string]bool{}}
	for _, container := range allContainers(spec) {
		p.containers[container.Name] = true
	}
	p.checkVolumes(at.field("volumes"))
	p.checkContainers()
}

func (c *check) conditionType(at *path, name string) {
	if name == "" {
		c.missing(at, "say which condition Ready waits for")
	} else if len(validation.IsQualifiedName(name)) > 0 {
		c.bad(at, "%s is not a condition: %s", quote(name), keyRule)
	}
}

// priority checks the number against the class. There are no classes here but
// Kubernetes' own two.
func (c *check) priority(at *path, spec *corev1.PodSpec) {
	class, at := spec.PriorityClassName, at.field("priorityClassName")
	if class == "" {
		return
	}
	system, known := SystemPriority(class)
	switch {
	case known && spec.Priority != nil && *spec.Priority != system:
		c.bad(at.up.field("priority"), "%d is not the priority of %s: want %d, or remove it", *spec.Priority, class, system)
	case known:
	case strings.HasPrefix(class, "system-"):
		names := systemClasses()
		c.bad(at, "%s is none of Kubernetes' own classes, %s%s", quote(class), strings.Join(names, " and "), didYouMean(class, names))
	case len(validation.IsDNS1123Subdomain(class)) > 0:
		c.bad(at, "%s is not a valid name: %s", quote(class), subdomainRule)
	case spec.Priority == nil:
		c.warn(c.place(at), at, "without effect: there are no PriorityClasses here; write its number as priority beside it")
	}
}

func systemClasses() []string { return []string{"system-node-critical", "system-cluster-critical"} }

// SystemPriority is the priority of one of Kubernetes' own PriorityClasses.
func SystemPriority(class string) (priority int32, ok bool) {
	switch class {
	case "system-node-critical":
		return 2000001000, true
	case "system-cluster-critical":
		return 2000000000, true
	}
	return 0, false
}

// id checks a user or group.
func (c *check) id(at *path, id *int64) { inRange(c, at, id, 0, math.MaxInt32) }

var sysctlName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[a-z0-9]([-_a-z0-9]*[a-z0-9])?([./][a-z0-9]([-_a-z0-9]*[a-z0-9])?)*$`)
})

func (c *check) podSecurity(at *path, spec *corev1.PodSpec) {
	s := spec.SecurityContext
	c.id(at.field("runAsUser"), s.RunAsUser)
	c.id(at.field("runAsGroup"), s.RunAsGroup)
	for i, group := range s.SupplementalGroups {
		c.id(at.field("supplementalGroups").at(i), &group)
	}
	c.seccomp(at.field("seccompProfile"), s.SeccompProfile)
	names := unique{}
	for i := range s.Sysctls {
		c.sysctl(at.field("sysctls").at(i), &s.Sysctls[i], spec, names)
	}
}

func (c *check) seccomp(at *path, p *corev1.SeccompProfile) {
	if p != nil && p.Type == "" {
		c.missing(at.field("type"), "want RuntimeDefault")
	}
}

// sysctl checks a kernel setting: only those that each pod has for itself can
// be set.
func (c *check) sysctl(at *path, s *corev1.Sysctl, spec *corev1.PodSpec, names unique) {
	field := at.field("name")
	name := strings.ReplaceAll(s.Name, "/", ".")
	ipc := name == "kernel.sem" || strings.HasPrefix(name, "kernel.shm") || strings.HasPrefix(name, "kernel.msg") || strings.HasPrefix(name, "fs.mqueue.")
	net := strings.HasPrefix(name, "net.")
	switch {
	case s.Name == "":
		c.missing(field, "say which setting of the kernel")
	case len(s.Name) > 253 || !sysctlName().MatchString(s.Name):
		c.bad(field, "%s is not the name of a kernel setting", quote(s.Name))
	case net && spec.HostNetwork:
		c.bad(field, "%s cannot be set with hostNetwork: it would change the host's", quote(s.Name))
	case ipc && spec.HostIPC:
		c.bad(field, "%s cannot be set with hostIPC: it would change the host's", quote(s.Name))
	case !net && !ipc:
		c.bad(field, "%s is not a setting that a pod has for itself: want net.*, kernel.shm*, kernel.msg*, kernel.sem or fs.mqueue.*", quote(s.Name))
	}
	names.add(c, field, name)
}

// isIP reports whether s is an address in the usual form.
func isIP(s string) bool {
	addr, err := netip.ParseAddr(s)
	return err == nil && addr.Zone() == "" && !addr.Is4In6()
}

func (c *check) ip(at *path, ip string) {
	if !isIP(ip) {
		c.bad(at, "%s is not an IP address", quote(ip))
	}
}

func (c *check) hostAliases(at *path, aliases []corev1.HostAlias) {
	for i, alias := range aliases {
		if alias.IP == "" {
			c.missing(at.at(i).field("ip"), "the address that the names stand for")
		} else {
			c.ip(at.at(i).field("ip"), alias.IP)
		}
		for j, name := range alias.Hostnames {
			c.subdomain(at.at(i).field("hostnames").at(j), name)
		}
	}
}

func (c *check) dns(at *path, spec *corev1.PodSpec) {
	oneOf(c, at.field("dnsPolicy"), spec.DNSPolicy, corev1.DNSClusterFirst, corev1.DNSClusterFirstWithHostNet, corev1.DNSDefault, corev1.DNSNone)
	if spec.DNSPolicy == corev1.DNSClusterFirstWithHostNet && spec.HostNetwork {
		at := at.field("dnsPolicy")
		c.warn(c.place(at), at, "without effect: on the host's network a pod asks the host's name servers, which do not know pods")
	}
	config, at := spec.DNSConfig, at.field("dnsConfig")
	if spec.DNSPolicy == corev1.DNSNone && (config == nil || len(config.Nameservers) == 0) {
		c.missing(at.field("nameservers"), "dnsPolicy None needs at least one")
	}
	if config == nil {
		return
	}
	if len(config.Nameservers) > maxNameservers {
		c.bad(at.field("nameservers"), "%d are too many: at most %d", len(config.Nameservers), maxNameservers)
	}
	for i, server := range config.Nameservers {
		c.ip(at.field("nameservers").at(i), server)
	}
	c.searches(at.field("searches"), config.Searches)
	for i, option := range config.Options {
		if field := at.field("options").at(i).field("name"); option.Name == "" {
			c.missing(field, "the option's name")
		} else if strings.ContainsAny(option.Name, " \t\n:") {
			c.bad(field, "%s is not the name of an option", quote(option.Name))
		}
	}
}

func (c *check) searches(at *path, searches []string) {
	if len(searches) > maxSearchDomains {
		c.bad(at, "%d are too many: at most %d", len(searches), maxSearchDomains)
	}
	if n := len(strings.Join(searches, " ")); n > maxSearchChars {
		c.bad(at, "%d characters are too many: at most %d in all", n, maxSearchChars)
	}
	for i, search := range searches {
		if search == "." {
			continue
		}
		name := strings.TrimSuffix(search, ".")
		if len(validation.IsDNS1123SubdomainWithUnderscore(name)) > 0 {
			c.bad(at.at(i), "%s is not a domain", quote(search))
		}
	}
}
