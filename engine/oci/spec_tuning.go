package oci

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"berth/engine/spec"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// podmanPids is how many processes a container made by hand may have that asks
// for no other number (containers.conf(5)), where the host can limit them.
const podmanPids = 2048

// tune adds the limits that only containers made by hand have. What this host
// cannot enforce was refused by CheckTuning.
func tune(out *specs.LinuxResources, c *spec.Container, host Host) error {
	t := &c.ByHand.Tuning
	if out.Pids == nil && !t.AnyPids && host.Cgroups.Has("pids") {
		limit := int64(podmanPids)
		out.Pids = &specs.LinuxPids{Limit: &limit}
	}
	tuneMemory(out, t, host.Cgroups)
	tuneCPU(out, t)
	if err := tuneBlocks(out, t); err != nil {
		return err
	}
	if len(t.Unified) > 0 {
		unified := maps.Clone(out.Unified)
		if unified == nil {
			unified = map[string]string{}
		}
		maps.Copy(unified, t.Unified)
		out.Unified = unified
	}
	return nil
}

// tuneMemory gives memory and, as podman does, as much swap again.
func tuneMemory(out *specs.LinuxResources, t *spec.Tuning, cgroups Controllers) {
	m := specs.LinuxMemory{}
	if out.Memory != nil {
		m = *out.Memory
	}
	if m.Limit != nil && cgroups.Swap {
		swap := 2 * *m.Limit
		m.Swap = &swap
	}
	if t.MemorySwap != nil {
		swap := *t.MemorySwap
		m.Swap = &swap
	}
	if t.Reservation > 0 {
		reservation := t.Reservation
		m.Reservation = &reservation
	}
	if t.Swappiness != nil {
		swappiness := uint64(*t.Swappiness)
		m.Swappiness = &swappiness
	}
	if t.OOMKillDisable {
		m.DisableOOMKiller = &t.OOMKillDisable
	}
	if m != (specs.LinuxMemory{}) {
		out.Memory = &m
	}
}

func tuneCPU(out *specs.LinuxResources, t *spec.Tuning) {
	cpu := specs.LinuxCPU{}
	if out.CPU != nil {
		cpu = *out.CPU
	}
	if t.CPUShares > 0 {
		cpu.Shares = &t.CPUShares
	}
	if t.CPUPeriod > 0 {
		cpu.Period = &t.CPUPeriod
	}
	if t.CPUQuota != 0 {
		cpu.Quota = &t.CPUQuota
	}
	if t.RealtimePeriod > 0 {
		cpu.RealtimePeriod = &t.RealtimePeriod
	}
	if t.RealtimeRuntime > 0 {
		cpu.RealtimeRuntime = &t.RealtimeRuntime
	}
	cpu.Mems = cmp.Or(t.CPUSetMems, cpu.Mems)
	if cpu != (specs.LinuxCPU{}) {
		out.CPU = &cpu
	}
}

func tuneBlocks(out *specs.LinuxResources, t *spec.Tuning) error {
	if !limitsBlocks(t) {
		return nil
	}
	io := &specs.LinuxBlockIO{}
	if t.BlkioWeight > 0 {
		io.Weight = &t.BlkioWeight
	}
	for _, w := range t.BlkioDevices {
		major, minor, err := deviceNumber(w.Device)
		if err != nil {
			return err
		}
		weight := specs.LinuxWeightDevice{Weight: &w.Weight}
		weight.Major, weight.Minor = major, minor
		io.WeightDevice = append(io.WeightDevice, weight)
	}
	for _, list := range []struct {
		rates []spec.Rate
		to    *[]specs.LinuxThrottleDevice
	}{
		{t.ReadBps, &io.ThrottleReadBpsDevice}, {t.WriteBps, &io.ThrottleWriteBpsDevice},
		{t.ReadIOps, &io.ThrottleReadIOPSDevice}, {t.WriteIOps, &io.ThrottleWriteIOPSDevice},
	} {
		for _, r := range list.rates {
			major, minor, err := deviceNumber(r.Device)
			if err != nil {
				return err
			}
			throttle := specs.LinuxThrottleDevice{Rate: r.Rate}
			throttle.Major, throttle.Minor = major, minor
			*list.to = append(*list.to, throttle)
		}
	}
	out.BlockIO = io
	return nil
}

func limitsBlocks(t *spec.Tuning) bool {
	return t.BlkioWeight > 0 || len(t.BlkioDevices)+len(t.ReadBps)+len(t.WriteBps)+len(t.ReadIOps)+len(t.WriteIOps) > 0
}

// deviceNumber is which block device lies at a path of the host.
func deviceNumber(path string) (major, minor int64, err error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, 0, fmt.Errorf("%w: limit a device: %w", spec.ErrConfig, &os.PathError{Op: "stat", Path: path, Err: err})
	}
	if st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return 0, 0, fmt.Errorf("%w: limit a device: %s is not a block device", spec.ErrConfig, path)
	}
	return int64(unix.Major(st.Rdev)), int64(unix.Minor(st.Rdev)), nil
}

// CheckTuning refuses limits of a container made by hand that this host cannot
// enforce.
func (r *Runtime) CheckTuning(c *spec.Container) error { return r.host.Cgroups.checkTuning(c) }

func (c Controllers) checkTuning(container *spec.Container) error {
	if container.ByHand == nil {
		return nil
	}
	t := &container.ByHand.Tuning
	var errs []error
	refuse := func(on bool, flag, why string) {
		if on {
			errs = append(errs, fmt.Errorf("%w: %s cannot be enforced: %s", spec.ErrConfig, flag, why))
		}
	}
	needs := func(on bool, flag, controller string) {
		if on && !c.Has(controller) {
			refuse(true, flag, fmt.Sprintf("this host has no cgroup controller %q: %s", controller, c.hint(controller, "cgroup_enable="+controller)))
		}
	}
	const old = "the kernel has it with cgroup v1 only, and this host has v2"
	needs(t.Reservation > 0 || t.Swappiness != nil || t.MemorySwap != nil || t.OOMKillDisable, "memory", "memory")
	needs(t.CPUShares > 0 || t.CPUPeriod > 0 || t.CPUQuota != 0 || t.RealtimePeriod > 0 || t.RealtimeRuntime > 0, "cpu", "cpu")
	needs(t.CPUSetMems != "", "cpuset-mems", "cpuset")
	if c.Unified {
		needs(limitsBlocks(t), "block I/O", "io")
	} else {
		needs(limitsBlocks(t), "block I/O", "blkio")
	}
	refuse(t.Swappiness != nil && c.Unified, "memory-swappiness", old)
	refuse(t.OOMKillDisable && c.Unified, "oom-kill-disable", old)
	refuse((t.RealtimePeriod > 0 || t.RealtimeRuntime > 0) && c.Unified, "cpu-rt-period and cpu-rt-runtime", old)
	refuse(!c.Unified && (t.RealtimePeriod > 0 || t.RealtimeRuntime > 0) && !anyFile(c.Mounts["cpu"], "cpu.rt_runtime_us"),
		"cpu-rt-period and cpu-rt-runtime", "it needs a kernel built with CONFIG_RT_GROUP_SCHED")
	refuse((t.CPUPeriod > 0 || t.CPUQuota != 0) && c.Has("cpu") && !c.Quota, "cpu-quota", "it needs a kernel built with CONFIG_CFS_BANDWIDTH")
	refuse(t.MemorySwap != nil && c.Has("memory") && !c.Swap, "memory-swap", "this kernel does not count swap: put swapaccount=1 on its command line")
	refuse(len(t.Unified) > 0 && !c.Unified, "cgroup-conf", "this host has cgroup v1")
	refuse(t.RDT != "" && !resctrl(), "rdt-class", "no resctrl file system is mounted at /sys/fs/resctrl")
	errs = append(errs, checkSets(container)...)
	return errors.Join(append(errs, tuningValues(container)...)...)
}

// tuningValues are what no host takes.
func tuningValues(c *spec.Container) []error {
	t := &c.ByHand.Tuning
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{spec.ErrConfig}, args...)...))
	}
	if t.MemorySwap != nil && *t.MemorySwap != -1 {
		switch limit := c.Resources.MemoryLimit; {
		case limit == 0:
			wrong("memory-swap is of memory and swap together: set memory, too")
		case *t.MemorySwap < limit:
			wrong("memory-swap of %d bytes is memory and swap together, and less than the memory's %d", *t.MemorySwap, limit)
		}
	}
	if t.Swappiness != nil && (*t.Swappiness < 0 || *t.Swappiness > 100) {
		wrong("memory-swappiness %d is not between 0 and 100", *t.Swappiness)
	}
	if t.BlkioWeight != 0 && (t.BlkioWeight < 10 || t.BlkioWeight > 1000) {
		wrong("blkio-weight %d is not between 10 and 1000", t.BlkioWeight)
	}
	for _, file := range slices.Sorted(maps.Keys(t.Unified)) {
		if filepath.Base(file) != file || file == "." || file == ".." {
			wrong("cgroup-conf %q is not the name of a file in a cgroup", file)
		}
	}
	return errs
}

func resctrl() bool {
	var st unix.Statfs_t
	return unix.Statfs("/sys/fs/resctrl", &st) == nil && st.Type == unix.RDTGROUP_SUPER_MAGIC
}

// handTuning puts a container into a class of Intel's resource director.
func handTuning(in Input, s *specs.Spec) error {
	if class := in.Container.ByHand.Tuning.RDT; class != "" {
		s.Linux.IntelRdt = &specs.LinuxIntelRdt{ClosID: class}
	}
	return nil
}
