package oci

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/internal/tree"
)

// errKind is a path at which another kind of file lies than is wanted.
var errKind = errors.New("another kind of file")

// openInRoot opens a file or folder (kind is S_IFREG or S_IFDIR) of a root file
// system we do not trust for reading. Symlinks, absolute ones too, are followed
// as its own processes would see them and never lead out of it. Anything else is
// errKind and was not opened: merely opening a device node may rewind a tape or
// arm the watchdog that resets the host.
func openInRoot(rootfs, path string, kind uint32) (*os.File, error) {
	root, err := os.OpenFile(rootfs, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	seen, err := tree.OpenIn(root, path, unix.O_PATH)
	if err != nil {
		return nil, err
	}
	defer seen.Close()
	return reopen(seen, kind, os.O_RDONLY)
}

// reopen opens for use what was opened to be looked at, if it is of that kind.
func reopen(seen *os.File, kind uint32, flags int) (*os.File, error) {
	failed := func(err error) error { return &os.PathError{Op: "open", Path: seen.Name(), Err: err} }
	fd := int(seen.Fd())
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, failed(err)
	}
	if st.Mode&unix.S_IFMT != kind {
		return nil, failed(errKind)
	}
	fd, err := unix.Open("/proc/self/fd/"+itoa(fd), flags|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, failed(err)
	}
	return os.NewFile(uintptr(fd), seen.Name()), nil
}

// ReadInRoot reads a file of a root file system we do not trust, if it is no larger
// than most bytes; one that is missing is empty.
func ReadInRoot(rootfs, path string, most int64) ([]byte, error) {
	f, err := openInRoot(rootfs, path, unix.S_IFREG)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%w: the image's %s is larger than %d bytes", spec.ErrConfig, path, most)
	}
	return data, err
}

// MkdirInRoot makes a folder and its parents inside a root file system, for a user
// and a group of the host.
func MkdirInRoot(rootfs, path string, perm uint32, uid, gid int) error {
	root, err := os.OpenFile(rootfs, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer root.Close()
	at := "/"
	for _, part := range strings.Split(strings.Trim(filepath.Clean("/"+path), "/"), "/") {
		if part == "" {
			continue
		}
		parent, err := tree.OpenIn(root, at, unix.O_PATH|unix.O_DIRECTORY)
		if err != nil {
			return err
		}
		fd := int(parent.Fd())
		err = unix.Mkdirat(fd, part, perm)
		if err == nil && uid != 0 {
			err = unix.Fchownat(fd, part, uid, gid, unix.AT_SYMLINK_NOFOLLOW)
		}
		_ = parent.Close()
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return &os.PathError{Op: "mkdir", Path: filepath.Join(at, part), Err: err}
		}
		at = filepath.Join(at, part)
	}
	made, err := tree.OpenIn(root, at, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return fmt.Errorf("%s in the image is not a folder: %w", path, err)
	}
	return made.Close()
}
