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

	list := slices.DeleteFunc(defaultMounts(in), func(m specs.Mount) bool { return taken[m.Destination] })
	return append(list, volumes...), nil
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
	list := []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: kernel},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "noexec", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: readonly},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: cgroup},
		shmMount(in),
	}
	if in.Namespaces.IPC == HostNamespace {
		return append(list, specs.Mount{Destination: "/dev/mqueue", Type: "bind", Source: "/dev/mqueue", Options: append(slices.Clone(kernel), "rbind", "rprivate")})
	}
	return append(list, specs.Mount{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: kernel})
}

func shmMount(in Input) specs.Mount {
	source := in.ShmPath
	if source == "" && in.Namespaces.IPC == HostNamespace {
		source = "/dev/shm"
	}
	options := []string{"nosuid", "noexec", "nodev"}
	if source == "" {
		return specs.Mount{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: append(options, "mode=1777", "size=65536k")}
	}
	return specs.Mount{Destination: "/dev/shm", Type: "bind", Source: source, Options: append(options, "rbind", "rprivate")}
}

func bindMount(m Mount) (specs.Mount, error) {
	if !path.IsAbs(m.Path) {
		return specs.Mount{}, fmt.Errorf("%w: mount path %q is not absolute", spec.ErrConfig, m.Path)
	}
	if path.Clean(m.Path) == "/" {
		return specs.Mount{}, fmt.Errorf("%w: nothing can be mounted over the container's root", spec.ErrConfig)
	}
	options := []string{"rbind"}
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

// bindOptions are those a bind mount may carry (mount(8)).
func bindOptions() []string {
	return []string{
		"bind", "rbind", "ro", "rw", "rro", "exec", "noexec", "suid", "nosuid", "dev", "nodev", "atime", "noatime", "diratime",
		"nodiratime", "relatime", "norelatime", "strictatime", "nosymfollow", "private", "rprivate", "slave", "rslave", "shared", "rshared",
	}
}

// ignoredMountOptions are done to the source before it is mounted.
func ignoredMountOptions() []string { return []string{"z", "Z", "U", "copy", "nocopy", "idmap"} }

// imageVolumes are mounts for the folders an image declares as volumes. With
// a writable root file system they are simply folders of it, as new for each
// container as a volume would be; only a read-only one needs them.
func imageVolumes(in Input) []Mount {
	if !in.Container.Security.ReadOnlyRoot || in.VolumeDir == "" {
		return nil
	}
	var list []Mount
	for _, p := range imageVolumePaths(in) {
		list = append(list, Mount{Source: imageVolumeDir(in.VolumeDir, p), Path: p, Options: []string{"nosuid", "nodev"}})
	}
	return list
}

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
