package oci

import (
	"berth/engine/spec"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The kernel's bounds and the kubelet's numbers (kubelet's cm/helpers_linux.go).
const (
	minShares    = 2
	maxShares    = 262144
	cpuPeriod    = 100000 // µs
	minCPUQuota  = 1000   // µs
	milliPerCore = 1000
)

// resources are a container's cgroup settings. A limit that this host cannot
// enforce is refused, or left out where the pod allows that.
func resources(c *spec.Container, allowUnenforced bool, host Host) (*specs.LinuxResources, error) {
	r := c.Resources
	if missing := host.Cgroups.missing(r); len(missing) > 0 {
		if !allowUnenforced {
			return nil, limitsError(missing)
		}
		for _, m := range missing {
			m.drop(&r)
		}
	}
	out := &specs.LinuxResources{
		Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}},
		CPU:     cpuResources(r, host.Cgroups, c.ByHand != nil),
		Memory:  memoryResources(r, host.Cgroups),
	}
	if r.PidsLimit > 0 {
		limit := r.PidsLimit
		out.Pids = &specs.LinuxPids{Limit: &limit}
	}
	if r.MemoryLimit > 0 && host.Cgroups.Unified {
		// All of a container dies together, as under the kubelet.
		out.Unified = map[string]string{"memory.oom.group": "1"}
	}
	if c.ByHand == nil {
		return out, nil
	}
	out.Unified = nil // podman's containers lose one process at a time
	if !allowUnenforced {
		if err := host.Cgroups.checkTuning(c); err != nil {
			return nil, err
		}
	}
	return out, tune(out, c, host)
}

// cpuResources are shares of what is asked for, or of the limit, as under the kubelet;
// to podman's --cpus the limit says nothing of shares.
func cpuResources(r spec.Resources, cgroups Controllers, byHand bool) *specs.LinuxCPU {
	cpu := &specs.LinuxCPU{Cpus: r.CPUSet}
	request := r.CPURequest
	if request == 0 && !byHand {
		request = r.CPULimit
	}
	if request > 0 && cgroups.Has("cpu") {
		shares := cpuShares(request)
		cpu.Shares = &shares
	}
	if r.CPULimit > 0 {
		quota, period := cpuQuota(r.CPULimit), uint64(cpuPeriod)
		cpu.Quota, cpu.Period = &quota, &period
	}
	if *cpu == (specs.LinuxCPU{}) {
		return nil
	}
	return cpu
}

func memoryResources(r spec.Resources, cgroups Controllers) *specs.LinuxMemory {
	if r.MemoryLimit <= 0 {
		return nil
	}
	limit := r.MemoryLimit
	memory := &specs.LinuxMemory{Limit: &limit}
	if cgroups.Swap {
		swap := limit // memory and swap together: no swap
		memory.Swap = &swap
	}
	return memory
}

// cpuShares are cgroup v1's; the runtime makes cgroup v2's weight of them.
func cpuShares(milli int64) uint64 {
	return uint64(max(minShares, min(maxShares, milli*1024/milliPerCore)))
}

func cpuQuota(milli int64) int64 { return max(minCPUQuota, milli*cpuPeriod/milliPerCore) }
