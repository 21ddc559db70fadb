package kube

import (
	"maps"
	"math"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

// podCheck checks the volumes and containers of one pod.
type podCheck struct {
	*check
	spec       *corev1.PodSpec
	at         *path // of the spec
	volumes    map[string]*corev1.Volume
	containers map[string]bool
}

func (p podCheck) checkContainers() {
	spec, at := p.spec, p.at
	if len(spec.Containers) == 0 {
		p.missing(at.field("containers"), "a pod has at least one")
	}
	names := unique{}
	for _, list := range []struct {
		at   *path
		list []corev1.Container
		init bool
	}{{at.field("initContainers"), spec.InitContainers, true}, {at.field("containers"), spec.Containers, false}} {
		hostPorts := hostPorts{}
		for i := range list.list {
			p.container(list.at.at(i), &list.list[i], names, hostPorts)
			p.life(list.at.at(i), &list.list[i], list.init)
		}
	}
}

func (p podCheck) container(at *path, c *corev1.Container, names unique, taken hostPorts) {
	p.label(at.field("name"), c.Name)
	names.add(p.check, at.field("name"), c.Name)
	switch {
	case c.Image == "":
		p.missing(at.field("image"), "say which image the container runs")
	case strings.ContainsAny(c.Image, " \t\r\n"):
		p.bad(at.field("image"), "%s must not hold blanks", quote(c.Image))
	}
	oneOf(p.check, at.field("imagePullPolicy"), c.ImagePullPolicy, corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever)
	if c.WorkingDir != "" && !strings.HasPrefix(c.WorkingDir, "/") {
		p.bad(at.field("workingDir"), "%s is not an absolute path", quote(c.WorkingDir))
	}
	p.ports(at.field("ports"), c.Ports, taken)
	for i := range c.EnvFrom {
		p.envFrom(at.field("envFrom").at(i), &c.EnvFrom[i])
	}
	for i := range c.Env {
		p.env(at.field("env").at(i), &c.Env[i])
	}
	p.resources(at.field("resources"), &c.Resources)
	p.mounts(at.field("volumeMounts"), c)
	if c.SecurityContext != nil {
		p.security(at.field("securityContext"), c.SecurityContext)
	}
	p.nonRoot(at.field("securityContext"), c.SecurityContext)
}

// nonRoot reports a container that must not run as root and is told to, which
// a kubelet finds only when it starts the container.
func (p podCheck) nonRoot(at *path, s *corev1.SecurityContext) {
	pod, podAt := p.spec.SecurityContext, p.at.field("securityContext")
	nonRoot, user := pod.RunAsNonRoot, pod.RunAsUser
	userAt := podAt.field("runAsUser")
	if s != nil && s.RunAsNonRoot != nil {
		nonRoot = s.RunAsNonRoot
	}
	if s != nil && s.RunAsUser != nil {
		user, userAt = s.RunAsUser, at.field("runAsUser")
	}
	if nonRoot != nil && *nonRoot && user != nil && *user == 0 {
		p.bad(userAt, "0 is root, which runAsNonRoot forbids")
	}
}

// hostPort is a port of the host that a container takes.
type hostPort struct {
	protocol corev1.Protocol
	port     int32
}

// hostPorts is who takes which.
type hostPorts map[hostPort]*takers

// takers is who takes a port, by address; "" is all addresses.
type takers struct {
	first *path
	byIP  map[string]*path
}

func (p podCheck) ports(at *path, ports []corev1.ContainerPort, taken hostPorts) {
	names := unique{}
	for i := range ports {
		port, at := &ports[i], at.at(i)
		if port.Name != "" {
			if len(validation.IsValidPortName(port.Name)) > 0 {
				p.bad(at.field("name"), `%s is not a valid name: want lower case letters, digits and single "-", one letter at least, at most 15 characters`, quote(port.Name))
			}
			names.add(p.check, at.field("name"), port.Name)
		}
		if port.ContainerPort == 0 {
			p.missing(at.field("containerPort"), "want 1 to 65535")
		} else {
			p.port(at.field("containerPort"), port.ContainerPort)
		}
		oneOf(p.check, at.field("protocol"), port.Protocol, corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP)
		if port.HostIP != "" {
			p.ip(at.field("hostIP"), port.HostIP)
		}
		if port.HostPort == 0 {
			continue
		}
		p.port(at.field("hostPort"), port.HostPort)
		if p.spec.HostNetwork && port.HostPort != port.ContainerPort {
			p.bad(at.field("hostPort"), "%d must be the containerPort %d with hostNetwork", port.HostPort, port.ContainerPort)
		}
		p.takePort(at.field("hostPort"), port, taken)
	}
}

func (p podCheck) port(at *path, n int32) {
	if n < 1 || n > math.MaxUint16 {
		p.bad(at, "%d is not a port: want 1 to 65535", n)
	}
}

// takePort reports a port of the host that is taken twice.
func (p podCheck) takePort(at *path, port *corev1.ContainerPort, taken hostPorts) {
	key := hostPort{port.Protocol, port.HostPort}
	ip := port.HostIP
	if ip == "0.0.0.0" || ip == "::" {
		ip = ""
	}
	t := taken[key]
	if t == nil {
		t = &takers{first: at, byIP: map[string]*path{}}
		taken[key] = t
	}
	first, clash := t.byIP[ip]
	if !clash {
		first, clash = t.byIP[""]
	}
	if !clash && ip == "" && len(t.byIP) > 0 {
		first, clash = t.first, true
	}
	if clash {
		p.bad(at, "%s port %d of the host is taken twice, first at %s", port.Protocol, port.HostPort, p.prefix+first.String())
		return
	}
	t.byIP[ip] = at
}

const resourceRule = "berth can limit only cpu and memory of a container: remove it, or run the pod where it is honoured"

func (p podCheck) resources(at *path, r *corev1.ResourceRequirements) {
	limitAt := func(name corev1.ResourceName) *path { return at.field("limits").key(string(name)) }
	for _, part := range []struct {
		name string
		list corev1.ResourceList
	}{{"limits", r.Limits}, {"requests", r.Requests}} {
		for _, name := range slices.Sorted(maps.Keys(part.list)) {
			q, at := part.list[name], at.field(part.name).key(string(name))
			if limit, ok := r.Limits[name]; ok && part.name == "requests" && p.read(limitAt(name)) {
				if q.Cmp(limit) > 0 {
					p.bad(at, "%s is more than the limit %s", q.String(), limit.String())
				}
				if q.Cmp(limit) == 0 { // most likely made from the limit, which has been checked
					continue
				}
			}
			p.resource(at, name, &q, part.name == "requests")
		}
	}
}

func (p podCheck) resource(at *path, name corev1.ResourceName, q *resource.Quantity, request bool) {
	p.amount(at, q)
	switch {
	case name == corev1.ResourceMemory && q.CmpInt64(1<<50) > 0, name == corev1.ResourceCPU && q.CmpInt64(1<<20) > 0:
		p.bad(at, "%s is more than any host has", q.String())
	case name == corev1.ResourceMemory && q.CmpInt64(q.Value()) != 0:
		p.bad(at, "%s is no whole number of bytes: m means thousandths, Mi is for mebibytes", q.String())
	case name == corev1.ResourceCPU || name == corev1.ResourceMemory:
	case name == corev1.ResourceEphemeralStorage && request:
		p.note(p.place(at), at, "without effect on one host: there is nothing to schedule")
	default:
		p.bad(at, resourceRule)
	}
}

// knownCapabilities is every capability of Linux 6.x (capabilities(7)).
const knownCapabilities = `ALL AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH
 FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW
 PERFMON SETFCAP SETGID SETPCAP SETUID SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE
 SYS_TIME SYS_TTY_CONFIG SYSLOG WAKE_ALARM`

func (p podCheck) security(at *path, s *corev1.SecurityContext) {
	p.id(at.field("runAsUser"), s.RunAsUser)
	p.id(at.field("runAsGroup"), s.RunAsGroup)
	oneOf(p.check, at.field("procMount"), *s.ProcMount, corev1.DefaultProcMount, corev1.UnmaskedProcMount)
	p.seccomp(at.field("seccompProfile"), s.SeccompProfile)
	known := strings.Fields(knownCapabilities)
	sysAdmin := false
	if s.Capabilities != nil {
		for i, name := range s.Capabilities.Add {
			p.capability(at.field("capabilities").field("add").at(i), name, known)
			sysAdmin = sysAdmin || plainCapability(name) == "SYS_ADMIN"
		}
		for i, name := range s.Capabilities.Drop {
			p.capability(at.field("capabilities").field("drop").at(i), name, known)
		}
	}
	if s.AllowPrivilegeEscalation != nil && !*s.AllowPrivilegeEscalation {
		escalation := at.field("allowPrivilegeEscalation")
		if s.Privileged != nil && *s.Privileged {
			p.bad(escalation, "cannot be false in a privileged container")
		}
		if sysAdmin {
			p.bad(escalation, "cannot be false with the capability SYS_ADMIN")
		}
	}
}

func plainCapability(name corev1.Capability) string {
	return strings.TrimPrefix(strings.ToUpper(string(name)), "CAP_")
}

func (p podCheck) capability(at *path, name corev1.Capability, known []string) {
	if plain := plainCapability(name); !slices.Contains(known, plain) {
		p.bad(at, "%s is not a capability%s", quote(string(name)), didYouMean(plain, known))
	}
}

// reference checks that what is used exists in the pod.
func (p podCheck) reference(at *path, what, name string, exists bool, known []string) {
	if name != "" && !exists {
		p.bad(at, "there is no %s %s%s", what, quote(name), didYouMean(name, known))
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// exactlyOne reports fields of which one and only one must be written.
func (c *check) exactlyOne(at *path, set map[string]bool) bool {
	var names, given []string
	for _, name := range sortedKeys(set) {
		names = append(names, name)
		if set[name] {
			given = append(given, name)
		}
	}
	switch len(given) {
	case 0:
		c.bad(at, "is empty: want one of %s", strings.Join(names, ", "))
	case 1:
		return true
	default:
		c.bad(at, "has %s: only one is possible", strings.Join(given, " and "))
	}
	return false
}
