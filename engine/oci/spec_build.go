package oci

import (
	"fmt"

	"berth/engine/spec"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// specVersion is the runtime-spec version the oldest supported crun and runc
// accept; nothing newer is used.
const specVersion = "1.0.2"

// BuildSpec merges what a pod and its container say with the image's own
// configuration. It changes nothing; of the root file system it reads
// /etc/passwd and /etc/group. What cannot be honoured on this host wraps
// spec.ErrConfig.
func BuildSpec(in Input) (*specs.Spec, error) {
	c := in.Container
	id, err := lookupUser(c.User, in.Image.User, in.Rootfs)
	if err != nil {
		return nil, err
	}
	s := &specs.Spec{
		Version:     specVersion,
		Root:        &specs.Root{Path: in.Rootfs, Readonly: c.Security.ReadOnlyRoot},
		Annotations: annotations(in.Pod, c.Name),
		Linux: &specs.Linux{
			CgroupsPath: in.CgroupPath,
			Namespaces:  namespaces(in.Namespaces, in.Host.Cgroups.Unified),
		},
	}
	if s.Process, err = process(in, id); err != nil {
		return nil, err
	}
	if err := mapUsers(s, in); err != nil {
		return nil, err
	}
	if in.Namespaces.UTS == "" {
		s.Hostname = Hostname(in.Pod, c)
	}
	if s.Mounts, err = mounts(in); err != nil {
		return nil, err
	}
	s.Linux.RootfsPropagation = rootPropagation(s.Mounts)
	parameters := sysctls
	if c.ByHand != nil && (!in.Pod.Bare || c.ByHand.Namespaces != (spec.Joins{})) {
		parameters = memberSysctls
	}
	if s.Linux.Sysctl, err = parameters(withDomain(in.Pod), in.Namespaces, in.Pod.Users != nil); err != nil {
		return nil, err
	}
	if s.Linux.Resources, err = resources(c, in.Pod.AllowUnenforcedLimits, in.Host); err != nil {
		return nil, err
	}
	if in.CgroupPath == "" && in.Place.Mode == spec.CgroupsDisabled {
		s.Linux.Resources = &specs.LinuxResources{} // there is nothing to enforce them by
	}
	if c.Security.Privileged {
		if err := privilege(s, in.Host); err != nil {
			return nil, err
		}
	} else if c.Security.ProcMount != procUnmasked {
		s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = maskedPaths(), readonlyPaths()
	}
	if err := byHand(in, s); err != nil {
		return nil, err
	}
	if s.Linux.Seccomp, err = seccompFilter(in, s); err != nil {
		return nil, err
	}
	return s, nil
}

// mapUsers puts a container into a user namespace: one to join, or a new one with
// the pod's maps.
func mapUsers(s *specs.Spec, in Input) error {
	users := in.Pod.Users
	if users == nil {
		return nil
	}
	if in.Host.runtimeName() != "crun" {
		return fmt.Errorf("%w: only crun has containers with users of their own enter the pod's network: choose it with --runtime", spec.ErrConfig)
	}
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace, Path: in.Namespaces.User})
	if in.Namespaces.User != "" {
		return nil
	}
	maps := func(list []spec.IDMap) []specs.LinuxIDMapping {
		out := make([]specs.LinuxIDMapping, len(list))
		for i, m := range list {
			out[i] = specs.LinuxIDMapping{ContainerID: m.Container, HostID: m.Host, Size: m.Size}
		}
		return out
	}
	s.Linux.UIDMappings, s.Linux.GIDMappings = maps(users.UIDs), maps(users.GIDs)
	return nil
}

const procUnmasked = "Unmasked"

// Hostname is the name of the host in a container, where that has a UTS namespace
// of its own; empty: the host's.
func Hostname(pod *spec.Pod, c *spec.Container) string {
	switch hand := c.ByHand; {
	case hand != nil && hand.Hostname != "":
		return hand.Hostname
	case pod.Join.UTS.Host, hand != nil && hand.Namespaces.UTS.Host:
		return ""
	case pod.Hostname == "" && pod.Bare && hand != nil && !pod.HostNet:
		return hand.ID.Short()
	case OwnHostname(pod, c):
		return hand.ID.Short()
	}
	return pod.Hostname
}

// OwnHostname reports whether a container of a pod does not share its hostname.
func OwnHostname(pod *spec.Pod, c *spec.Container) bool {
	if pod.Bare || c.ByHand == nil {
		return false
	}
	uts := c.ByHand.Namespaces.UTS
	return uts.Private || uts.Host || pod.Own.UTS && uts == (spec.Join{})
}

// annotations let people and tools see whose a container is.
func annotations(pod *spec.Pod, container string) map[string]string {
	return map[string]string{
		"io.kubernetes.pod.name":      pod.Name,
		"io.kubernetes.pod.namespace": pod.Namespace,
		"io.kubernetes.pod.uid":       pod.ID.UID(),
		"io.kubernetes.container":     container,
	}
}

func namespaces(n Namespaces, cgroup bool) []specs.LinuxNamespace {
	list := []specs.LinuxNamespace{{Type: specs.MountNamespace}}
	switch {
	case n.Cgroup == HostNamespace, n.Cgroup == "" && !cgroup:
	case n.Cgroup == PrivateNamespace:
		list = append(list, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	default:
		list = append(list, specs.LinuxNamespace{Type: specs.CgroupNamespace, Path: n.Cgroup})
	}
	for _, ns := range []struct {
		kind specs.LinuxNamespaceType
		path string
	}{
		{specs.NetworkNamespace, n.Net}, {specs.IPCNamespace, n.IPC},
		{specs.UTSNamespace, n.UTS}, {specs.PIDNamespace, n.PID},
	} {
		if ns.path != HostNamespace {
			list = append(list, specs.LinuxNamespace{Type: ns.kind, Path: ns.path})
		}
	}
	return list
}

// privilege opens a container to the host: all devices, nothing masked.
// Capabilities and mounts have been chosen where they are made.
func privilege(s *specs.Spec, host Host) error {
	devices := host.Devices
	if devices == nil {
		var err error
		if devices, err = HostDevices("/dev"); err != nil {
			return fmt.Errorf("list the host's devices: %w", err)
		}
	}
	for _, d := range devices {
		s.Linux.Devices = append(s.Linux.Devices, d.spec())
	}
	s.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}
	return nil
}

func maskedPaths() []string {
	return []string{
		"/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug",
		"/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/dev/block", "/sys/devices/virtual/powercap",
		"/sys/firmware", "/sys/fs/selinux",
	}
}

func readonlyPaths() []string {
	return []string{"/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
}
