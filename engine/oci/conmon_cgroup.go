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

// conmonCgroup makes the cgroup v2 folder conmon is born into; nil where it is
// moved after its start.
func (r *Runtime) conmonCgroup(id spec.ContainerID) (*os.File, error) {
	if r.manager == ManagerSystemd || !r.host.Cgroups.Unified {
		return nil, nil
	}
	dir := filepath.Join(cgroupRoot, r.conmonFolder(id))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make conmon's cgroup: %w", err)
	}
	return os.Open(dir)
}

// adoptConmon moves a conmon that waits on its start pipe out of our cgroup.
func (r *Runtime) adoptConmon(ctx context.Context, id spec.ContainerID, pid int) error {
	if r.manager == ManagerSystemd {
		return startScope(ctx, conmonScope(id), r.cgroup+".slice", "berth container monitor "+id.Short(), pid)
	}
	if r.host.Cgroups.Unified {
		return nil
	}
	for _, dir := range r.conmonFolders(id) {
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
// scope goes by itself.
func (r *Runtime) removeConmonCgroup(ctx context.Context, id spec.ContainerID) error {
	if r.manager == ManagerSystemd {
		return r.removeCgroup(ctx, "/"+r.cgroup+".slice/"+conmonScope(id))
	}
	return r.removeCgroup(ctx, r.conmonFolder(id))
}
