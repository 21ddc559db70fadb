package volume

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// mostStacked bounds how many mounts may lie on top of each other.
const mostStacked = 64

// Unmount takes every mount off path, with what is mounted below it; none is
// success. What a bind mount was made from keeps its own mounts.
func Unmount(path string) error {
	for range mostStacked {
		if err := keepBelow(path); err != nil {
			return fmt.Errorf("unmount %s: %w", path, err)
		}
		switch err := unix.Unmount(path, unix.UMOUNT_NOFOLLOW); {
		case err == nil:
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT):
			return nil
		case errors.Is(err, unix.EBUSY):
			if err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
				return fmt.Errorf("unmount %s: %w", path, err)
			}
		default:
			return fmt.Errorf("unmount %s: %w", path, err)
		}
	}
	return fmt.Errorf("unmount %s: too many mounts on top of each other", path)
}

// keepBelow ends the sharing of mount events between what is mounted on path
// and what it was made from. A recursive bind mount of a part of the host is its
// peer: unmounting what lies below the copy would unmount it on the host, too
// (mount_namespaces(7)).
func keepBelow(path string) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESTALE) || errors.Is(err, unix.EIO) {
		return nil // nothing there, or a dead network file system, which can only be taken off
	}
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	err = unix.Mount("", "/proc/self/fd/"+strconv.Itoa(fd), "", unix.MS_SLAVE|unix.MS_REC, "")
	if errors.Is(err, unix.EINVAL) { // not a mount
		return nil
	}
	return err
}
