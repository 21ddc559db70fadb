package oci

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/internal/atomicfile"
)

// A cgroup that is divided: each container has a part, conmons and whoever else
// was in it have another.
const (
	payloadPrefix  = "berth-payload-"
	supervisorName = "supervisor"
)

func supervisorFolder(place spec.CgroupPlace) string {
	return filepath.Join("/", place.Unit, supervisorName)
}

// Divide makes the caller's cgroup, which it was given to do with as it likes
// (Delegate= in systemd.resource-control(5)), ready to be divided, and says which
// it is: all that runs in it moves to a part of its own, since a cgroup that
// hands controllers down holds no processes (cgroup v2).
func (r *Runtime) Divide() (unit string, err error) {
	cgroups, err := ownCgroups()
	if err != nil {
		return "", err
	}
	unit = unitOf(cgroups[""])
	if !r.host.Cgroups.Unified {
		if name, ok := cgroups["name=systemd"]; ok {
			unit = unitOf(name)
		}
	}
	for controller, dir := range r.dividedFolders(cgroups, unit) {
		if err := moveAside(dir, unit == "/"); err != nil {
			return "", fmt.Errorf("divide cgroup %s: %w", dir, err)
		}
		if controller == "" && r.host.Cgroups.Unified {
			handDown(dir)
		}
	}
	return unit, nil
}

// unitOf is the cgroup to divide, where it was divided before, too.
func unitOf(own string) string {
	if path.Base(own) == supervisorName {
		return path.Dir(own)
	}
	return own
}

// dividedFolders are the folders of the unit in the hierarchies in which we are
// in it: with cgroup v1 most often only systemd's own.
func (r *Runtime) dividedFolders(cgroups map[string]string, unit string) map[string]string {
	if r.host.Cgroups.Unified {
		return map[string]string{"": filepath.Join(cgroupRoot, unit)}
	}
	dirs := map[string]string{}
	for controller, own := range cgroups {
		name := strings.TrimPrefix(controller, "name=")
		if name == "" {
			name = "unified"
		}
		if mount, ok := r.host.Cgroups.Mounts[name]; ok && unitOf(own) == unit && unit != "/" {
			dirs[controller] = filepath.Join(mount, unit)
		}
	}
	return dirs
}

// moveAside moves the processes of a cgroup into its part for supervisors; of the
// root, which may hold any, only us. One that ends meanwhile is left out.
func moveAside(dir string, root bool) error {
	to := filepath.Join(dir, supervisorName)
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	pids := []string{strconv.Itoa(os.Getpid())}
	if !root {
		var err error
		if pids, err = readWords(filepath.Join(dir, "cgroup.procs")); err != nil {
			return err
		}
	}
	for _, pid := range pids {
		err := os.WriteFile(filepath.Join(to, "cgroup.procs"), []byte(pid), 0)
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}

// handDown has a cgroup hand down the controllers that it has. One it may not
// hand down is missing where a limit needs it, and the runtime says so.
func handDown(dir string) {
	names, err := readWords(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return
	}
	for _, name := range names {
		_ = enable(dir, name)
	}
}

// ownCgroups are our cgroups by controller, as /proc/self/cgroup names them: ""
// is cgroup v2's.
func ownCgroups() (map[string]string, error) {
	data, err := atomicfile.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, fmt.Errorf("find our cgroup: %w", err)
	}
	cgroups := map[string]string{}
	scan := bufio.NewScanner(strings.NewReader(string(data)))
	for scan.Scan() { // hierarchy-ID:controller-list:cgroup-path (cgroups(7))
		parts := strings.SplitN(scan.Text(), ":", 3)
		if len(parts) != 3 || !path.IsAbs(parts[2]) || slices.Contains(strings.Split(parts[2], "/"), "..") {
			continue // ".." is outside our cgroup namespace: nothing of ours to divide
		}
		for name := range strings.SplitSeq(parts[1], ",") {
			cgroups[name] = parts[2]
		}
	}
	return cgroups, scan.Err()
}

// parentOf is a process's parent; 0 if it has ended.
func parentOf(pid int) int {
	stat, _ := procStat(pid)
	return stat.parent
}
