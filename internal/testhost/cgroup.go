package testhost

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// leaf is a cgroup below the host's own: a v2 cgroup with processes of its own
// cannot hand controllers to others.
const leaf = "init"

// leaf is where the host's processes start, below its own v2 cgroup.
func (c config) leaf() string {
	if c.Cgroup == V1 {
		return "" // no controllers to hand down
	}
	return leaf
}

// bare is a v2 cgroup without controllers, below the host's own.
const bare = "bare"

// group is a host's cgroup in one hierarchy of the machine.
type group struct {
	Path    string // on the machine
	Target  string // where the host mounts the hierarchy
	Options string // its mount options; "" for v2
}

func (g group) v2() bool { return g.Options == "" }

// hierarchy is a cgroup hierarchy as the machine mounts it.
type hierarchy struct{ mount, options string }

// makeGroups makes a host's cgroups. What it returns is to be removed, also
// when it fails.
func makeGroups(version Cgroup, name string) ([]group, error) {
	trees, err := hierarchies()
	if err != nil {
		return nil, err
	}
	own, err := ownGroups()
	if err != nil {
		return nil, err
	}
	withdraw(trees)
	var groups []group
	v1 := 0
	for _, tree := range trees {
		g := group{Options: tree.options}
		switch {
		case g.v2() && version == V2:
			g.Target = "/sys/fs/cgroup"
			g.Path = filepath.Join(tree.mount, name)
			delegate(tree.mount)
		case g.v2():
			// Runtimes refuse a v2 tree beside v1 that has controllers. Below a cgroup that
			// hands none down there are none, whatever the machine leaves to v2.
			g.Target = "/sys/fs/cgroup/unified"
			g.Path = filepath.Join(tree.mount, name, bare)
		case version == V1:
			v1++
			g.Target = filepath.Join("/sys/fs/cgroup", filepath.Base(tree.mount))
			g.Path = filepath.Join(tree.mount, own[tree.options], name)
		default:
			continue
		}
		groups = append(groups, g)
		if err := os.MkdirAll(g.Path, 0o755); err != nil {
			return groups, fmt.Errorf("make the host's cgroup: %w", err)
		}
		if err := fillCpuset(g.Path); err != nil {
			return groups, err
		}
		if g.v2() {
			if err := os.Mkdir(filepath.Join(g.Path, leaf), 0o755); err != nil {
				return groups, fmt.Errorf("make the host's cgroup: %w", err)
			}
		}
	}
	if version == V1 && v1 == 0 {
		return groups, errors.New("this machine has no cgroup v1 controllers")
	}
	return groups, nil
}

// delegate turns controllers on for the children of a v2 cgroup, as far as they can be.
func delegate(dir string) {
	for _, name := range []string{"cpu", "memory", "pids", "io", "cpuset"} {
		// One that is absent, or refused here, is missing on the host: it says so itself.
		_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+name), 0)
	}
}

// withdraw takes back, on a machine that has v1 hierarchies, the controllers
// that something handed down in the v2 tree: runtimes refuse a v2 tree beside v1
// that still has some. Those in use stay, and the host says so itself.
func withdraw(trees []hierarchy) {
	legacy := slices.ContainsFunc(trees, func(t hierarchy) bool { return t.options != "" })
	for _, t := range trees {
		if !legacy || t.options != "" {
			continue
		}
		control := filepath.Join(t.mount, "cgroup.subtree_control")
		handed, _ := os.ReadFile(control)
		for _, name := range strings.Fields(string(handed)) {
			_ = os.WriteFile(control, []byte("-"+name), 0)
		}
	}
}

// fillCpuset gives a v1 cpuset its parent's: a new one is empty and takes no process.
func fillCpuset(dir string) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		if _, err := os.Stat(filepath.Join(dir, "cpuset.cpu_exclusive")); err != nil {
			return nil // not a v1 cpuset
		}
		data, err := os.ReadFile(filepath.Join(filepath.Dir(dir), file))
		if err != nil {
			return fmt.Errorf("read the machine's cpuset: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), data, 0); err != nil {
			return fmt.Errorf("fill the host's cpuset: %w", err)
		}
	}
	return nil
}

// joinGroups moves this process into the host's cgroups, or into their leaf.
func joinGroups(groups []group, below string) error {
	for _, g := range groups {
		dir := g.Path
		if g.v2() {
			dir = filepath.Join(dir, below)
		}
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0); err != nil {
			return fmt.Errorf("enter the host's cgroup: %w", err)
		}
	}
	return nil
}

// removeGroups removes cgroups and what is below them. The kernel may still be
// busy with processes that have just been killed: it gets two seconds.
func removeGroups(groups []group) error {
	var errs []error
	for _, g := range groups {
		deadline := time.Now().Add(2 * time.Second)
		dir := g.Path
		if filepath.Base(dir) == bare {
			dir = filepath.Dir(dir)
		}
		err := removeTree(dir)
		for errors.Is(err, unix.EBUSY) && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond)
			err = removeTree(dir)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func removeTree(dir string) error {
	var dirs []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return nil // what goes away meanwhile need not be removed
	})
	for i := len(dirs) - 1; i >= 0; i-- {
		if rm := os.Remove(dirs[i]); rm != nil && !errors.Is(rm, fs.ErrNotExist) {
			err = errors.Join(err, rm)
		}
	}
	return err
}

// mountGroups mounts the host's hierarchies below root. The calling thread is in
// the host's cgroup namespace, so their roots are the host's cgroups.
func mountGroups(groups []group, version Cgroup, root string) error {
	top := filepath.Join(root, "/sys/fs/cgroup")
	if version == V1 {
		if err := mount("tmpfs", top, "tmpfs", 0, "mode=755"); err != nil {
			return err
		}
	}
	for _, g := range groups {
		target := filepath.Join(root, g.Target)
		if target != top {
			if err := os.MkdirAll(target, 0o755); err != nil {
				return fmt.Errorf("mount a cgroup tree: %w", err)
			}
		}
		kind := "cgroup"
		if g.v2() {
			kind = "cgroup2"
		}
		if err := mount(kind, target, kind, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, g.Options); err != nil {
			return err
		}
	}
	return nil
}

// hierarchies are the cgroup trees of this machine.
func hierarchies() ([]hierarchy, error) {
	mounts, err := readMounts("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var trees []hierarchy
	for _, m := range mounts {
		var tree hierarchy
		switch m.kind {
		case "cgroup2":
			tree = hierarchy{mount: m.point}
		case "cgroup":
			tree = hierarchy{mount: m.point, options: controllers(m.superOptions)}
		default:
			continue
		}
		if !seen[tree.options] {
			seen[tree.options] = true
			trees = append(trees, tree)
		}
	}
	return trees, nil
}

// controllers keeps, of a v1 mount's options, those that say which hierarchy it is.
func controllers(options string) string {
	var kept []string
	for _, o := range strings.Split(options, ",") {
		switch {
		case strings.HasPrefix(o, "name="):
			kept = append(kept, "none", o)
		case o == "rw", o == "ro", o == "xattr", o == "clone_children", o == "noprefix", o == "cpuset_v2_mode",
			strings.HasPrefix(o, "release_agent="):
		default:
			kept = append(kept, o)
		}
	}
	return strings.Join(kept, ",")
}

// ownGroups is our place in each v1 hierarchy, by its mount options.
func ownGroups() (map[string]string, error) {
	f, err := os.Open("/proc/self/cgroup")
	if err != nil {
		return nil, fmt.Errorf("find our own cgroups: %w", err)
	}
	defer f.Close()
	own := map[string]string{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if parts := strings.SplitN(lines.Text(), ":", 3); len(parts) == 3 {
			own[controllers(parts[1])] = parts[2]
		}
	}
	return own, lines.Err()
}
