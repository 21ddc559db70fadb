package oci

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
)

// removalLimit is how long a cgroup's killed processes may take to be gone.
const removalLimit = 10 * time.Second

// RemovePodCgroup kills what is left in a pod's cgroups and removes them; gone
// is success.
func (r *Runtime) RemovePodCgroup(ctx context.Context, pod spec.PodID, place spec.CgroupPlace) error {
	path := r.PodCgroup(pod, place)
	if path == "" {
		return nil
	}
	err := r.removeCgroup(ctx, path)
	if r.manager == ManagerSystemd {
		err = errors.Join(err, stopUnit(ctx, filepath.Base(path)))
	}
	return err
}

// removeCgroup kills and removes a cgroup in every hierarchy.
func (r *Runtime) removeCgroup(ctx context.Context, path string) error {
	if path == "" || path == "/" {
		return fmt.Errorf("remove cgroup %q: not one of ours", path)
	}
	var errs []error
	for _, dir := range r.host.Cgroups.folders(path) {
		if err := removeCgroupFolder(ctx, dir); err != nil {
			errs = append(errs, fmt.Errorf("remove cgroup %s: %w", dir, err))
		}
	}
	return errors.Join(errs...)
}

// removeCgroupFolder removes a cgroup and those below it. A cgroup can only be
// removed once its last process has been reaped, which no event tells on v1.
func removeCgroupFolder(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removalLimit)
	defer cancel()
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		err := rmdirAll(dir)
		if !errors.Is(err, unix.EBUSY) {
			return err
		}
		if err := killCgroup(dir); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("its processes do not end: %w", err)
		case <-time.After(wait):
		}
	}
}

// rmdirAll removes a tree of cgroups from the leaves up.
func rmdirAll(dir string) error {
	var dirs []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if gone(err) {
			return nil
		}
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.Reverse(dirs)
	for _, d := range dirs {
		if err := unix.Rmdir(d); err != nil && !gone(err) {
			return err
		}
	}
	return nil
}

// killCgroup sends SIGKILL to all processes of a cgroup, by cgroup.kill where
// there is one (cgroup v2, Linux 5.14). On v1 a frozen one is thawed: nothing
// frozen dies.
func killCgroup(dir string) error {
	err := os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0)
	if err == nil {
		return nil
	}
	if !gone(err) && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if strings.Contains(dir, "/freezer/") {
		_ = os.WriteFile(filepath.Join(dir, "freezer.state"), []byte("THAWED"), 0)
	}
	return signalCgroup(dir, syscall.SIGKILL)
}

// signalCgroup signals each process of a cgroup.
func signalCgroup(dir string, sig syscall.Signal) error {
	pids, err := cgroupProcesses(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, pid := range pids {
		// In between the PID may have become another process's: pin it, then
		// see whether the cgroup still has it.
		p, err := FindProcess(pid)
		if errors.Is(err, os.ErrProcessDone) {
			continue
		}
		if err == nil {
			err = signalMember(p, dir, sig)
		}
		if err != nil && !errors.Is(err, os.ErrProcessDone) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func signalMember(p Process, dir string, sig syscall.Signal) error {
	f, err := p.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	pids, err := cgroupProcesses(dir)
	if err != nil {
		return err
	}
	if !slices.Contains(pids, p.Pid) {
		return os.ErrProcessDone
	}
	if err := unix.PidfdSendSignal(int(f.Fd()), sig, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("signal process %d: %w", p.Pid, err)
	}
	return nil
}
