package tree

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrMounted is a path on which something is still mounted.
var ErrMounted = errors.New("something is still mounted there")

const (
	// deepest is how far the removal goes down by itself, with one descriptor
	// for each level. What lies deeper is moved up first: no container can make
	// folders too deep to be removed.
	deepest = 64
	// retries is how often a folder is read again in which somebody goes on
	// writing.
	retries = 8
)

// Remove deletes path and all below it. What is gone is success. It goes on
// through errors, and symlinks are not followed. Where something is mounted the
// error is ErrMounted; the mount, and the folders that lead to it, stay.
func Remove(path string) error {
	parent, name := filepath.Split(filepath.Clean(path))
	if name == "" || name == "." || name == ".." {
		return fmt.Errorf("remove %s: not a folder one can remove", path)
	}
	if parent == "" {
		parent = "."
	}
	fd, err := unix.Open(parent, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return &os.PathError{Op: "open", Path: parent, Err: err}
	}
	defer unix.Close(fd)
	return removal{}.entry(fd, name, filepath.Clean(path))
}

// RemoveIn is Remove of what has that name in an open folder.
func RemoveIn(dir *os.File, name string) error {
	if name == "" || name == "." || name == ".." || strings.Contains(name, "/") {
		return fmt.Errorf("remove %q: not a name in a folder", name)
	}
	return removal{}.entry(int(dir.Fd()), name, name)
}

// removal is one call of Remove, at some depth below its path.
type removal struct {
	depth int
	top   int  // descriptor of the folder to be removed, below depth 0
	moved *int // how many folders were moved up to it
}

func (r removal) entry(parent int, name, path string) error {
	switch err := unix.Unlinkat(parent, name, 0); err {
	case nil, unix.ENOENT:
		return nil
	case unix.EISDIR:
		return r.folder(parent, name, path)
	default:
		return failed(path, err)
	}
}

func (r removal) folder(parent int, name, path string) error {
	for left := retries; ; left-- {
		switch err := unix.Unlinkat(parent, name, unix.AT_REMOVEDIR); err {
		case nil, unix.ENOENT:
			return nil
		case unix.ENOTEMPTY, unix.EEXIST:
			if left == 0 {
				return failed(path, err)
			}
		default:
			return failed(path, err)
		}
		moved, err := r.content(parent, name, path)
		if err != nil {
			return err
		}
		if moved {
			left = retries // there was something to do, and there is more
		}
	}
}

// content removes what is in a folder, and says whether anything was moved into
// it meanwhile.
func (r removal) content(parent int, name, path string) (moved bool, err error) {
	fd, err := unix.Openat2(parent, name, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	})
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, failed(path, err)
	}
	dir := os.NewFile(uintptr(fd), path)
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return false, err
	}
	below := removal{depth: r.depth + 1, top: r.top, moved: r.moved}
	if r.depth == 0 {
		below.top, below.moved = fd, new(int)
	}
	var errs []error
	for _, n := range names {
		if below.depth < deepest {
			errs = append(errs, below.entry(fd, n, filepath.Join(path, n)))
		} else {
			errs = append(errs, below.lift(fd, n, filepath.Join(path, n)))
		}
	}
	return r.depth == 0 && *below.moved > 0, errors.Join(errs...)
}

// lift removes a file, and moves a folder up to be removed from there.
func (r removal) lift(parent int, name, path string) error {
	switch err := unix.Unlinkat(parent, name, 0); err {
	case nil, unix.ENOENT:
		return nil
	case unix.EISDIR:
	default:
		return failed(path, err)
	}
	for {
		*r.moved++
		err := unix.Renameat2(parent, name, r.top, fmt.Sprintf(".moved-%d", *r.moved), unix.RENAME_NOREPLACE)
		switch {
		case errors.Is(err, unix.EEXIST):
			continue
		case err == nil, errors.Is(err, unix.ENOENT):
			return nil
		}
		return failed(path, err)
	}
}

func failed(path string, err error) error {
	if errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EXDEV) {
		err = fmt.Errorf("%w: %w", ErrMounted, err)
	}
	return &os.PathError{Op: "remove", Path: path, Err: err}
}
