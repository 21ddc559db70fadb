package specgen

import (
	"slices"
	"strconv"
	"strings"

	"berth/engine/spec"
)

func (w *writer) storage(s *Spec, c *spec.Container, hand *spec.ByHand) {
	s.Image, s.RawImageName = c.ImageID, c.Image
	if s.Image == "" {
		s.Image = c.Image
	}
	if r := hand.Rootfs; r != nil {
		s.Image, s.RawImageName, s.Rootfs, s.RootfsOverlay = "", "", r.Path, r.Overlay
	}
	s.ImageVolumeMode, s.Init, s.InitPath = string(hand.ImageVolumes), hand.Init, hand.InitPath
	s.WorkDir, s.ChrootDirs = c.WorkingDir, hand.ChrootDirs
	for _, m := range c.Mounts {
		if v, ok := w.pod.Volume(m.Volume); ok {
			w.mount(s, m, v)
		}
	}
	for _, d := range hand.Devices {
		s.Devices = append(s.Devices, Device{strings.TrimRight(d.Host+":"+d.Path+":"+d.Permissions, ":")})
	}
	for _, name := range hand.CDI {
		s.Devices = append(s.Devices, Device{name})
	}
	for _, rule := range hand.DeviceRules {
		s.DeviceRules = append(s.DeviceRules, deviceRule(rule))
	}
	if size := hand.ShmSize; size != 0 || w.pod.Bare && w.pod.ShmSize != 0 {
		if size == 0 {
			size = w.pod.ShmSize
		}
		size = max(0, size) // 0 is no limit to podman
		s.ShmSize = &size
	}
	if size := max(0, hand.SystemdSize); hand.SystemdSize != 0 {
		s.ShmSizeSystemd = &size
	}
	for _, use := range hand.Secrets {
		if use.Env == "" {
			s.Secrets = append(s.Secrets, Secret{use.Secret, use.Path, uint32(use.UID), uint32(use.GID), use.Mode})
			continue
		}
		if s.EnvSecrets == nil {
			s.EnvSecrets = map[string]string{}
		}
		s.EnvSecrets[use.Env] = use.Secret
	}
}

// mount says how a volume is mounted.
func (w *writer) mount(s *Spec, m spec.Mount, v *spec.Volume) {
	options := mountOptions(m)
	anonymous := NamedVolume{Dest: m.Path, Options: options, IsAnonymous: true, SubPath: m.SubPath}
	switch {
	case m.IDMap != nil:
		w.lost("the mount at %s, whose users are mapped", m.Path)
	case v.Overlay != nil && (v.Host != nil || v.Named != nil):
		s.OverlayVolumes = append(s.OverlayVolumes, overlay(m, v))
	case v.Host != nil:
		if m.SubPath != "" {
			w.lost("the part %s of the host's %s", m.SubPath, v.Host.Path)
			return
		}
		s.Mounts = append(s.Mounts, Mount{m.Path, "bind", v.Host.Path, append(options, "rbind")})
	case v.Named != nil && v.Named.Anonymous:
		s.Volumes = append(s.Volumes, anonymous)
	case v.Named != nil:
		if v.Named.ReadOnly && !m.ReadOnly {
			options = append(options, "ro")
		}
		if v.Named.NoCopy {
			options = append(options, "nocopy")
		}
		s.Volumes = append(s.Volumes, NamedVolume{Name: v.Named.Volume, Dest: m.Path, Options: options, SubPath: m.SubPath})
	case v.Tmpfs != nil:
		kind := v.Tmpfs.Kind
		if kind == "" {
			kind = "tmpfs"
		}
		s.Mounts = append(s.Mounts, Mount{m.Path, kind, kind, v.Tmpfs.Options})
	case v.Empty != nil && v.Empty.Memory:
		if size := v.Empty.Size(); size > 0 {
			options = append(options, "size="+strconv.FormatInt(size, 10))
		}
		s.Mounts = append(s.Mounts, Mount{m.Path, "tmpfs", "tmpfs", options})
	case v.Empty != nil:
		w.lost("that the volume %s is all containers': each has one of its own", v.Name)
		s.Volumes = append(s.Volumes, anonymous)
	case v.Image != nil:
		s.ImageVolumes = append(s.ImageVolumes, ImageVolume{v.Image.Image, m.Path, v.Image.Writable, v.Image.SubPath})
	default:
		w.lost("the files of the ConfigMap or Secret at %s", m.Path)
	}
}

func overlay(m spec.Mount, v *spec.Volume) OverlayVolume {
	o := OverlayVolume{Destination: m.Path}
	if v.Host != nil {
		o.Source = v.Host.Path
	} else {
		o.Source = v.Named.Volume
	}
	if v.Overlay.Upper != "" {
		o.Options = []string{"upperdir=" + v.Overlay.Upper, "workdir=" + v.Overlay.Work}
	}
	return o
}

func mountOptions(m spec.Mount) []string {
	options := slices.Clone(m.Options)
	if m.ReadOnly {
		options = append(options, "ro")
	}
	if m.Propagation != "" {
		options = append(options, string(m.Propagation))
	}
	return options
}

// deviceRule reads "c 10:200 rwm", in which * stands for any.
func deviceRule(rule string) DeviceRule {
	fields := append(strings.Fields(rule), "", "", "")
	major, minor, _ := strings.Cut(fields[1], ":")
	number := func(s string) *int64 {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil
		}
		return &n
	}
	return DeviceRule{Allow: true, Type: fields[0], Major: number(major), Minor: number(minor), Access: fields[2]}
}
