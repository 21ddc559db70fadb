package oci

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// EnsureShm mounts the /dev/shm that the containers of a pod share at path, and
// makes the folder; mounted already is success. The size is in bytes; 0: as
// everywhere, -1: no limit.
func EnsureShm(path string, size int64) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	mounted, err := isTmpfs(path)
	if err != nil || mounted {
		return err
	}
	flags := uintptr(unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NODEV)
	if err := unix.Mount("shm", path, "tmpfs", flags, strings.Join(shmOptions(size), ",")); err != nil {
		return fmt.Errorf("mount the pod's /dev/shm at %s: %w", path, err)
	}
	return nil
}

// RemoveShm unmounts and removes it; gone is success.
func RemoveShm(path string) error {
	err := unix.Unmount(path, unix.MNT_DETACH)
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("unmount %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// isTmpfs reports whether a mount of our own is at path: its parent, on
// another device, tells it from the tmpfs /run is on.
func isTmpfs(path string) (bool, error) {
	var here, above unix.Stat_t
	if err := unix.Lstat(path, &here); err != nil {
		return false, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if err := unix.Lstat(path+"/..", &above); err != nil {
		return false, &os.PathError{Op: "stat", Path: path + "/..", Err: err}
	}
	return here.Dev != above.Dev, nil
}
