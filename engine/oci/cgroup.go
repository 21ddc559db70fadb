package oci

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
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
	kind, err := filesystem(cgroupRoot)
	if err != nil {
		return Controllers{}, fmt.Errorf("no cgroups on this host: %s: %w", cgroupRoot, err)
	}
	if kind == unix.CGROUP2_SUPER_MAGIC {
		return unifiedControllers(cgroupRoot)
	}
	return legacyControllers(cgroupRoot, filesystem)
}

// filesystem is the type of the file system that a folder is in, by its magic
// number (statfs(2)).
func filesystem(dir string) (int64, error) {
	var st unix.Statfs_t
	err := unix.Statfs(dir, &st)
	return int64(st.Type), err
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

// legacyControllers finds the v1 hierarchies where runtimes look for them: in a
// folder named after the controllers of each, "cpu,cpuacct". mountinfo would tell, too,
// but it has a line for every container that runs.
func legacyControllers(root string, filesystem func(dir string) (int64, error)) (Controllers, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return Controllers{}, fmt.Errorf("read cgroup controllers: %w", err)
	}
	c := Controllers{Mounts: map[string]string{}}
	for _, e := range entries {
		if !e.IsDir() { // a link to the folder of several
			continue
		}
		dir := filepath.Join(root, e.Name())
		kind, err := filesystem(dir)
		if err != nil {
			return Controllers{}, fmt.Errorf("read cgroup controllers: %w", err)
		}
		if kind == unix.CGROUP2_SUPER_MAGIC {
			c.Mounts["unified"] = dir
		}
		for name := range strings.SplitSeq(e.Name(), ",") {
			if kind == unix.CGROUP_SUPER_MAGIC && slices.Contains(legacyNames(), name) {
				c.Mounts[name] = dir
			}
		}
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

func readWords(path string) (words []string, err error) {
	err = atomicfile.Use(path, func(data []byte) error {
		words = strings.Fields(string(data))
		return nil
	})
	return words, err
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
// path, or "slice:prefix:name" under systemd; empty for one that gets none.
func (r *Runtime) CgroupPath(pod spec.PodID, id spec.ContainerID, place spec.CgroupPlace) string {
	switch {
	case place.Mode == spec.CgroupsDisabled:
		return ""
	case place.Mode == spec.CgroupsSplit:
		return filepath.Join("/", place.Unit, payloadPrefix+string(id))
	case r.manager == ManagerSystemd:
		return r.podSlice(pod, place) + ":berth:" + string(id)
	}
	return r.PodCgroup(pod, place) + "/" + string(id)
}

// PodCgroup is the folder of a pod's cgroups below each hierarchy; empty where
// they lie in none of their own.
func (r *Runtime) PodCgroup(pod spec.PodID, place spec.CgroupPlace) string {
	switch {
	case place.Mode == spec.CgroupsDisabled, place.Mode == spec.CgroupsSplit:
		return ""
	case r.manager == ManagerSystemd:
		return sliceFolder(r.podSlice(pod, place))
	}
	return filepath.Join("/", cmp.Or(place.Parent, r.cgroup), "pod"+pod.UID())
}

// podSlice is a pod's slice. The dash puts it into its parent (systemd.slice(5)).
func (r *Runtime) podSlice(pod spec.PodID, place spec.CgroupPlace) string {
	parent := strings.TrimSuffix(path.Base(cmp.Or(place.Parent, r.cgroup)), ".slice")
	return parent + "-pod" + unitName(pod) + ".slice"
}

// CheckPlace says whether a pod's cgroups can be where a person wants them.
func (r *Runtime) CheckPlace(place spec.CgroupPlace) error {
	switch {
	case place.Mode == spec.CgroupsDisabled && filepath.Base(r.runtime) != "crun":
		return fmt.Errorf("%w: only crun makes containers without a cgroup: choose it with --runtime", spec.ErrConfig)
	case place.Parent == "":
		return nil
	case r.manager == ManagerSystemd && (!strings.HasSuffix(place.Parent, ".slice") || strings.HasSuffix(place.Parent, "-.slice")):
		return fmt.Errorf("%w: cgroup parent %q: under systemd it is a slice, such as machine.slice", spec.ErrConfig, place.Parent)
	case r.manager == ManagerCgroupfs && (strings.HasSuffix(place.Parent, ".slice") || slices.Contains(strings.Split(place.Parent, "/"), "..")):
		return fmt.Errorf("%w: cgroup parent %q: without systemd it is a path below the root of the cgroups", spec.ErrConfig, place.Parent)
	}
	return nil
}

// managerOf is the manager of a container's cgroups: what a unit was given to
// divide is no business of systemd's.
func (r *Runtime) managerOf(place spec.CgroupPlace) string {
	if place.Mode == spec.CgroupsSplit {
		return ManagerCgroupfs
	}
	return r.manager
}

// CgroupFolder is where a container's cgroup lies below each hierarchy; empty
// where it has none.
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
