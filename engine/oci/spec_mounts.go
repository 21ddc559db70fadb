package oci

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"berth/engine/spec"
	"berth/internal/source"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// mounts are the kernel's file systems, then the volumes, each after what it
// lies below. A volume at the place of a default mount replaces it.
func mounts(in Input) ([]specs.Mount, error) {
	var volumes []specs.Mount
	taken := map[string]bool{}
	asked := append(slices.Clone(in.Mounts), imageVolumes(in)...)
	if in.NotifyDir != "" {
		asked = append(asked, Mount{Source: in.NotifyDir, Path: notifyFolder, Options: []string{"nosuid", "nodev", "noexec"}})
	}
	for _, m := range asked {
		mount, err := bindMount(m)
		if err != nil {
			return nil, err
		}
		if taken[mount.Destination] {
			return nil, fmt.Errorf("%w: two mounts at %s", spec.ErrConfig, mount.Destination)
		}
		taken[mount.Destination] = true
		volumes = append(volumes, mount)
	}
	sort.SliceStable(volumes, func(i, j int) bool { return depth(volumes[i]) < depth(volumes[j]) })

	list := slices.DeleteFunc(append(defaultMounts(in), handMounts(in)...), func(m specs.Mount) bool { return taken[m.Destination] })
	return append(list, volumes...), nil
}

// rootPropagation is what the runtime makes of the host's mounts in the container's
// mount namespace before it mounts anything: where it takes them for private, as crun
// does unless told, no mount can be a slave or a peer of one of the host.
func rootPropagation(list []specs.Mount) string {
	slave := ""
	for _, m := range list {
		for _, o := range m.Options {
			switch o {
			case "shared", "rshared":
				return "shared"
			case "slave", "rslave":
				slave = "rslave"
			}
		}
	}
	return slave
}

func depth(m specs.Mount) int { return strings.Count(m.Destination, "/") }

// defaultMounts are those every container has (runtime-spec, Default Filesystems).
func defaultMounts(in Input) []specs.Mount {
	privileged := in.Container.Security.Privileged
	kernel := []string{"nosuid", "noexec", "nodev"}
	readonly := append(slices.Clone(kernel), "ro")
	if privileged {
		readonly = append(slices.Clone(kernel), "rw")
	}
	cgroup := append(slices.Clone(readonly), "relatime")
	proc, dev := kernel, []string{"nosuid", "strictatime", "mode=755", "size=65536k"} // not noexec: programs map /dev/zero to run what they write there
	if hand := in.Container.ByHand; hand != nil {
		proc = append(slices.Clone(kernel), hand.ProcOptions...)
		if runsSystemd(in) {
			cgroup = append(slices.Clone(kernel), "rw", "relatime") // it manages its own part
		}
		if in.Container.Security.ReadOnlyRoot && hand.NoTmpfs {
			dev = append(dev, "ro")
		}
	}
	list := []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: proc},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: dev},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: devptsOptions(in)},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: readonly},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: cgroup},
	}
	if in.Pod.Users != nil && in.Namespaces.Net != "" {
		// The network namespace belongs to the host's users: the kernel lets nobody
		// else mount its /sys (sysfs(5)). It is shown as it is.
		list[3] = specs.Mount{Destination: "/sys", Type: "bind", Source: "/sys", Options: append(slices.Clone(readonly), "rbind", "rprivate")}
	}
	if !in.NoShm {
		list = append(list, shmMount(in))
	}
	if in.Namespaces.IPC == HostNamespace {
		return append(list, specs.Mount{Destination: "/dev/mqueue", Type: "bind", Source: "/dev/mqueue", Options: append(slices.Clone(kernel), "rbind", "rprivate")})
	}
	return append(list, specs.Mount{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: kernel})
}

// devptsOptions give terminals to the group tty, as everywhere, where the container
// knows it.
func devptsOptions(in Input) []string {
	options := []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}
	const tty = 5
	_, group, _ := in.Pod.Users.Host(0, tty)
	if users := in.Pod.Users; users != nil && len(users.GIDs) > 0 && group < 0 {
		return options
	}
	return append(options, fmt.Sprintf("gid=%d", tty))
}

func shmMount(in Input) specs.Mount {
	source := in.ShmPath
	if source == "" && in.Namespaces.IPC == HostNamespace {
		source = "/dev/shm"
	}
	options := []string{"nosuid", "noexec", "nodev"}
	if in.Container.ByHand != nil && in.Container.Security.ReadOnlyRoot && in.Container.ByHand.NoTmpfs {
		options = append(options, "ro")
	}
	if source == "" {
		return specs.Mount{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: append(options, shmOptions(in.ShmSize)...)}
	}
	return specs.Mount{Destination: "/dev/shm", Type: "bind", Source: source, Options: append(options, "rbind", "rprivate")}
}

// shmOptions are those of a /dev/shm of a size in bytes; 0 is the default, -1 none.
func shmOptions(size int64) []string {
	switch {
	case size < 0:
		return []string{"mode=1777"}
	case size == 0:
		return []string{"mode=1777", "size=65536k"}
	}
	return []string{"mode=1777", fmt.Sprintf("size=%d", size)}
}

func bindMount(m Mount) (specs.Mount, error) {
	if !path.IsAbs(m.Path) {
		return specs.Mount{}, fmt.Errorf("%w: mount path %q is not absolute", spec.ErrConfig, m.Path)
	}
	if path.Clean(m.Path) == "/" {
		return specs.Mount{}, fmt.Errorf("%w: nothing can be mounted over the container's root", spec.ErrConfig)
	}
	if m.Type != "" {
		return kernelMount(m), nil
	}
	options := []string{"rbind"}
	if slices.Contains(m.Options, "bind") {
		options = nil
	}
	switch {
	case m.ReadOnly && m.Recursive:
		options = append(options, "ro", "rro")
	case m.ReadOnly:
		options = append(options, "ro")
	default:
		options = append(options, "rw")
	}
	propagation := string(m.Propagation)
	if propagation == "" {
		propagation = "rprivate"
	}
	options = append(options, propagation)
	for _, o := range m.Options {
		name, _, _ := strings.Cut(o, "=")
		switch {
		case slices.Contains(ignoredMountOptions(), name):
		case slices.Contains(bindOptions(), name):
			options = append(options, o)
		default:
			return specs.Mount{}, fmt.Errorf("%w: mount at %s: unknown option %q%s", spec.ErrConfig, m.Path, o, source.DidYouMean(o, bindOptions()))
		}
	}
	return specs.Mount{Destination: path.Clean(m.Path), Type: "bind", Source: m.Source, Options: slices.Compact(options)}, nil
}

// kernelMount makes a file system that holds nothing yet.
func kernelMount(m Mount) specs.Mount {
	options := slices.Clone(m.Options)
	switch {
	case m.ReadOnly:
		options = append(options, "ro")
	case m.Type != "devpts":
		options = append(options, "rw")
	}
	if m.Propagation != "" {
		options = append(options, string(m.Propagation))
	} else {
		options = append(options, "rprivate")
	}
	return specs.Mount{
		Destination: path.Clean(m.Path), Type: m.Type, Source: m.Type,
		Options: slices.DeleteFunc(options, func(o string) bool { return o == "notmpcopyup" }),
	}
}

// handMounts are file systems in memory that a container made by hand has: where
// a read-only one must still write, and where systemd expects them.
func handMounts(in Input) []specs.Mount {
	hand := in.Container.ByHand
	if hand == nil {
		return nil
	}
	var list []specs.Mount
	add := func(options []string, paths ...string) {
		for _, p := range paths {
			if !slices.ContainsFunc(list, func(m specs.Mount) bool { return m.Destination == p }) {
				list = append(list, specs.Mount{Destination: p, Type: "tmpfs", Source: "tmpfs", Options: options})
			}
		}
	}
	plain := []string{"rw", "rprivate", "nosuid", "nodev", "tmpcopyup"}
	if in.Container.Security.ReadOnlyRoot && !hand.NoTmpfs {
		add(plain, "/run", "/tmp", "/var/tmp")
	}
	if runsSystemd(in) {
		options := slices.Clone(plain)
		if hand.SystemdSize > 0 {
			options = append(options, fmt.Sprintf("size=%d", hand.SystemdSize))
		}
		add(options, "/run", "/run/lock", "/tmp", "/var/log/journal")
	}
	if in.InitPath != "" {
		list = append(list, specs.Mount{Destination: handInit, Type: "bind", Source: in.InitPath, Options: []string{"bind", "ro", "rprivate", "nosuid", "nodev"}})
	}
	sort.SliceStable(list, func(i, j int) bool { return depth(list[i]) < depth(list[j]) })
	return list
}

// bindOptions are those a bind mount may carry (mount(8)).
func bindOptions() []string {
	return []string{
		"bind", "rbind", "ro", "rw", "rro", "exec", "noexec", "suid", "nosuid", "dev", "nodev", "atime", "noatime", "diratime",
		"nodiratime", "relatime", "norelatime", "strictatime", "nosymfollow", "private", "rprivate", "slave", "rslave", "shared", "rshared",
		"unbindable", "runbindable", "idmap", CopySymlink,
	}
}

// CopySymlink has crun put a symbolic link into the container as it is.
const CopySymlink = "copy-symlink"

// ignoredMountOptions are done to the source before it is mounted.
func ignoredMountOptions() []string { return []string{"z", "Z", "U", "copy", "nocopy"} }

// imageVolumes are mounts for the folders an image declares as volumes. With
// a writable root file system they are simply folders of it, as new for each
// container as a volume would be; only a read-only one needs them.
func imageVolumes(in Input) []Mount {
	if in.Container.ByHand != nil { // they are volumes by then, or wanted otherwise
		return handImageVolumes(in)
	}
	if !in.Container.Security.ReadOnlyRoot || in.VolumeDir == "" {
		return nil
	}
	var list []Mount
	for _, p := range imageVolumePaths(in) {
		list = append(list, Mount{Source: imageVolumeDir(in.VolumeDir, p), Path: p, Options: []string{"nosuid", "nodev"}})
	}
	return list
}

// handImageVolumes are tmpfs in the place of the image's volumes, where those are
// wanted.
func handImageVolumes(in Input) []Mount {
	if in.Container.ByHand.ImageVolumes != spec.ImageVolumesTmpfs {
		return nil
	}
	var list []Mount
	for _, p := range imageVolumePaths(in) {
		list = append(list, Mount{Type: "tmpfs", Path: p, Options: []string{"nosuid", "nodev", "tmpcopyup"}})
	}
	return list
}

// ImageVolumePaths are the folders an image declares as volumes, sorted.
func ImageVolumePaths(image ociv1.ImageConfig) []string { return imageVolumePaths(Input{Image: image}) }

// imageVolumePaths are the image's volumes that nothing else is mounted on, sorted.
func imageVolumePaths(in Input) []string {
	var paths []string
	for p := range in.Image.Volumes {
		p = path.Clean("/" + p)
		covered := p == "/" || slices.ContainsFunc(in.Mounts, func(m Mount) bool { return path.Clean(m.Path) == p })
		if !covered {
			paths = append(paths, p)
		}
	}
	sort.Strings(paths)
	return slices.Compact(paths)
}

// imageVolumeDir is the folder in dir that stands for a path of the container.
func imageVolumeDir(dir, p string) string {
	return filepath.Join(dir, strings.NewReplacer("%", "%25", "/", "%2F").Replace(strings.TrimPrefix(p, "/")))
}
