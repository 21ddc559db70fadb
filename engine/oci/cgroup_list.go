package oci

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"berth/engine/spec"
)

// Cgroup is a cgroup of ours: a pod's, or that of one container's conmon.
type Cgroup struct {
	Path   string           // below each hierarchy
	PodUID string           // of a pod's
	Conmon spec.ContainerID // of a conmon's
	remove func(context.Context, string) error
}

// Remove kills what is in the cgroup and removes it; gone is success.
func (c Cgroup) Remove(ctx context.Context) error { return c.remove(ctx, c.Path) }

// Cgroups lists the cgroups of pods and conmons there are, each once however
// many hierarchies have it.
func (r *Runtime) Cgroups() ([]Cgroup, error) {
	seen := map[string]Cgroup{}
	for _, root := range r.hierarchies() {
		for _, parent := range []string{"/" + r.cgroup, "/" + r.cgroup + "/conmon", "/" + r.cgroup + ".slice"} {
			entries, err := os.ReadDir(root + parent)
			if os.IsNotExist(err) {
				continue
			}
			if err != nil {
				return nil, err
			}
			for _, e := range entries {
				if c := cgroupOf(parent, e.Name(), r.cgroup); e.IsDir() && (c.PodUID != "" || c.Conmon != "") {
					c.remove = r.removeCgroup
					seen[c.Path] = c
				}
			}
		}
	}
	list := make([]Cgroup, 0, len(seen))
	for _, c := range seen {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Cgroup) int { return strings.Compare(a.Path, b.Path) })
	return list, nil
}

// hierarchies are the folders cgroups lie in.
func (r *Runtime) hierarchies() []string {
	if r.host.Cgroups.Unified {
		return []string{cgroupRoot}
	}
	var roots []string
	for _, mount := range r.host.Cgroups.Mounts {
		roots = append(roots, mount)
	}
	return roots
}

// cgroupOf reads whose cgroup a folder is by its name.
func cgroupOf(parent, name, ours string) Cgroup {
	c := Cgroup{Path: filepath.Join(parent, name)}
	if parent == "/"+ours+"/conmon" {
		c.Conmon = spec.ContainerID(name)
		return c
	}
	if id, ok := strings.CutPrefix(name, "berth-conmon-"); ok {
		c.Conmon = spec.ContainerID(strings.TrimSuffix(id, ".scope"))
		return c
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, ours+"-"), ".slice")
	if uid, ok := strings.CutPrefix(name, "pod"); ok {
		c.PodUID = strings.ReplaceAll(uid, "_", "-")
	}
	return c
}
