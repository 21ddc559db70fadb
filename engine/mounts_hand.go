package engine

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/selinux/go-selinux"
	"github.com/opencontainers/selinux/go-selinux/label"
	"golang.org/x/sys/unix"

	"berth/engine/image"
	"berth/engine/oci"
	"berth/engine/spec"
	"berth/engine/volume"
)

// source makes a volume real for the mount of that index of a container, and
// returns what is to be mounted.
func (e *Engine) source(ctx context.Context, in oci.Input, v *spec.Volume, index int) (string, error) {
	m, set := &in.Container.Mounts[index], e.volumeSet(in.Pod)
	var source string
	var err error
	if v.Image != nil {
		source, err = e.imageVolume(ctx, in.Pod, v)
	} else {
		source, err = set.Prepare(ctx, v)
	}
	if err != nil {
		return "", err
	}
	if err := e.fill(ctx, in, v, m); err != nil {
		return "", err
	}
	sub := m.SubPath
	if v.Image != nil && sub == "" {
		sub = v.Image.SubPath
	}
	if sub != "" {
		if in.Container.ByHand != nil || v.Image != nil {
			if err := volume.HasPart(source, in.Facts.Fill(sub)); err != nil {
				return "", fmt.Errorf("mount %s: %w", m.Path, err)
			}
		}
		if source, err = set.SubPath(source, in.Facts.Fill(sub), in.Container.Name, index); err != nil {
			return "", fmt.Errorf("mount %s: %w", m.Path, err)
		}
	}
	if v.Overlay != nil {
		if source, err = set.Overlay(source, v.Overlay, in.Container.Name, index); err != nil {
			return "", fmt.Errorf("mount %s: %w", m.Path, err)
		}
	}
	return source, e.prepareSource(in, source, m.Options)
}

// fill puts into a new named volume what its first container's image has there, or
// gives it to that container's user. A claim of YAML begins empty, and is the host's
// root's unless the pod has users of its own.
func (e *Engine) fill(ctx context.Context, in oci.Input, v *spec.Volume, m *spec.Mount) error {
	switch {
	case fillable(in.Container, v, m):
		return e.volumes.Fill(ctx, v.Named.Volume, func(dir string) error {
			err := oci.CopyFromRoot(ctx, in.Rootfs, m.Path, dir)
			if errors.Is(err, spec.ErrNotFound) {
				return giveNew(in, dir)
			}
			return err
		})
	case in.Container.ByHand == nil && v.Named != nil && in.Pod.Users != nil:
		return e.volumes.Fill(ctx, v.Named.Volume, func(dir string) error { return giveNew(in, dir) })
	}
	return nil
}

// giveNew gives a new volume, of which the image knows nothing, to the container's
// user, as podman does, unless it was made for somebody.
func giveNew(in oci.Input, dir string) error {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil || st.Uid != 0 || st.Gid != 0 {
		return err
	}
	user, group, err := oci.UserOf(in)
	if err != nil {
		return err
	}
	uid, gid, err := hostIDs(in.Pod, user, group)
	if err != nil {
		return err
	}
	return os.Chown(dir, uid, gid)
}

// fillable reports whether a new volume gets what the image has where it is
// mounted, as podman does it. One of which a part is mounted does not: that is not
// where the image's files would go.
func fillable(c *spec.Container, v *spec.Volume, m *spec.Mount) bool {
	return c.ByHand != nil && v.Named != nil && !v.Named.NoCopy && v.Overlay == nil && m.SubPath == ""
}

// prepareSource does to a file or folder what options ask for that the runtime
// does not do: U gives it to the container's user, z and Z label it for SELinux.
func (e *Engine) prepareSource(in oci.Input, source string, options []string) error {
	if in.Container.ByHand == nil {
		return nil
	}
	if slices.Contains(options, "U") {
		user, group, err := oci.UserOf(in)
		if err != nil {
			return err
		}
		uid, gid, err := hostIDs(in.Pod, user, group)
		if err != nil {
			return err
		}
		if err := volume.Own(source, uid, gid); err != nil {
			return fmt.Errorf("give %s to user %d: %w", source, uid, err)
		}
	}
	shared, private := slices.Contains(options, "z"), slices.Contains(options, "Z")
	if !shared && !private || !selinux.GetEnabled() {
		return nil
	}
	_, mount, err := label.InitLabels(in.Container.ByHand.Label)
	if err != nil {
		return fmt.Errorf("%w: SELinux label: %w", spec.ErrConfig, err)
	}
	if err := label.Relabel(source, mount, shared); err != nil {
		return fmt.Errorf("label %s for SELinux: %w", source, err)
	}
	return nil
}

// imageVolume mounts the file system of an image, on a layer that goes with the
// pod's sandbox.
func (e *Engine) imageVolume(ctx context.Context, pod *spec.Pod, v *spec.Volume) (string, error) {
	img, err := e.images.Lookup(ctx, v.Image.Image)
	if err != nil {
		return "", fmt.Errorf("volume %q: %w", v.Name, err)
	}
	id := imageVolumeID(pod.ID, v.Name)
	if err := e.images.CreateRootfs(ctx, id, image.Rootfs{Image: img.ID, Volatile: true}); err != nil {
		return "", err
	}
	return e.images.MountRootfs(ctx, id)
}

// releaseImageVolumes removes what imageVolume made.
func (e *Engine) releaseImageVolumes(ctx context.Context, pod *spec.Pod) error {
	for _, v := range pod.Volumes {
		if v.Image == nil {
			continue
		}
		if err := e.images.RemoveRootfs(ctx, imageVolumeID(pod.ID, v.Name)); err != nil {
			return err
		}
	}
	return nil
}

// imageVolumeID names the layer of a pod's image volume among containers.
func imageVolumeID(id spec.PodID, volume string) spec.ContainerID {
	sum := sha256.Sum256([]byte(string(id) + "\x00image\x00" + volume))
	return spec.ContainerID(hex.EncodeToString(sum[:]))
}

// tmpfs is the mount of a file system that the runtime makes; with U it belongs to
// the container's user.
func tmpfs(in oci.Input, v *spec.TmpfsVolume, m *spec.Mount) (oci.Mount, error) {
	options := slices.Clone(v.Options)
	for _, o := range m.Options {
		if o != "U" {
			options = append(options, o)
			continue
		}
		user, group, err := oci.UserOf(in)
		if err != nil {
			return oci.Mount{}, err
		}
		options = append(options, fmt.Sprintf("uid=%d", user), fmt.Sprintf("gid=%d", group))
	}
	return oci.Mount{Type: cmp.Or(v.Kind, "tmpfs"), Path: m.Path, ReadOnly: m.ReadOnly, Propagation: m.Propagation, Options: options}, nil
}

// idMapped says to the runtime how a mount maps users.
func idMapped(in oci.Input, m *spec.Mount) ([]string, error) {
	if m.IDMap == nil {
		return nil, nil
	}
	if filepath.Base(in.Host.Runtime) != "crun" {
		return nil, fmt.Errorf("%w: mount %s: only crun maps the users of mounts: choose it with --runtime", spec.ErrConfig, m.Path)
	}
	var parts []string
	for _, list := range []struct {
		name string
		maps []spec.IDMap
	}{{"uids", m.IDMap.UIDs}, {"gids", m.IDMap.GIDs}} {
		var ranges []string
		for _, r := range list.maps { // crun(1): uids=0-1-10#10-11-10
			mark := ""
			if r.Relative {
				mark = "@"
			}
			ranges = append(ranges, fmt.Sprintf("%s%d-%d-%d", mark, r.Container, r.Host, r.Size))
		}
		if len(ranges) > 0 {
			parts = append(parts, list.name+"="+strings.Join(ranges, "#"))
		}
	}
	switch {
	case len(parts) == 1:
		return nil, fmt.Errorf("%w: mount %s: idmap takes both uids and gids", spec.ErrConfig, m.Path)
	case len(parts) == 0 && in.Pod.Users == nil:
		return nil, nil // the container's users are the host's
	case len(parts) == 0:
		return []string{"idmap"}, nil
	}
	return []string{"idmap=" + strings.Join(parts, ";")}, nil
}

// checkSecrets looks whether the stored secrets that a pod's containers want are there.
func (e *Engine) checkSecrets(pod *spec.Pod) error {
	var errs []error
	for _, c := range pod.All() {
		if c.ByHand == nil {
			continue
		}
		for _, use := range c.ByHand.Secrets {
			if _, err := e.secrets.Find(use.Secret); err != nil {
				errs = append(errs, fmt.Errorf("container %q: %w", c.Name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// secretMounts writes the stored secrets that a container wants as files, and
// says where it finds them; the others are variables.
func (e *Engine) secretMounts(in oci.Input) (mounts []oci.Mount, variables []spec.EnvVar, err error) {
	if in.Container.ByHand == nil {
		return nil, nil, nil
	}
	for i, use := range in.Container.ByHand.Secrets {
		_, data, err := e.secrets.Read(use.Secret)
		if err != nil {
			return nil, nil, err // it names the secret
		}
		if use.Env != "" {
			variables = append(variables, spec.EnvVar{Name: use.Env, Value: string(data)})
			continue
		}
		at, mode := use.Path, fs.FileMode(use.Mode)
		if at == "" {
			at = filepath.Join("/run/secrets", use.Secret)
		}
		if use.Mode == 0 {
			mode = 0o444
		}
		uid, gid, err := hostIDs(in.Pod, uint32(use.UID), uint32(use.GID))
		if err != nil {
			return nil, nil, fmt.Errorf("secret %q: %w", use.Secret, err)
		}
		file, err := e.volumeSet(in.Pod).SecretFile(in.Container.Name, i, data, uid, gid, mode)
		if err != nil {
			return nil, nil, fmt.Errorf("secret %q: %w", use.Secret, err)
		}
		mounts = append(mounts, oci.Mount{Source: file, Path: at, ReadOnly: true, Options: []string{"nosuid", "nodev", "noexec"}})
	}
	return mounts, variables, nil
}

// zoneinfo is where the time zones of this host lie (tzset(3)).
const zoneinfo = "/usr/share/zoneinfo"

// timezone is the mount that gives a container its time zone.
func timezone(c *spec.Container) ([]oci.Mount, error) {
	if c.ByHand == nil || c.ByHand.Timezone == "" {
		return nil, nil
	}
	zone := c.ByHand.Timezone
	path := filepath.Join(zoneinfo, zone)
	if zone == "local" {
		path = "/etc/localtime"
	} else if !filepath.IsLocal(zone) {
		return nil, fmt.Errorf("%w: time zone %q is not a name such as Europe/Berlin", spec.ErrConfig, zone)
	}
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, fmt.Errorf("%w: time zone %q is not known on this host: %w", spec.ErrConfig, zone, err)
	}
	if info, err := os.Stat(resolved); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: time zone %q is not known on this host: %s is no file", spec.ErrConfig, zone, path)
	}
	return []oci.Mount{{Source: resolved, Path: "/etc/localtime", ReadOnly: true}}, nil
}
