package oci

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"berth/engine/spec"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// podLimits are the limits of all containers of a pod together, as a container's
// would be; nil where there are none.
func podLimits(pod *spec.Pod, host Host) (*specs.LinuxResources, error) {
	if reflect.ValueOf(pod.Limits).IsZero() && reflect.ValueOf(pod.Tuning).IsZero() {
		return nil, nil
	}
	all := &spec.Container{Resources: pod.Limits, ByHand: &spec.ByHand{Tuning: pod.Tuning}}
	all.ByHand.Tuning.AnyPids = true // no default, for what has one in each container
	return resources(all, pod.AllowUnenforcedLimits, host)
}

// CheckPodLimits refuses limits of a whole pod that cannot be enforced here.
func (r *Runtime) CheckPodLimits(pod *spec.Pod) error {
	limits, err := podLimits(pod, r.host)
	switch {
	case err != nil || limits == nil:
		return err
	case r.manager != ManagerCgroupfs || r.PodCgroup(pod.ID, pod.Cgroup) == "":
		return fmt.Errorf("%w: limits of a whole pod need the cgroup manager cgroupfs and a cgroup of the pod's own: choose it with --cgroup-manager, or limit the containers", spec.ErrConfig)
	case limits.BlockIO != nil || len(limits.Unified) > 0:
		return fmt.Errorf("%w: limits of a whole pod are of memory, CPU and processes: limit the containers' devices", spec.ErrConfig)
	}
	return nil
}

// LimitPod makes a pod's cgroup, which its containers' lie in, and limits it.
func (r *Runtime) LimitPod(pod *spec.Pod, place spec.CgroupPlace) error {
	limits, err := podLimits(pod, r.host)
	if err != nil || limits == nil {
		return err
	}
	folder := r.PodCgroup(pod.ID, place)
	if r.host.Cgroups.Unified {
		err = r.limitUnified(folder, limits)
	} else {
		err = r.limitLegacy(folder, limits)
	}
	if err != nil {
		return fmt.Errorf("limit the pod's cgroup: %w", err)
	}
	return nil
}

func (r *Runtime) limitUnified(folder string, limits *specs.LinuxResources) error {
	dir := cgroupRoot
	for part := range strings.SplitSeq(strings.Trim(folder, "/"), "/") {
		for _, name := range r.host.Cgroups.Names { // a cgroup has what the one above hands down
			_ = enable(dir, name)
		}
		dir = filepath.Join(dir, part)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	values := map[string]string{}
	if m := limits.Memory; m != nil {
		set(values, "memory.max", m.Limit)
		set(values, "memory.low", m.Reservation)
		if m.Swap != nil && m.Limit != nil && *m.Swap >= 0 { // there it is swap alone
			swap := *m.Swap - *m.Limit
			set(values, "memory.swap.max", &swap)
		}
	}
	if c := limits.CPU; c != nil {
		if c.Shares != nil {
			values["cpu.weight"] = strconv.FormatUint(1+(max(*c.Shares, minShares)-minShares)*9999/(maxShares-minShares), 10)
		}
		if c.Quota != nil || c.Period != nil {
			values["cpu.max"] = quotaOf(c, "max") + " " + periodOf(c)
		}
		setText(values, "cpuset.cpus", c.Cpus)
		setText(values, "cpuset.mems", c.Mems)
	}
	if limits.Pids != nil {
		set(values, "pids.max", limits.Pids.Limit)
	}
	return writeAll(dir, values)
}

func (r *Runtime) limitLegacy(folder string, limits *specs.LinuxResources) error {
	values := map[string]map[string]string{"memory": {}, "cpu": {}, "cpuset": {}, "pids": {}}
	if m := limits.Memory; m != nil {
		set(values["memory"], "memory.limit_in_bytes", m.Limit)
		set(values["memory"], "memory.soft_limit_in_bytes", m.Reservation)
	}
	if c := limits.CPU; c != nil {
		if c.Shares != nil {
			values["cpu"]["cpu.shares"] = strconv.FormatUint(*c.Shares, 10)
		}
		if c.Quota != nil || c.Period != nil {
			values["cpu"]["cpu.cfs_period_us"], values["cpu"]["cpu.cfs_quota_us"] = periodOf(c), quotaOf(c, "-1")
		}
		setText(values["cpuset"], "cpuset.cpus", c.Cpus)
		setText(values["cpuset"], "cpuset.mems", c.Mems)
	}
	if limits.Pids != nil {
		set(values["pids"], "pids.max", limits.Pids.Limit)
	}
	var errs []error
	for controller, files := range values {
		mount, ok := r.host.Cgroups.Mounts[controller]
		if !ok || len(files) == 0 {
			continue
		}
		dir := mount
		for part := range strings.SplitSeq(strings.Trim(folder, "/"), "/") {
			dir = filepath.Join(dir, part)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			if controller == "cpuset" {
				errs = append(errs, inheritCpuset(dir))
			}
		}
		errs = append(errs, writeAll(dir, files))
		if m := limits.Memory; controller == "memory" && m != nil && m.Swap != nil && *m.Swap >= 0 { // after the limit, which it must not be below
			errs = append(errs, writeAll(dir, map[string]string{"memory.memsw.limit_in_bytes": strconv.FormatInt(*m.Swap, 10)}))
		}
	}
	return errors.Join(errs...)
}

// inheritCpuset gives a new cpuset its parent's: empty, it takes no process.
func inheritCpuset(dir string) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		own, err := readWords(filepath.Join(dir, file))
		if err != nil || len(own) > 0 {
			return err
		}
		parents, err := readWords(filepath.Join(filepath.Dir(dir), file))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, file), []byte(strings.Join(parents, "")), 0); err != nil {
			return err
		}
	}
	return nil
}

func quotaOf(c *specs.LinuxCPU, none string) string {
	if c.Quota == nil || *c.Quota <= 0 {
		return none
	}
	return strconv.FormatInt(*c.Quota, 10)
}

func periodOf(c *specs.LinuxCPU) string {
	if c.Period == nil || *c.Period == 0 {
		return strconv.Itoa(cpuPeriod)
	}
	return strconv.FormatUint(*c.Period, 10)
}

func set(values map[string]string, file string, value *int64) {
	if value != nil {
		values[file] = strconv.FormatInt(*value, 10)
	}
}

func setText(values map[string]string, file, value string) {
	if value != "" {
		values[file] = value
	}
}

func writeAll(dir string, values map[string]string) error {
	var errs []error
	for file, value := range values {
		errs = append(errs, os.WriteFile(filepath.Join(dir, file), []byte(value), 0))
	}
	return errors.Join(errs...)
}
