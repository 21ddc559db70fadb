package oci

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// PrepareImageVolumes makes the folders that stand for the volumes in.Image
// declares, filled with what the image has there. It does nothing where
// BuildSpec mounts none; it is done once, before the container is created.
func PrepareImageVolumes(in Input) error {
	if in.Container.ByHand != nil || len(imageVolumes(in)) == 0 {
		return nil
	}
	for _, p := range imageVolumePaths(in) {
		dir := imageVolumeDir(in.VolumeDir, p)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := copyFromRoot(in.Rootfs, p, dir); err != nil {
			return fmt.Errorf("fill the image's volume %s: %w", p, err)
		}
	}
	return nil
}

// CopyFromRoot copies what a root file system has in a folder of the container's to
// one of the host, with owners and modes, that of the folder itself, too.
func CopyFromRoot(rootfs, path, dir string) error { return copyFromRoot(rootfs, path, dir) }

// copyFromRoot copies a folder of an untrusted root file system; one that it
// lacks is empty. Devices, FIFOs and sockets are left out.
func copyFromRoot(rootfs, path, dir string) error {
	from, err := openInRoot(rootfs, path, unix.S_IFDIR)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer from.Close()
	// The descriptor is where the path led inside the root; from here on
	// os.Root keeps both sides from leaving.
	source, err := os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", from.Fd()))
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer target.Close()
	return fs.WalkDir(source.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return copyEntry(source, target, name)
	})
}

func copyEntry(source, target *os.Root, name string) error {
	info, err := source.Lstat(name)
	if err != nil {
		return err
	}
	switch {
	case info.IsDir():
		if err := target.Mkdir(name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	case info.Mode()&fs.ModeSymlink != 0:
		link, err := source.Readlink(name)
		if err != nil {
			return err
		}
		if err := target.Symlink(link, name); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	case info.Mode().IsRegular():
		if err := copyFile(source, target, name); err != nil {
			return err
		}
	default:
		return nil
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	if err := target.Lchown(name, int(st.Uid), int(st.Gid)); err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return nil
	}
	const bits = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
	if err := target.Chmod(name, info.Mode()&bits); err != nil {
		return err
	}
	return target.Chtimes(name, info.ModTime(), info.ModTime())
}

func copyFile(source, target *os.Root, name string) error {
	in, err := source.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := target.OpenFile(filepath.Clean(name), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		_ = out.Close()
		return err
	}
	return out.Close()
}
