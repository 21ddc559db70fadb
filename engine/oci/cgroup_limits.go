package oci

import (
	"fmt"
	"strings"

	"berth/engine/spec"
)

// missingLimit is a limit this host cannot enforce.
type missingLimit struct {
	field string // as Kubernetes writes it
	what  string // the controller that lacks, or the part of it
	hint  string // how to turn it on
	drop  func(*spec.Resources)
}

// missing lists the limits of r that this host's cgroups cannot enforce. A
// request is no limit.
func (c Controllers) missing(r spec.Resources) []missingLimit {
	var list []missingLimit
	if r.MemoryLimit > 0 && !c.Has("memory") {
		list = append(list, missingLimit{"limits.memory", "memory", c.hint("memory", "cgroup_enable=memory swapaccount=1"),
			func(r *spec.Resources) { r.MemoryLimit = 0 }})
	}
	if r.CPULimit > 0 && !c.Quota {
		hint := c.hint("cpu", "cgroup_enable=cpu")
		if c.Has("cpu") {
			hint = "it needs a kernel built with CONFIG_CFS_BANDWIDTH"
		}
		list = append(list, missingLimit{"limits.cpu", "cpu", hint, func(r *spec.Resources) { r.CPULimit = 0 }})
	}
	if r.PidsLimit > 0 && !c.Has("pids") {
		list = append(list, missingLimit{"the limit of processes", "pids", c.hint("pids", "cgroup_enable=pids"),
			func(r *spec.Resources) { r.PidsLimit = 0 }})
	}
	if r.CPUSet != "" && !c.Has("cpuset") {
		list = append(list, missingLimit{"the set of cpus", "cpuset", c.hint("cpuset", "cgroup_enable=cpuset"),
			func(r *spec.Resources) { r.CPUSet = "" }})
	}
	return list
}

// hint says how a controller is turned on, for the kind of cgroups this host has.
func (c Controllers) hint(name, kernel string) string {
	if c.Unified {
		return fmt.Sprintf("turn it on with `echo +%s > %s/cgroup.subtree_control`, or where %s/cgroup.controllers does not list it with %q on the kernel command line",
			name, cgroupRoot, cgroupRoot, kernel)
	}
	return fmt.Sprintf("turn it on with %q on the kernel command line and mount it below %s", kernel, cgroupRoot)
}

func limitsError(missing []missingLimit) error {
	var parts []string
	for _, m := range missing {
		parts = append(parts, fmt.Sprintf("%s cannot be enforced: this host has no cgroup controller %q: %s", m.field, m.what, m.hint))
	}
	return fmt.Errorf("%w: %s; or start without it by --allow-unenforced-limits", spec.ErrConfig, strings.Join(parts, "; "))
}

// Controllers says which cgroup controllers this host has.
func (r *Runtime) Controllers() Controllers { return r.host.Cgroups }

// CheckLimits refuses limits this host cannot enforce, naming the controller
// and how to turn it on. The error wraps spec.ErrConfig.
func (r *Runtime) CheckLimits(res spec.Resources) error {
	if missing := r.host.Cgroups.missing(res); len(missing) > 0 {
		return limitsError(missing)
	}
	return nil
}
