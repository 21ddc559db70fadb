package oci

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Device is a device node of the host.
type Device struct {
	Path         string
	Type         string // "c" or "b"
	Major, Minor int64
	Mode         os.FileMode
	UID, GID     uint32
}

// HostDevices lists the device nodes below dir, but for terminals and what
// each container has of its own.
func HostDevices(dir string) ([]Device, error) {
	var list []Device
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if entry.IsDir() {
			switch entry.Name() {
			case "pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev":
				return fs.SkipDir
			}
			return nil
		}
		if ownDevice(path) {
			return nil
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			if errors.Is(err, unix.ENOENT) {
				return nil
			}
			return &os.PathError{Op: "stat", Path: path, Err: err}
		}
		// The entry's own type would be that of what a device is mounted on.
		kind := ""
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFCHR:
			kind = "c"
		case unix.S_IFBLK:
			kind = "b"
		default:
			return nil
		}
		list = append(list, Device{
			Path: path, Type: kind, Mode: os.FileMode(st.Mode & 0o777), UID: st.Uid, GID: st.Gid,
			Major: int64(unix.Major(st.Rdev)), Minor: int64(unix.Minor(st.Rdev)),
		})
		return nil
	})
	return list, err
}

// ownDevice reports whether the runtime makes that device for every container.
func ownDevice(path string) bool {
	switch path {
	case "/dev/console", "/dev/ptmx", "/dev/tty", "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom":
		return true
	}
	return false
}

func (d Device) spec() specs.LinuxDevice {
	return specs.LinuxDevice{
		Path: d.Path, Type: d.Type, Major: d.Major, Minor: d.Minor, FileMode: &d.Mode, UID: &d.UID, GID: &d.GID,
	}
}
