package volume

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/internal/tree"
)

// SubPath narrows a prepared volume to the part at subPath and returns a path
// of ours that it is mounted on. The part is looked up with the volume as its
// root directory, so that no symlink and no ".." leads out of it, and mounted
// through the descriptor that was found: nothing is looked up twice. A part
// that is missing is made as a folder.
//
// container and index tell the mounts of one pod apart.
func (s Set) SubPath(volume, subPath, container string, index int) (string, error) {
	if !filepath.IsLocal(subPath) {
		return "", fmt.Errorf("subPath %q: want a relative path without \"..\": %w", subPath, spec.ErrConfig)
	}
	part, err := openInside(volume, subPath)
	if errors.Is(err, unix.ENOENT) {
		if err = mkdirInside(volume, subPath); err == nil {
			part, err = openInside(volume, subPath)
		}
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EEXIST) {
			err = fmt.Errorf("it leads through a symbolic link to what is not in the volume: %w", spec.ErrConfig)
		}
	}
	if err != nil {
		return "", fmt.Errorf("subPath %q: %w", subPath, err)
	}
	defer part.Close()
	info, err := part.Stat()
	if err != nil {
		return "", err
	}
	target := filepath.Join(s.Run, "subpath", container, strconv.Itoa(index))
	if err := mountPoint(target, info.IsDir()); err != nil {
		return "", err
	}
	if err := unix.Mount("/proc/self/fd/"+strconv.Itoa(int(part.Fd())), target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return "", fmt.Errorf("mount subPath %q: %w", subPath, err)
	}
	return target, nil
}

// HasPart refuses a part of a volume that is not there, where none is to be made.
func HasPart(volume, subPath string) error {
	part, err := openInside(volume, subPath)
	if errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("%w: there is no %s in what is mounted: make it first, or give another subpath", spec.ErrConfig, subPath)
	}
	if err != nil {
		return fmt.Errorf("subpath %q: %w", subPath, err)
	}
	return part.Close()
}

// ReleaseContainer unmounts the parts of volumes, and the layers above them, that
// were mounted for one container, and removes its secrets.
func (s Set) ReleaseContainer(container string) error {
	for _, kind := range []string{"subpath", "overlay"} { // a part may be of a layer's
		if err := unmountAll(filepath.Join(s.Run, kind, container)); err != nil {
			return err
		}
	}
	return errors.Join(
		tree.Remove(filepath.Join(s.Disk, "overlay", container)),
		tree.Remove(filepath.Join(s.Run, "files", handSecrets, container)))
}

// unmountAll unmounts what is mounted in a folder, and removes it.
func unmountAll(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		errs = append(errs, Unmount(filepath.Join(dir, e.Name())))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return tree.Remove(dir)
}

// mountPoint makes an empty folder or file to mount on; a mount left there by
// an attempt that was cut short comes off first.
func mountPoint(path string, dir bool) error {
	if err := Unmount(path); err != nil {
		return err
	}
	if err := tree.Remove(path); err != nil {
		return err
	}
	if dir {
		return os.MkdirAll(path, 0o700)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, nil, 0o600)
}

func openInside(root, path string) (*os.File, error) {
	r, err := os.Open(root)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return tree.OpenIn(r, path, unix.O_PATH)
}

// mkdirInside makes path and its parents, each step looked up inside root.
func mkdirInside(root, path string) error {
	r, err := os.Open(root)
	if err != nil {
		return err
	}
	defer r.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(r.Fd()), &st); err != nil {
		return err
	}
	done := ""
	for step := range strings.SplitSeq(filepath.Clean(path), "/") {
		parent, err := tree.OpenIn(r, "./"+done, unix.O_PATH|unix.O_DIRECTORY)
		if err != nil {
			return err
		}
		err = unix.Mkdirat(int(parent.Fd()), step, 0o750)
		if err == nil {
			err = likeVolume(parent, step, &st)
		}
		_ = parent.Close()
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return err
		}
		done = filepath.Join(done, step)
	}
	return nil
}

// likeVolume gives a new folder the volume's owner and mode: who may write there
// may write here. A container may put a symlink in its place meanwhile, which
// must not be followed.
func likeVolume(parent *os.File, name string, volume *unix.Stat_t) error {
	fd, err := unix.Openat(int(parent.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: name, Err: err}
	}
	defer unix.Close(fd)
	return errors.Join(unix.Fchown(fd, int(volume.Uid), int(volume.Gid)), unix.Fchmod(fd, volume.Mode&0o7777))
}
