package oci

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"berth/engine/spec"
)

// conmonFolder is the cgroup of a container's conmon under the cgroupfs manager.
func (r *Runtime) conmonFolder(id spec.ContainerID) string {
	return "/" + r.cgroup + "/conmon/" + string(id)
}

func conmonScope(id spec.ContainerID) string { return "berth-conmon-" + string(id) + ".scope" }

// conmonStays reports whether a conmon is left in the cgroup of whoever starts it.
func conmonStays(place spec.CgroupPlace) bool {
	return place.Mode == spec.CgroupsNoConmon || place.Mode == spec.CgroupsDisabled
}

// conmonCgroup makes the cgroup v2 folder conmon is born into; nil where it is
// moved after its start, or stays.
func (r *Runtime) conmonCgroup(c Container) (*os.File, error) {
	if conmonStays(c.Place) || r.managerOf(c.Place) == ManagerSystemd || !r.host.Cgroups.Unified {
		return nil, nil
	}
	dir := filepath.Join(cgroupRoot, r.conmonFolder(c.ID))
	if c.Place.Mode == spec.CgroupsSplit {
		dir = filepath.Join(cgroupRoot, supervisorFolder(c.Place))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make conmon's cgroup: %w", err)
	}
	return os.Open(dir)
}

// adoptConmon moves a conmon that waits on its start pipe out of our cgroup.
func (r *Runtime) adoptConmon(ctx context.Context, c Container, pid int) error {
	switch {
	case conmonStays(c.Place), c.Place.Mode == spec.CgroupsSplit: // with split we are in the supervisor's ourselves
		return nil
	case r.manager == ManagerSystemd:
		return startScope(ctx, conmonScope(c.ID), r.cgroup+".slice", "berth container monitor "+c.ID.Short(), pid)
	case r.host.Cgroups.Unified:
		return nil
	}
	for _, dir := range r.conmonFolders(c.ID) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make conmon's cgroup: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0); err != nil {
			return fmt.Errorf("move conmon to its cgroup: %w", err)
		}
	}
	return nil
}

// conmonFolders are the v1 hierarchies by which a service manager or a limit
// of the caller's could reach conmon.
func (r *Runtime) conmonFolders(id spec.ContainerID) []string {
	var dirs []string
	for _, name := range []string{"systemd", "unified", "memory", "pids", "cpu", "freezer"} {
		if mount, ok := r.host.Cgroups.Mounts[name]; ok {
			dirs = append(dirs, filepath.Join(mount, r.conmonFolder(id)))
		}
	}
	return dirs
}

// removeConmonCgroup removes conmon's cgroup with all that is still in it; a
// scope goes by itself, and what others are in stays.
func (r *Runtime) removeConmonCgroup(ctx context.Context, c Container) error {
	switch {
	case conmonStays(c.Place), c.Place.Mode == spec.CgroupsSplit:
		return nil
	case r.manager == ManagerSystemd:
		return r.removeCgroup(ctx, "/"+r.cgroup+".slice/"+conmonScope(c.ID))
	}
	return r.removeCgroup(ctx, r.conmonFolder(c.ID))
}
