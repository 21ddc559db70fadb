package volume

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/internal/tree"
)

// Overlay puts a layer above a folder and returns where both are seen as one.
// What is written goes to the layer: to the folders that o names, or to one that
// goes with the container.
//
// container and index tell the mounts of one pod apart.
func (s Set) Overlay(source string, o *spec.Overlay, container string, index int) (string, error) {
	at := strconv.Itoa(index)
	upper, work := o.Upper, o.Work
	if upper == "" {
		own := filepath.Join(s.Disk, "overlay", container, at)
		if err := tree.Remove(own); err != nil {
			return "", err
		}
		upper, work = filepath.Join(own, "upper"), filepath.Join(own, "work")
		for _, dir := range []string{upper, work} {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return "", err
			}
		}
		if err := likeFolder(upper, source); err != nil {
			return "", err
		}
	}
	target := filepath.Join(s.Run, "overlay", container, at)
	if err := mountPoint(target, true); err != nil {
		return "", err
	}
	// Named by descriptors, since a path may hold what separates options.
	var options string
	for _, dir := range []struct{ option, path string }{{"lowerdir", source}, {"upperdir", upper}, {"workdir", work}} {
		fd, err := unix.Open(dir.path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return "", fmt.Errorf("%w: overlay: %w", spec.ErrConfig, &os.PathError{Op: "open folder", Path: dir.path, Err: err})
		}
		defer unix.Close(fd)
		options += fmt.Sprintf(",%s=/proc/self/fd/%d", dir.option, fd)
	}
	if err := unix.Mount("overlay", target, "overlay", 0, options[1:]); err != nil {
		return "", fmt.Errorf("mount an overlay on %s: %w", source, err)
	}
	return target, nil
}

// likeFolder gives a new folder owner and mode of another.
func likeFolder(dir, other string) error {
	var st unix.Stat_t
	if err := unix.Stat(other, &st); err != nil {
		return fmt.Errorf("%w: overlay: %w", spec.ErrConfig, &os.PathError{Op: "stat", Path: other, Err: err})
	}
	return errors.Join(unix.Chown(dir, int(st.Uid), int(st.Gid)), unix.Chmod(dir, st.Mode&0o7777))
}
