package option

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	units "github.com/docker/go-units"
	"github.com/spf13/pflag"

	"berth/engine/spec"
)

// namespaces is which namespaces and cgroups a container, or a pod, lives in.
type namespaces struct {
	ipc, pid, uts, cgroup string
	cgroups, parent       string
	shm, shmSystemd       string
	sysctls               []string
}

// shared adds what containers and pods have in common.
func (n *namespaces) shared(f *pflag.FlagSet) {
	f.StringVar(&n.pid, "pid", "", "`whose` processes it sees: private, host, container:NAME, ns:PATH")
	f.StringVar(&n.uts, "uts", "", "`whose` hostname it has: private, host, container:NAME, ns:PATH")
	f.StringVar(&n.parent, "cgroup-parent", "", "make its cgroup below this `cgroup`, or slice")
	f.StringVar(&n.shm, "shm-size", "", "size of /dev/shm in `bytes`, or as 64m, 1g; 0: no limit (default 64m)")
	f.StringVar(&n.shmSystemd, "shm-size-systemd", "", "size of the file systems that are made for systemd, in `bytes`, or as 64m, 1g; 0: no limit")
	f.StringSliceVar(&n.sysctls, "sysctl", nil, "set a parameter of the kernel (`name=value`), such as net.core.somaxconn=1024")
}

func (n *namespaces) register(f *pflag.FlagSet) {
	n.shared(f)
	f.StringVar(&n.ipc, "ipc", "", "`whose` shared memory it sees: private, shareable, host, none (no /dev/shm), container:NAME, ns:PATH")
	f.StringVar(&n.cgroup, "cgroupns", "", "`whose` cgroups it sees: private, host, container:NAME, ns:PATH")
	f.StringVar(&n.cgroups, "cgroups", "enabled", "`how` cgroups are made: enabled, disabled, no-conmon, split")
}

func (n *namespaces) apply(m *maker) {
	joins, p := &m.pod.Join, m.pod
	if m.added() {
		joins = &m.hand.Namespaces
	}
	n.join(m, "pid", n.pid, &joins.PID)
	n.join(m, "uts", n.uts, &joins.UTS)
	n.join(m, "cgroupns", n.cgroup, &joins.Cgroup)
	joins.Cgroup.Private = n.cgroup == "private" // not everywhere it is so anyway
	switch n.ipc {
	case "none":
		m.hand.NoShm = true
		joins.IPC.Private = m.added()
	case "shareable":
		joins.IPC.Private = m.added()
	default:
		n.join(m, "ipc", n.ipc, &joins.IPC)
	}
	if !m.added() { // the pod's own words for it
		p.HostPID, joins.PID.Host = joins.PID.Host, false
		p.HostIPC, joins.IPC.Host = joins.IPC.Host, false
	}
	if m.given("hostname") && (joins.UTS.Host || joins.UTS.Container != nil) {
		m.note(errors.New("--hostname cannot be honoured with --uts: the name is that of the host, or of the other container"))
	}
	if m.given("domainname") && (joins.UTS.Host || joins.UTS.Container != nil) {
		m.note(errors.New("--domainname cannot be honoured with --uts: the name is that of the host, or of the other container"))
	}
	n.cgroupPlace(m)
	n.sizes(m)
	n.parameters(m)
}

// join reads what namespaces of all kinds have.
func (n *namespaces) join(m *maker, flag, value string, to *spec.Join) {
	switch value {
	case "":
	case "private":
		to.Private = m.added() // elsewhere it is so anyway
	case "host":
		to.Host = true
	case "pod":
		if m.pod.Bare {
			m.failf(flag, value, "there is no pod: add --pod")
		}
	default:
		join, ok := m.join(flag, value)
		if !ok {
			m.failf(flag, value, "unknown%s", oneOf(value, []string{"private", "host", "container:NAME", "ns:PATH"}))
			return
		}
		*to = join
	}
}

func (n *namespaces) cgroupPlace(m *maker) {
	place := spec.CgroupPlace{Parent: n.parent, Apart: m.pod.Cgroup.Apart}
	switch n.cgroups {
	case "enabled", "":
	case "disabled", "no-conmon", "split":
		place.Mode = spec.CgroupMode(n.cgroups)
	default:
		m.failf("cgroups", n.cgroups, "unknown%s", oneOf(n.cgroups, []string{"enabled", "disabled", "no-conmon", "split"}))
	}
	if strings.ContainsAny(n.parent, "\n\x00") || slices.Contains(strings.Split(n.parent, "/"), "..") {
		m.failf("cgroup-parent", n.parent, "not the path of a cgroup, or the name of a slice")
	}
	switch place.Mode {
	case spec.CgroupsDisabled:
		for _, flag := range append([]string{"cgroup-parent", "cgroupns"}, ofCgroup()...) {
			if m.given(flag) {
				m.note(fmt.Errorf("--%s cannot be honoured with --cgroups disabled: there is no cgroup to set it on", flag))
			}
		}
	case spec.CgroupsSplit:
		if n.parent != "" {
			m.note(errors.New("--cgroup-parent cannot be honoured with --cgroups split, which divides the caller's: drop one of them"))
		}
	}
	if m.added() {
		m.hand.Cgroup = place
	} else {
		m.pod.Cgroup = place
	}
}

func (n *namespaces) sizes(m *maker) {
	if n.shm != "" {
		size, err := parseShm(n.shm)
		m.noteFlag("shm-size", n.shm, err)
		joins := m.pod.Join
		switch {
		case m.added() && !m.hand.Namespaces.IPC.Private:
			m.note(errors.New("--shm-size is for the pod, whose /dev/shm its containers share: give it to pod create, or add --ipc private"))
		case m.hand.NoShm:
			m.note(errors.New("--shm-size says nothing with --ipc none: there is no /dev/shm"))
		case m.pod.HostIPC || joins.IPC != (spec.Join{}):
			m.note(errors.New("--shm-size cannot be honoured with --ipc: /dev/shm is that of the host, or of the other container"))
		case m.added():
			m.hand.ShmSize = size
		default:
			m.pod.ShmSize = size
		}
	}
	n.usualShm(m)
	if n.shmSystemd != "" {
		size, err := parseShm(n.shmSystemd)
		m.noteFlag("shm-size-systemd", n.shmSystemd, err)
		m.hand.SystemdSize = size
	}
}

// usualShm is containers.conf's size, where there is a /dev/shm of its own and no flag.
func (n *namespaces) usualShm(m *maker) {
	s := m.word("shm_size")
	if s == "" || n.shm != "" || m.added() || m.hand.NoShm || m.pod.HostIPC || m.pod.Join.IPC != (spec.Join{}) {
		return
	}
	size, err := parseShm(s)
	m.noteKey("shm_size", s, err)
	m.pod.ShmSize = size
}

// cgroupless reports whether no cgroup is made.
func (m *maker) cgroupless() bool {
	return m.pod.Cgroup.Mode == spec.CgroupsDisabled || m.hand.Cgroup.Mode == spec.CgroupsDisabled
}

// parseShm reads a size; 0 is none, which is -1 to the engine.
func parseShm(s string) (int64, error) {
	n, err := units.RAMInBytes(s)
	if err != nil || n < 0 {
		return 0, errors.New("not a size such as 64m or 1g")
	}
	if n == 0 {
		return -1, nil
	}
	return n, nil
}

// parameters are those of the kernel that belong to a namespace of the pod.
func (n *namespaces) parameters(m *maker) {
	for _, s := range n.sysctls {
		m.noteFlag("sysctl", s, m.parameter(s))
	}
}

// usualParameters are containers.conf's. Of those that belong to another's namespace
// podman says nothing either. Who may ping is said in groups, which would be the
// host's where users are mapped: there, as in every network of ours, all may.
func (m *maker) usualParameters() {
	for _, s := range m.conf["default_sysctls"] {
		name := strings.ReplaceAll(strings.SplitN(s, "=", 2)[0], "/", ".")
		_, ours := m.pod.Sysctls[name]
		if ours || m.pod.Users != nil && name == spec.PingGroups {
			continue
		}
		err := m.parameter(s)
		if !errors.Is(err, errNotOwn) && !errors.Is(err, errOfPod) {
			m.noteKey("default_sysctls", s, err)
		}
	}
	if len(m.pod.Sysctls) == 0 {
		m.pod.Sysctls = nil
	}
}

// Why a parameter cannot be set here.
var (
	errNotOwn = errors.New("set it there")
	errOfPod  = errors.New("it is for the pod, whose namespaces its containers share: give it to pod create")
)

// parameter reads name=value.
func (m *maker) parameter(s string) error {
	ipc := []string{"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"}
	name, value, ok := strings.Cut(s, "=")
	name = strings.ReplaceAll(name, "/", ".")
	ofNet := strings.HasPrefix(name, "net.")
	ofIPC := strings.HasPrefix(name, "fs.mqueue.") || slices.Contains(ipc, name)
	switch {
	case !ok || name == "":
		return errors.New("write name=value")
	case !ofNet && !ofIPC:
		return fmt.Errorf("%s belongs to no namespace of the container, but to the host%s: only net.*, fs.mqueue.* and some of kernel.* do", name, didYouMean(name, ipc))
	case m.added():
		return errOfPod
	case ofNet && (m.pod.HostNet || m.pod.Join.Net != (spec.Join{})):
		return fmt.Errorf("the network is the host's, or another container's: %w", errNotOwn)
	case ofIPC && (m.pod.HostIPC || m.pod.Join.IPC != (spec.Join{})):
		return fmt.Errorf("the IPC namespace is the host's, or another container's: %w", errNotOwn)
	}
	if m.pod.Sysctls == nil {
		m.pod.Sysctls = map[string]string{}
	}
	m.pod.Sysctls[name] = value
	return nil
}

// join reads container:NAME and ns:PATH.
func (m *maker) join(flag, value string) (spec.Join, bool) {
	kind, rest, _ := strings.Cut(value, ":")
	switch kind {
	case "container":
		ref, ok := m.ref(flag, value, rest)
		if !ok {
			return spec.Join{}, true
		}
		return spec.Join{Container: &ref}, true
	case "ns":
		if !strings.HasPrefix(rest, "/") {
			m.failf(flag, value, "give the absolute path of a namespace: ns:/run/…")
		}
		return spec.Join{Path: rest}, true
	}
	return spec.Join{}, false
}

// ref asks for the container of a name.
func (m *maker) ref(flag, value, name string) (spec.ContainerRef, bool) {
	if name == "" {
		m.failf(flag, value, "the name of a container is missing")
		return spec.ContainerRef{}, false
	}
	ref, err := m.host.Container(name)
	m.noteFlag(flag, value, err)
	return ref, err == nil
}
