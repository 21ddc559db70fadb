package oci

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/internal/atomicfile"
)

// Cgroup managers.
const (
	ManagerCgroupfs = "cgroupfs"
	ManagerSystemd  = "systemd"
)

const (
	cgroupRoot = "/sys/fs/cgroup"
	// defaultCgroup names the folder, or slice, of all that is ours.
	defaultCgroup = "berth"
)

// Controllers says what cgroups this host has.
type Controllers struct {
	// Unified is cgroup v2 alone. A host with v1 controllers is not, whatever
	// it has beside them.
	Unified bool
	// Names are the controllers a container can be limited by.
	Names []string
	// Swap: a memory limit can cover swap, too.
	Swap bool
	// Quota: the cpu controller can enforce a limit, not only weigh.
	Quota bool
	// Mounts are the v1 hierarchies, by controller; "systemd" and "unified" may be among them.
	Mounts map[string]string
}

// Has reports whether a controller is there.
func (c Controllers) Has(name string) bool { return slices.Contains(c.Names, name) }

// readControllers observes this host's cgroups.
func readControllers() (Controllers, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(cgroupRoot, &st); err != nil {
		return Controllers{}, fmt.Errorf("no cgroups on this host: %s: %w", cgroupRoot, err)
	}
	if st.Type == unix.CGROUP2_SUPER_MAGIC {
		return unifiedControllers(cgroupRoot)
	}
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return Controllers{}, err
	}
	defer f.Close()
	return legacyControllers(bufio.NewScanner(f))
}

// unifiedControllers turns on what is not: that a controller is listed does not
// mean that it can be handed down. Where systemd runs that is systemd's to do.
func unifiedControllers(root string) (Controllers, error) {
	names, err := readWords(filepath.Join(root, "cgroup.controllers"))
	if err != nil {
		return Controllers{}, fmt.Errorf("read cgroup controllers: %w", err)
	}
	c := Controllers{Unified: true}
	enabled, err := readWords(filepath.Join(root, "cgroup.subtree_control"))
	if err != nil {
		return Controllers{}, fmt.Errorf("read cgroup controllers: %w", err)
	}
	for _, name := range names {
		// Only those a limit of ours needs: what is handed down is taken from v1.
		wanted := slices.Contains([]string{"cpu", "cpuset", "io", "memory", "pids"}, name)
		if slices.Contains(enabled, name) || wanted && (systemdRuns() || enable(root, name) == nil) {
			c.Names = append(c.Names, name)
		}
	}
	c.Quota = c.Has("cpu")
	// The root has no memory.swap.max; any child tells.
	found, _ := filepath.Glob(filepath.Join(root, "*", "memory.swap.max"))
	c.Swap = c.Has("memory") && len(found) > 0
	return c, nil
}

// legacyControllers reads which v1 hierarchies are mounted where.
func legacyControllers(mountinfo *bufio.Scanner) (Controllers, error) {
	c := Controllers{Mounts: map[string]string{}}
	for mountinfo.Scan() {
		// "36 35 98:0 /root /mount/point opts… - cgroup source superopts" (proc(5))
		before, after, ok := strings.Cut(mountinfo.Text(), " - ")
		fields, tail := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(tail) < 3 {
			continue
		}
		switch tail[0] {
		case "cgroup2":
			c.Mounts["unified"] = fields[4]
		case "cgroup":
			for _, option := range strings.Split(tail[2], ",") {
				option = strings.TrimPrefix(option, "name=")
				if slices.Contains(legacyNames(), option) {
					c.Mounts[option] = fields[4]
				}
			}
		}
	}
	if err := mountinfo.Err(); err != nil {
		return Controllers{}, err
	}
	for _, name := range legacyNames() {
		if _, ok := c.Mounts[name]; ok && name != "systemd" {
			c.Names = append(c.Names, name)
		}
	}
	c.Swap = anyFile(c.Mounts["memory"], "memory.memsw.limit_in_bytes")
	c.Quota = anyFile(c.Mounts["cpu"], "cpu.cfs_quota_us")
	return c, nil
}

func legacyNames() []string {
	return []string{"blkio", "cpu", "cpuacct", "cpuset", "devices", "freezer", "hugetlb", "memory", "net_cls", "net_prio", "perf_event", "pids", "systemd"}
}

// anyFile reports whether a hierarchy has a file, in its root or one below:
// the root lacks some.
func anyFile(mount, name string) bool {
	if mount == "" {
		return false
	}
	for _, pattern := range []string{filepath.Join(mount, name), filepath.Join(mount, "*", name)} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return true
		}
	}
	return false
}

// enable hands a controller down to the children of a cgroup.
func enable(dir, controller string) error {
	return os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0)
}

func readWords(path string) ([]string, error) {
	data, err := atomicfile.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return strings.Fields(string(data)), nil
}

// systemdRuns reports whether systemd manages this host (sd_booted(3)).
func systemdRuns() bool {
	info, err := os.Lstat("/run/systemd/system")
	return err == nil && info.IsDir()
}

// unitName is a pod's ID as it stands in a slice's name, where a dash would
// make a parent.
func unitName(id spec.PodID) string { return strings.ReplaceAll(id.UID(), "-", "_") }

// CgroupPath is what a runtime is told of where a container's cgroup goes: a
// path, or "slice:prefix:name" under systemd.
func (r *Runtime) CgroupPath(pod spec.PodID, id spec.ContainerID) string {
	if r.manager == ManagerSystemd {
		return r.cgroup + "-pod" + unitName(pod) + ".slice:berth:" + string(id)
	}
	return "/" + r.cgroup + "/pod" + pod.UID() + "/" + string(id)
}

// PodCgroup is the folder of a pod's cgroups below each hierarchy.
func (r *Runtime) PodCgroup(pod spec.PodID) string {
	if r.manager == ManagerSystemd {
		return "/" + r.cgroup + ".slice/" + r.cgroup + "-pod" + unitName(pod) + ".slice"
	}
	return "/" + r.cgroup + "/pod" + pod.UID()
}

// CgroupFolder is where a container's cgroup lies below each hierarchy.
func (c Container) CgroupFolder() string { return cgroupFolder(c.CgroupPath) }

// cgroupFolder turns a CgroupPath into the folder below each hierarchy.
func cgroupFolder(path string) string {
	slice, rest, ok := strings.Cut(path, ":")
	if !ok {
		return path
	}
	prefix, name, _ := strings.Cut(rest, ":")
	return sliceFolder(slice) + "/" + prefix + "-" + name + ".scope"
}

// sliceFolder is where systemd puts a slice: "a-b.slice" lies in "a.slice"
// (systemd.slice(5)).
func sliceFolder(slice string) string {
	name := strings.TrimSuffix(slice, ".slice")
	path := ""
	for i := range name {
		if name[i] == '-' {
			path += "/" + name[:i] + ".slice"
		}
	}
	return path + "/" + slice
}

// folders are the places on this host of a cgroup, one for each hierarchy.
func (c Controllers) folders(path string) []string {
	if c.Unified {
		return []string{filepath.Join(cgroupRoot, path)}
	}
	var list []string
	for _, mount := range c.Mounts {
		list = append(list, filepath.Join(mount, path))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// cgroupProcesses are the PIDs in a cgroup and those below it.
func cgroupProcesses(dir string) ([]int, error) {
	var pids []int
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if gone(err) {
			return nil
		}
		if err != nil || !entry.IsDir() {
			return err
		}
		words, err := readWords(filepath.Join(path, "cgroup.procs"))
		if err != nil && !gone(err) {
			return err
		}
		for _, word := range words {
			if pid, err := strconv.Atoi(word); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
		return nil
	})
	return pids, err
}

// gone reports an object that has vanished: a folder, or a cgroup being removed.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV)
}
