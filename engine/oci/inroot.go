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
)

// errKind is a path at which another kind of file lies than is wanted.
var errKind = errors.New("another kind of file")

// openInRoot opens a file or folder (kind is S_IFREG or S_IFDIR) of a root file
// system we do not trust for reading. Symlinks, absolute ones too, are followed
// as its own processes would see them and never lead out of it. Anything else is
// errKind and was not opened: merely opening a device node may rewind a tape or
// arm the watchdog that resets the host.
func openInRoot(rootfs, path string, kind uint32) (*os.File, error) {
	failed := func(err error) error { return &os.PathError{Op: "open", Path: path, Err: err} }
	root, err := unix.Open(rootfs, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: rootfs, Err: err}
	}
	defer unix.Close(root)
	seen, err := openat2(root, path, unix.O_PATH)
	if err != nil {
		return nil, failed(err)
	}
	defer unix.Close(seen)
	var st unix.Stat_t
	if err := unix.Fstat(seen, &st); err != nil {
		return nil, failed(err)
	}
	if st.Mode&unix.S_IFMT != kind {
		return nil, failed(errKind)
	}
	fd, err := unix.Open("/proc/self/fd/"+itoa(seen), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, failed(err)
	}
	return os.NewFile(uintptr(fd), path), nil
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

// mkdirInRoot makes a folder and its parents inside a root file system, for a user
// and a group of the host.
func mkdirInRoot(rootfs, path string, perm uint32, uid, gid int) error {
	root, err := unix.Open(rootfs, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: rootfs, Err: err}
	}
	defer unix.Close(root)
	at := "/"
	for _, part := range strings.Split(strings.Trim(filepath.Clean("/"+path), "/"), "/") {
		if part == "" {
			continue
		}
		parent, err := openat2(root, at, unix.O_PATH|unix.O_DIRECTORY)
		if err != nil {
			return &os.PathError{Op: "open", Path: at, Err: err}
		}
		err = unix.Mkdirat(parent, part, perm)
		if err == nil && uid != 0 {
			err = unix.Fchownat(parent, part, uid, gid, unix.AT_SYMLINK_NOFOLLOW)
		}
		_ = unix.Close(parent)
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return &os.PathError{Op: "mkdir", Path: filepath.Join(at, part), Err: err}
		}
		at = filepath.Join(at, part)
	}
	fd, err := openat2(root, at, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return fmt.Errorf("%s in the image is not a folder: %w", path, err)
	}
	return unix.Close(fd)
}

func openat2(dir int, path string, flags uint64) (int, error) {
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	for {
		fd, err := unix.Openat2(dir, path, &how)
		// The kernel asks to try again when a rename disturbed the walk (openat2(2)).
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue
		}
		return fd, err
	}
}
