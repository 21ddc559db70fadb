package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/internal/tree"
)

// Set is the volumes of one pod.
type Set struct {
	Named *Store
	Disk  string // the pod's folder that survives a reboot
	Run   string // the pod's folder that does not
	Pod   spec.PodID

	UID, GID int // on the host, of root in the pod's containers: whose what is made is
}

// Prepare makes a volume real and returns its source path. It is idempotent.
func (s Set) Prepare(ctx context.Context, v *spec.Volume) (string, error) {
	var path string
	var err error
	switch {
	case v.Empty != nil:
		path, err = s.empty(v.Name, v.Empty)
	case v.Host != nil:
		path, err = v.Host.Path, host(v.Host)
	case v.Named != nil:
		path, err = s.Named.Ensure(ctx, v.Named)
	case v.Files != nil:
		path, err = s.files(v.Name, v.Files)
	default:
		err = errors.New("no kind of volume is set")
	}
	if err != nil {
		return "", fmt.Errorf("volume %q: %w", v.Name, err)
	}
	return path, nil
}

func (s Set) empty(name string, v *spec.EmptyVolume) (string, error) {
	if !v.Memory {
		path := filepath.Join(s.Disk, "empty", name)
		return path, s.ensureDir(path, 0o777)
	}
	path := filepath.Join(s.Run, "empty", name)
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", err
	}
	options := fmt.Sprintf("mode=1777,uid=%d,gid=%d", s.UID, s.GID)
	if size := v.Size(); size > 0 {
		options += ",size=" + strconv.FormatInt(size, 10)
	}
	return path, ensureTmpfs(path, options)
}

// Release unmounts what Prepare and SubPath mounted for the pod. What lies on
// disk stays; what lies in memory is gone with the sandbox. It goes on through
// errors, and what cannot be unmounted is not removed: it may be a person's data.
func (s Set) Release() error {
	var errs []error
	for _, kind := range []string{"subpath", "overlay", "empty", "files"} {
		root := filepath.Join(s.Run, kind)
		errs = append(errs, unmountBelow(root), tree.Remove(root))
	}
	return errors.Join(errs...)
}

// unmountBelow takes off what is mounted on root and below it. It looks only
// below what is no mount any more.
func unmountBelow(root string) error {
	var errs []error
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			err = Unmount(path)
		}
		if err != nil {
			errs = append(errs, err)
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
		}
		return nil
	})
	return errors.Join(append(errs, err)...)
}

// host checks a hostPath as its type asks and makes what "OrCreate" says.
func host(v *spec.HostVolume) error {
	switch v.Type {
	case "": // anything may be there; where nothing is, containerd and CRI-O make a folder
		if _, err := os.Stat(v.Path); !errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err := os.MkdirAll(v.Path, 0o755); err != nil {
			return fmt.Errorf("hostPath: %w: %w", spec.ErrConfig, err)
		}
		return nil
	case "DirectoryOrCreate":
		if err := os.MkdirAll(v.Path, 0o755); err != nil {
			return fmt.Errorf("hostPath type %s: %w: %w", v.Type, spec.ErrConfig, err)
		}
	case "FileOrCreate":
		f, err := os.OpenFile(v.Path, os.O_CREATE|os.O_WRONLY|unix.O_NONBLOCK, 0o644)
		if err != nil {
			return fmt.Errorf("hostPath type %s: %w: %w", v.Type, spec.ErrConfig, err)
		}
		_ = f.Close()
	}
	return checkHost(v)
}

// Check says whether a volume can be had, as far as that can be seen without
// making anything.
func Check(v *spec.Volume) error {
	if v.Host == nil || v.Host.Type == "" {
		return nil
	}
	err := checkHost(v.Host)
	if errors.Is(err, fs.ErrNotExist) && strings.HasSuffix(v.Host.Type, "OrCreate") {
		err = nil
	}
	switch {
	case err != nil && v.Host.Type == spec.HostExists: // a person gave the path, and knows no name of the volume
		return err
	case err != nil:
		return fmt.Errorf("volume %q: %w", v.Name, err)
	}
	return nil
}

// checkHost sees whether a hostPath is of its type.
func checkHost(v *spec.HostVolume) error {
	info, err := os.Stat(v.Path)
	if v.Type == spec.HostExists && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: there is no %s to be mounted: make it first", spec.ErrConfig, v.Path)
	}
	if err != nil {
		return fmt.Errorf("hostPath type %s: %w: %w", v.Type, spec.ErrConfig, err)
	}
	mode, ok := info.Mode(), false
	switch v.Type {
	case spec.HostExists:
		ok = true
	case "Directory", "DirectoryOrCreate":
		ok = mode.IsDir()
	case "File", "FileOrCreate":
		ok = mode.IsRegular()
	case "Socket":
		ok = mode&fs.ModeSocket != 0
	case "CharDevice":
		ok = mode&fs.ModeCharDevice != 0
	case "BlockDevice":
		ok = mode&fs.ModeDevice != 0 && mode&fs.ModeCharDevice == 0
	}
	if !ok {
		return fmt.Errorf("hostPath %s is not a %s: %w", v.Path, v.Type, spec.ErrConfig)
	}
	return nil
}

// ensureDir makes a folder that is there only with its owner and mode.
func (s Set) ensureDir(path string, mode os.FileMode) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	next := path + ".new" // no volume has a dot in its name
	if err := os.MkdirAll(next, 0o700); err != nil {
		return err
	}
	if err := errors.Join(os.Chown(next, s.UID, s.GID), os.Chmod(next, mode)); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// ensureTmpfs mounts a tmpfs at path unless one is there.
func ensureTmpfs(path, options string) error {
	var below, here unix.Stat_t
	if err := unix.Stat(filepath.Dir(path), &below); err != nil {
		return err
	}
	if err := unix.Stat(path, &here); err != nil {
		return err
	}
	if here.Dev != below.Dev {
		return nil
	}
	if err := unix.Mount("tmpfs", path, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return fmt.Errorf("mount tmpfs on %s: %w", path, err)
	}
	return nil
}

func onTmpfs(path string) (bool, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return false, err
	}
	return st.Type == unix.TMPFS_MAGIC || st.Type == unix.RAMFS_MAGIC, nil
}
