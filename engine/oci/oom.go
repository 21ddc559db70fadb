package oci

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// WasOOMKilled reports whether the kernel killed processes of a container for
// memory: conmon saw it, or the cgroup, while it is there, counts it.
func (r *Runtime) WasOOMKilled(c Container) bool {
	if exists(c.path("oom")) {
		return true
	}
	if c.CgroupPath == "" {
		return false
	}
	folder := cgroupFolder(c.CgroupPath)
	if r.host.Cgroups.Unified {
		return countIn(filepath.Join(cgroupRoot, folder, "memory.events"), "oom_kill") > 0
	}
	mount, ok := r.host.Cgroups.Mounts["memory"]
	return ok && countIn(filepath.Join(mount, folder, "memory.oom_control"), "oom_kill") > 0
}

// countIn reads a counter of a cgroup file of "name number" lines; 0 where
// there is none.
func countIn(path, name string) int64 {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	scanner := bufio.NewScanner(f)
	for scanner.Scan() {
		if key, value, ok := strings.Cut(scanner.Text(), " "); ok && key == name {
			n, _ := strconv.ParseInt(value, 10, 64)
			return n
		}
	}
	return 0
}
