package oci

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"berth/engine/spec"
	"berth/internal/atomicfile"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// defaultShares is what the kernel gives a cgroup of version 1 at first.
const defaultShares = 1024

// Update gives a running container the limits that its description says now, as
// Create would have. A memory limit below what it uses is spec.ErrInUse: the
// kernel would kill it.
func (r *Runtime) Update(ctx context.Context, c Container, to *spec.Container, allowUnenforced bool) error {
	if c.CgroupPath == "" {
		return fmt.Errorf("%w: the container has no cgroup to limit it by", spec.ErrConfig)
	}
	all, err := resources(to, allowUnenforced, r.host)
	if err != nil {
		return err
	}
	if all.Memory != nil && all.Memory.Limit != nil {
		if used := r.memoryUsed(c); used > *all.Memory.Limit {
			return fmt.Errorf("memory limit of %d bytes: the container uses %d: %w", *all.Memory.Limit, used, spec.ErrInUse)
		}
	}
	path := c.path("resources.json")
	if err := atomicfile.WriteVolatileJSON(path, updated(all, r.host.Cgroups), 0o600); err != nil {
		return err
	}
	if _, err := r.call(ctx, c, "update", "--resources="+path, string(c.ID)); err != nil {
		return r.helperError("update", err)
	}
	return r.lift(c, all)
}

// lift takes limits away for which runtimes have no word, or each another one.
func (r *Runtime) lift(c Container, now *specs.LinuxResources) error {
	cgroups, cpu := r.host.Cgroups, now.CPU
	if cpu == nil {
		cpu = &specs.LinuxCPU{}
	}
	var errs []error
	if cpu.Quota == nil && cgroups.Quota && !cgroups.Unified { // crun 1.8 writes what the kernel does not take
		errs = append(errs, r.setCgroup(c, "cpu", "cpu.cfs_quota_us", "-1"))
	}
	if now.Pids == nil && cgroups.Has("pids") {
		errs = append(errs, r.setCgroup(c, "pids", "pids.max", "max"))
	}
	if cpu.Cpus == "" && cgroups.Has("cpuset") {
		all := "\n" // those of the parent
		if mount, ok := cgroups.Mounts["cpuset"]; ok && !cgroups.Unified {
			words, err := readWords(filepath.Join(mount, filepath.Dir(cgroupFolder(c.CgroupPath)), "cpuset.cpus"))
			if err != nil && !gone(err) {
				errs = append(errs, err)
			}
			all = strings.Join(words, "")
		}
		errs = append(errs, r.setCgroup(c, "cpuset", "cpuset.cpus", all))
	}
	return errors.Join(errs...)
}

// setCgroup writes a file of a container's cgroup; of one that has ended, none.
func (r *Runtime) setCgroup(c Container, controller, file, value string) error {
	mount, ok := cgroupRoot, true
	if !r.host.Cgroups.Unified {
		mount, ok = r.host.Cgroups.Mounts[controller]
	}
	if !ok {
		return nil
	}
	err := os.WriteFile(filepath.Join(mount, cgroupFolder(c.CgroupPath), file), []byte(value), 0)
	if gone(err) {
		return nil
	}
	return err
}

// updated are the settings that change; where there was a limit and is none now,
// that must be said.
func updated(all *specs.LinuxResources, cgroups Controllers) *specs.LinuxResources {
	out := &specs.LinuxResources{Memory: all.Memory, Unified: all.Unified, Pids: all.Pids}
	cpu := specs.LinuxCPU{}
	if all.CPU != nil {
		cpu = *all.CPU
	}
	if cpu.Shares == nil && cgroups.Has("cpu") {
		shares := uint64(defaultShares)
		cpu.Shares = &shares
	}
	if cpu.Quota == nil && cgroups.Quota && cgroups.Unified { // else lift does
		quota, period := int64(-1), uint64(cpuPeriod)
		cpu.Quota, cpu.Period = &quota, &period
	}
	if cpu != (specs.LinuxCPU{}) {
		out.CPU = &cpu
	}
	if out.Memory == nil && cgroups.Has("memory") {
		none := int64(-1)
		out.Memory = &specs.LinuxMemory{Limit: &none}
		if cgroups.Swap {
			out.Memory.Swap = &none
		}
	}
	return out
}

// memoryUsed is a container's working set as the kubelet counts it, in bytes:
// without the pages of files that were not used lately. 0 where nothing counts it.
func (r *Runtime) memoryUsed(c Container) int64 {
	folder := cgroupFolder(c.CgroupPath)
	usage, unused := cgroupRoot+folder+"/memory.current", "inactive_file"
	dir := cgroupRoot + folder
	if !r.host.Cgroups.Unified {
		mount, ok := r.host.Cgroups.Mounts["memory"]
		if !ok {
			return 0
		}
		dir = mount + folder
		usage, unused = filepath.Join(dir, "memory.usage_in_bytes"), "total_inactive_file"
	}
	words, err := readWords(usage)
	if err != nil || len(words) != 1 {
		return 0
	}
	n, err := strconv.ParseInt(words[0], 10, 64)
	if err != nil {
		return 0
	}
	return n - countIn(filepath.Join(dir, "memory.stat"), unused)
}
