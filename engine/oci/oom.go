package oci

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// wasOOMKilled reports whether the kernel killed processes of a container that
// has ended for memory: conmon saw it, the cgroup, while it is there, counts it,
// or the pod's does.
//
// systemd removes a scope that is empty, and conmon is told of a kill up to 10 ms
// late (cgroup_file_notify): it may find the counter gone. The pod's cgroup
// stays, and its counter has the kills of those below it, gone or not
// (Documentation/admin-guide/cgroup-v2.rst, memory.events).
func (r *Runtime) wasOOMKilled(c Container, record processRecord, code int) bool {
	if exists(c.path("oom")) {
		return true
	}
	if c.CgroupPath == "" {
		return false
	}
	folder := cgroupFolder(c.CgroupPath)
	if !r.host.Cgroups.Unified {
		mount, ok := r.host.Cgroups.Mounts["memory"]
		return ok && countIn(filepath.Join(mount, folder, "memory.oom_control"), "oom_kill") > 0
	}
	pod := filepath.Join(cgroupRoot, filepath.Dir(folder))
	return oomKills(filepath.Join(cgroupRoot, folder)) > 0 || code == exitKilled && unclaimedKills(pod) > record.OOMKills
}

// exitKilled is the exit code of a process that SIGKILL ended.
const exitKilled = 128 + int(unix.SIGKILL)

// podOOMKills is what a pod's cgroup counts when a container of it is created.
func (r *Runtime) podOOMKills(c Container) int64 {
	if c.CgroupPath == "" || !r.host.Cgroups.Unified {
		return 0
	}
	return oomKills(filepath.Join(cgroupRoot, filepath.Dir(cgroupFolder(c.CgroupPath))))
}

// unclaimedKills are those a pod's cgroup counts and none that is still in it does.
func unclaimedKills(pod string) int64 {
	kills := oomKills(pod)
	containers, _ := os.ReadDir(pod) // none: nothing to take off
	for _, container := range containers {
		kills -= oomKills(filepath.Join(pod, container.Name()))
	}
	return kills
}

// oomKills counts the processes in a cgroup of v2 and below it that were killed for memory.
func oomKills(dir string) int64 { return countIn(filepath.Join(dir, "memory.events"), "oom_kill") }

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
