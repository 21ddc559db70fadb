package oci

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"berth/engine/spec"
	"berth/internal/hostexec"
)

// Kill signals a container's first process, or with all every process of it.
// A container that does not run is ErrNotRunning.
func (r *Runtime) Kill(_ context.Context, c Container, sig syscall.Signal, all bool) error {
	record, created, err := readRecord(c)
	if err != nil {
		return err
	}
	if !created {
		return ErrNotRunning
	}
	if all {
		return r.killAll(c, sig)
	}
	err = record.Init.Signal(sig)
	if errors.Is(err, os.ErrProcessDone) {
		return ErrNotRunning
	}
	if err == nil && sig == syscall.SIGKILL {
		// Nothing frozen dies on cgroup v1.
		return r.thaw(c)
	}
	return err
}

// killAll signals every process in the container's cgroup.
func (r *Runtime) killAll(c Container, sig syscall.Signal) error {
	if c.CgroupPath == "" { // the first process's end is all that can be had
		return r.Kill(context.Background(), c, sig, false)
	}
	dir, ok := r.processFolder(c)
	if !ok {
		return ErrNotRunning
	}
	if sig != syscall.SIGKILL {
		return signalCgroup(dir, sig)
	}
	return errors.Join(killCgroup(dir), r.thaw(c))
}

// processFolder is the one cgroup folder that lists all of a container's processes.
func (r *Runtime) processFolder(c Container) (string, bool) {
	cgroups := r.host.Cgroups
	folder := cgroupFolder(c.CgroupPath)
	if cgroups.Unified {
		dir := cgroupRoot + folder
		return dir, exists(dir)
	}
	for _, name := range []string{"pids", "freezer", "memory", "cpu", "devices", "systemd", "unified"} {
		if mount, ok := cgroups.Mounts[name]; ok && exists(mount+folder) {
			return mount + folder, true
		}
	}
	return "", false
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

var errNotPausable = errors.New("no cgroup that can freeze it")

// Pause freezes a container's processes.
func (r *Runtime) Pause(_ context.Context, c Container) error { return r.freeze(c, true) }

// Unpause lets them go on.
func (r *Runtime) Unpause(_ context.Context, c Container) error { return r.freeze(c, false) }

// Hold freezes a container's processes until release, or until we end: a helper
// that waits for either lets them go on, were we killed.
func (r *Runtime) Hold(c Container) (release func() error, err error) {
	path, values, ok := r.freezer(c)
	if !ok {
		return nil, fmt.Errorf("%w: %w", spec.ErrConfig, errNotPausable)
	}
	in, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	// Nobody else has the writing end: reading ends when it is closed, by whatever.
	helper, err := hostexec.Start(hostexec.Cmd{
		Path: "sh", Args: []string{"-c", `cat >/dev/null; echo "$1" 2>/dev/null >"$2"`, "sh", values[0], path}, Stdin: in, Session: true,
	})
	_ = in.Close()
	if err != nil {
		return nil, errors.Join(err, out.Close())
	}
	release = func() error {
		err := r.freeze(c, false)
		if errors.Is(err, ErrNotRunning) {
			err = nil // it was ended meanwhile
		}
		closed := out.Close()
		_ = helper.Wait() // what it could not do is done, or not to be done any more
		return errors.Join(err, closed)
	}
	if err := r.freeze(c, true); err != nil {
		return nil, errors.Join(err, release())
	}
	return release, nil
}

func (r *Runtime) thaw(c Container) error {
	if r.host.Cgroups.Unified || !r.frozen(c) {
		return nil
	}
	return r.freeze(c, false)
}

func (r *Runtime) freeze(c Container, on bool) error {
	path, values, ok := r.freezer(c)
	if !ok {
		return fmt.Errorf("%w: %w", spec.ErrConfig, errNotPausable)
	}
	value := values[0]
	if on {
		value = values[1]
	}
	err := os.WriteFile(path, []byte(value), 0)
	if gone(err) {
		return ErrNotRunning
	}
	return err
}

// freezer is the file that freezes a container and what it holds: thawed, frozen.
func (r *Runtime) freezer(c Container) (path string, values [2]string, ok bool) {
	if c.CgroupPath == "" {
		return "", values, false
	}
	folder := cgroupFolder(c.CgroupPath)
	if r.host.Cgroups.Unified {
		return cgroupRoot + folder + "/cgroup.freeze", [2]string{"0", "1"}, true
	}
	mount, ok := r.host.Cgroups.Mounts["freezer"]
	return mount + folder + "/freezer.state", [2]string{"THAWED", "FROZEN"}, ok
}

func (r *Runtime) frozen(c Container) bool {
	path, values, ok := r.freezer(c)
	if !ok {
		return false
	}
	words, err := readWords(path)
	if err != nil || len(words) != 1 {
		return false
	}
	return words[0] != values[0]
}
