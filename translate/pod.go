package translate

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"berth/engine/spec"
	"berth/internal/source"
	"berth/kube"
)

// defaultGrace is Kubernetes' terminationGracePeriodSeconds.
const defaultGrace = 30 * time.Second

// builder makes one pod.
type builder struct {
	index   *index
	host    Host
	options Options

	object   *kube.Object
	prefix   string // of the pod's fields in its object: "" or "spec.template."
	from     *corev1.PodSpec
	replicas int

	pod         *spec.Pod
	runAs       *IDs // whom containers run as that name nobody
	claims      []portClaim
	diagnostics source.Diagnostics
	lacks       int    // errors that say of no more than that something is missing
	lacking     string // the first of them in what is being built, in the kubelet's words
}

// build fills in the pod; what is wrong goes to diagnostics.
func (b *builder) build() {
	p := b.pod
	b.checkAnnotations()
	p.HostNet = b.from.HostNetwork || b.options.NetworkMode == NetworkHost
	p.HostPID, p.HostIPC = b.from.HostPID, b.from.HostIPC
	p.SharePID = b.from.ShareProcessNamespace != nil && *b.from.ShareProcessNamespace
	b.users()
	p.Hostname = b.hostname()
	p.PlainNames = b.options.PlainNames
	p.NoHostname = b.options.NoHostname
	p.AllowUnenforcedLimits = b.options.AllowUnenforcedLimits
	p.Log = b.options.Log
	p.RestartPolicy = cmp.Or(spec.RestartPolicy(b.from.RestartPolicy), spec.RestartAlways)
	p.TerminationGrace = grace(b.from.TerminationGracePeriodSeconds)
	p.ReadinessGates = readinessGates(b.from)
	p.Priority = priority(b.from)
	if b.from.ActiveDeadlineSeconds != nil {
		p.ActiveDeadline = seconds(*b.from.ActiveDeadlineSeconds)
	}
	p.RestartOnChange = b.restartOnChange()
	p.Manifest = b.manifest()
	p.DNS = dns(b.from)
	b.hosts()
	b.sysctls()
	b.networks()
	b.ports()
	b.volumes()
	for i := range b.from.InitContainers {
		p.InitContainers = append(p.InitContainers, b.container(&b.from.InitContainers[i], "spec.initContainers["+strconv.Itoa(i)+"]"))
	}
	for i := range b.from.Containers {
		p.Containers = append(p.Containers, b.container(&b.from.Containers[i], "spec.containers["+strconv.Itoa(i)+"]"))
	}
	OOMScores(b.pod, b.host.Memory)
	p.Hash = Hash(p)
}

// diagnostic is an error about a field of the pod ("spec.hostname").
func (b *builder) diagnostic(field, format string, args ...any) source.Diagnostic {
	field = b.prefix + field
	return source.Diagnostic{Pos: b.object.Fields.At(field), Field: field, Message: fmt.Sprintf(format, args...)}
}

func (b *builder) errorf(field, format string, args ...any) {
	b.diagnostics = append(b.diagnostics, b.diagnostic(field, format, args...))
}

// lackf is errorf where an object or a key of it is missing that may come yet. why
// says so as the kubelet does.
func (b *builder) lackf(why, field, format string, args ...any) {
	b.errorf(field, format, args...)
	b.lacks++
	b.lacking = cmp.Or(b.lacking, why)
}

// lacked is what was missing since it was asked last.
func (b *builder) lacked() string {
	why := b.lacking
	b.lacking = ""
	return why
}

func (b *builder) warnf(field, format string, args ...any) {
	d := b.diagnostic(field, format, args...)
	d.Warning = true
	b.diagnostics = append(b.diagnostics, d)
}

// hostname is empty on the host's network: such a pod has the host's name.
func (b *builder) hostname() string {
	if b.pod.HostNet {
		return ""
	}
	name := cmp.Or(b.from.Hostname, b.pod.Name)
	if len(name) > maxNameLen {
		name = strings.TrimRight(name[:maxNameLen], "-.")
	}
	return name
}

func grace(seconds *int64) time.Duration {
	if seconds == nil {
		return defaultGrace
	}
	return time.Duration(max(1, *seconds)) * time.Second
}

func readinessGates(from *corev1.PodSpec) []string {
	var gates []string
	for _, gate := range from.ReadinessGates {
		gates = append(gates, string(gate.ConditionType))
	}
	return unique(gates)
}

// priority is the pod's number, or that of one of Kubernetes' own classes.
func priority(from *corev1.PodSpec) int32 {
	if system, ok := kube.SystemPriority(from.PriorityClassName); ok {
		return system
	}
	if from.Priority != nil {
		return *from.Priority
	}
	return 0
}

func (b *builder) hosts() {
	for _, alias := range b.from.HostAliases {
		b.pod.Hosts = append(b.pod.Hosts, spec.HostAlias{IP: alias.IP, Names: alias.Hostnames})
	}
	b.pod.NoHosts = b.options.NoHosts
	if b.pod.NoHosts && len(b.pod.Hosts) > 0 {
		b.errorf("spec.hostAliases", "cannot be honoured with --no-hosts: drop one of them")
	}
}

// dns translates dnsPolicy and dnsConfig. ndots is left alone: our names have
// no cluster suffix, so there is no search list for it to act on.
func dns(from *corev1.PodSpec) spec.DNS {
	var d spec.DNS
	switch from.DNSPolicy {
	case corev1.DNSDefault:
		d.Mode = spec.DNSHost
	case corev1.DNSNone:
		d.Mode = spec.DNSNone
	case corev1.DNSClusterFirstWithHostNet:
		d.Mode = spec.DNSCluster
	default: // ClusterFirst falls back to the host's on the host's network
		if from.HostNetwork {
			d.Mode = spec.DNSHost
		}
	}
	if from.DNSConfig == nil {
		return d
	}
	d.Servers = from.DNSConfig.Nameservers
	d.Searches = from.DNSConfig.Searches
	for _, option := range from.DNSConfig.Options {
		word := option.Name
		if option.Value != nil && *option.Value != "" {
			word += ":" + *option.Value
		}
		d.Options = append(d.Options, word)
	}
	return d
}

func (b *builder) sysctls() {
	if b.from.SecurityContext == nil || len(b.from.SecurityContext.Sysctls) == 0 {
		return
	}
	b.pod.Sysctls = map[string]string{}
	for i, s := range b.from.SecurityContext.Sysctls {
		field := fmt.Sprintf("spec.securityContext.sysctls[%d]", i)
		name := strings.ReplaceAll(s.Name, "/", ".")
		switch {
		case b.pod.HostNet && strings.HasPrefix(name, "net."):
			b.errorf(field, "%s belongs to the network namespace, which this pod shares with the host: set it on the host", name)
		case b.pod.HostIPC && (strings.HasPrefix(name, "kernel.") || strings.HasPrefix(name, "fs.mqueue.")):
			b.errorf(field, "%s belongs to the IPC namespace, which this pod shares with the host: set it on the host", name)
		}
		b.pod.Sysctls[name] = s.Value
	}
}
