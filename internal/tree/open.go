package tree

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// OpenIn opens a path with root for its root directory: no symlink, absolute ones
// included, and no ".." leads out of it. A path that only is to be looked at, or
// may be a device, is opened with O_PATH: merely opening a device may set it off.
func OpenIn(root *os.File, path string, flags int) (*os.File, error) {
	how := unix.OpenHow{Flags: uint64(flags) | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	for {
		fd, err := unix.Openat2(int(root.Fd()), path, &how)
		// The kernel asks to try again when a rename disturbed the walk (openat2(2)).
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
		return os.NewFile(uintptr(fd), path), nil
	}
}
