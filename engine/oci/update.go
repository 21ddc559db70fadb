package oci

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"berth/engine/spec"
	"berth/internal/atomicfile"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// defaultShares is what the kernel gives a cgroup of version 1 at first.
const defaultShares = 1024

// Update gives a running container the CPU and memory that its description says
// now, as Create would have. A memory limit below what it uses is spec.ErrInUse:
// the kernel would kill it.
func (r *Runtime) Update(ctx context.Context, c Container, to *spec.Container, allowUnenforced bool) error {
	all, err := resources(to, allowUnenforced, r.host)
	if err != nil {
		return err
	}
	if all.Memory != nil {
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
	if all.CPU == nil || all.CPU.Quota == nil {
		return r.unlimitedV1(c)
	}
	return nil
}

// unlimitedV1 takes a limit of CPU time away on cgroup v1, where crun 1.8 writes
// a number for it that the kernel does not take.
func (r *Runtime) unlimitedV1(c Container) error {
	mount, ok := r.host.Cgroups.Mounts["cpu"]
	if r.host.Cgroups.Unified || !r.host.Cgroups.Quota || !ok {
		return nil
	}
	err := os.WriteFile(filepath.Join(mount, cgroupFolder(c.CgroupPath), "cpu.cfs_quota_us"), []byte("-1"), 0)
	if gone(err) {
		return ErrNotRunning
	}
	return err
}

// updated are the settings that change; where there was a limit and is none now,
// that must be said.
func updated(all *specs.LinuxResources, cgroups Controllers) *specs.LinuxResources {
	out := &specs.LinuxResources{Memory: all.Memory, Unified: all.Unified}
	cpu := specs.LinuxCPU{}
	if all.CPU != nil {
		cpu = *all.CPU
		cpu.Cpus = ""
	}
	if cpu.Shares == nil && cgroups.Has("cpu") {
		shares := uint64(defaultShares)
		cpu.Shares = &shares
	}
	if cpu.Quota == nil && cgroups.Quota && cgroups.Unified { // else unlimitedV1
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
