package oci

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"berth/internal/atomicfile"
)

// MemoryUsed is the working set, in bytes, of a cgroup below each hierarchy: what
// it uses without the file cache that the kernel can take back at once, as the
// kubelet counts. Where the kernel counts no memory for cgroups it is what the
// processes in it have resident. Of one that is gone, or is none, it is 0.
func (r *Runtime) MemoryUsed(folder string) (int64, error) {
	if folder == "" {
		return 0, nil
	}
	used, err := r.workingSet(folder)
	if !gone(err) {
		return used, err
	}
	return r.resident(folder)
}

func (r *Runtime) workingSet(folder string) (int64, error) {
	cgroups := r.host.Cgroups
	dir, total, cache := filepath.Join(cgroupRoot, folder), "memory.current", "inactive_file"
	if !cgroups.Unified {
		dir, total, cache = filepath.Join(cgroups.Mounts["memory"], folder), "memory.usage_in_bytes", "total_inactive_file"
	}
	data, err := atomicfile.ReadFile(filepath.Join(dir, total))
	if err != nil {
		return 0, err
	}
	used, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", filepath.Join(dir, total), err)
	}
	stat, err := atomicfile.ReadFile(filepath.Join(dir, "memory.stat"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(stat)) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), cache+" "); ok {
			inactive, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read %s: %w", filepath.Join(dir, "memory.stat"), err)
			}
			return max(used-inactive, 0), nil
		}
	}
	return used, nil
}

// resident adds up what the processes of a cgroup have in memory.
func (r *Runtime) resident(folder string) (int64, error) {
	var errs []error
	seen := map[int]bool{} // each process is in every hierarchy
	var sum int64
	for _, dir := range r.host.Cgroups.folders(folder) {
		pids, err := cgroupProcesses(dir)
		errs = append(errs, err)
		for _, pid := range pids {
			if seen[pid] {
				continue
			}
			seen[pid] = true
			pages, err := residentPages(pid)
			errs = append(errs, err)
			sum += pages * int64(os.Getpagesize())
		}
	}
	return sum, errors.Join(errs...)
}

// residentPages is what a process has in memory, statm's second number (proc(5)).
func residentPages(pid int) (int64, error) {
	data, err := atomicfile.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if processGone(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0, nil // it is on its way out
	}
	return strconv.ParseInt(fields[1], 10, 64)
}
