package oci

import (
	"fmt"
	"slices"
	"strings"

	"berth/engine/spec"
	"berth/internal/source"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// capabilityNames are the kernel's, by bit (linux/capability.h).
func capabilityNames() []string {
	return []string{
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
		"CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE",
		"CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
		"CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
		"CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
		"CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
		"CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
		"CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
	}
}

// baseCapabilities are those a container has if it asks for no others.
func baseCapabilities(c *spec.Container) []string {
	if c.ByHand != nil && c.ByHand.BaseCaps != nil {
		return slices.Clone(c.ByHand.BaseCaps)
	}
	return spec.DefaultCapabilities()
}

const allCapabilities = "ALL"

// capabilities is a container's set. Root has all of it; any other user has
// only what was asked for by name, and keeps that across exec, as with podman.
func capabilities(sec spec.Security, base []string, root bool, host Host) (*specs.LinuxCapabilities, error) {
	add, err := normalizeCapabilities(sec.CapAdd)
	if err != nil {
		return nil, err
	}
	drop, err := normalizeCapabilities(sec.CapDrop)
	if err != nil {
		return nil, err
	}
	for _, c := range add {
		if c != allCapabilities && slices.Contains(drop, c) {
			return nil, fmt.Errorf("%w: capability %s is both added and dropped", spec.ErrConfig, c)
		}
	}
	bounding := slices.Clone(host.Capabilities)
	if !sec.Privileged {
		if bounding, err = bound(base, add, drop, host); err != nil {
			return nil, err
		}
	}
	slices.Sort(bounding)
	bounding = slices.Compact(bounding)
	set := &specs.LinuxCapabilities{Bounding: bounding}
	if root {
		set.Effective, set.Permitted = bounding, bounding
		return set, nil
	}
	var asked []string
	for _, c := range bounding {
		if slices.Contains(add, c) {
			asked = append(asked, c)
		}
	}
	set.Effective, set.Permitted, set.Inheritable, set.Ambient = asked, asked, asked, asked
	return set, nil
}

// bound is the bounding set of a container that is not privileged.
func bound(base, add, drop []string, host Host) ([]string, error) {
	if slices.Contains(add, allCapabilities) {
		base = slices.Clone(host.Capabilities)
	}
	if slices.Contains(drop, allCapabilities) {
		base = nil
	}
	base = slices.DeleteFunc(base, func(c string) bool { return slices.Contains(drop, c) || !host.may(c) })
	for _, c := range add {
		switch {
		case c == allCapabilities:
		case !host.may(c):
			return nil, fmt.Errorf("%w: capability %s cannot be added: this host does not grant it to us", spec.ErrConfig, c)
		default:
			base = append(base, c)
		}
	}
	return base, nil
}

// normalizeCapabilities brings names to the kernel's form and refuses unknown ones.
func normalizeCapabilities(names []string) ([]string, error) {
	known := capabilityNames()
	list := make([]string, 0, len(names))
	for _, name := range names {
		c := strings.ToUpper(strings.TrimSpace(name))
		if c != allCapabilities {
			c = "CAP_" + strings.TrimPrefix(c, "CAP_")
			if !slices.Contains(known, c) {
				return nil, fmt.Errorf("%w: unknown capability %q%s", spec.ErrConfig, name, source.DidYouMean(c, known))
			}
		}
		list = append(list, c)
	}
	return list, nil
}
