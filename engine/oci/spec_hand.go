package oci

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/selinux/go-selinux"
	"github.com/opencontainers/selinux/go-selinux/label"

	"berth/engine/spec"
	"berth/internal/atomicfile"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// byHand adds to a configuration what only containers made on the command line
// have (podman-run(1)).
func byHand(in Input, s *specs.Spec) error {
	hand := in.Container.ByHand
	if hand == nil {
		return nil
	}
	for name, value := range hand.Annotations {
		if _, ours := s.Annotations[name]; !ours {
			s.Annotations[name] = value
		}
	}
	for _, add := range []func(Input, *specs.Spec) error{
		handProcess, handPaths, handDevices, handCDI, handTuning, handGroups, handLabels, handDomain,
	} {
		if err := add(in, s); err != nil {
			return err
		}
	}
	return nil
}

// podmanUmask is the umask of containers that ask for no other (containers.conf(5)).
const podmanUmask = 0o022

// handProcess sets what the first process is and how it starts.
func handProcess(in Input, s *specs.Spec) error {
	hand := in.Container.ByHand
	umask := uint32(podmanUmask)
	if hand.Umask != "" {
		n, err := strconv.ParseUint(hand.Umask, 8, 16)
		if err != nil || n > 0o777 {
			return fmt.Errorf("%w: umask %q is not an octal number of at most 0777", spec.ErrConfig, hand.Umask)
		}
		umask = uint32(n)
	}
	s.Process.User.Umask = &umask
	if in.InitPath != "" {
		if in.Namespaces.PID != "" {
			return fmt.Errorf("%w: an init runs as the first process, which a container that shares others' processes has not: drop --init or --pid", spec.ErrConfig)
		}
		s.Process.Args = append([]string{handInit, "--"}, s.Process.Args...)
	}
	return nil
}

// handInit is where a container finds its small init.
const handInit = "/run/podman-init"

// systemdStopSignal asks systemd to shut down (systemd(1), SIGRTMIN+3).
const systemdStopSignal = "RTMIN+3"

// RunsSystemd reports whether a container is set up for systemd, or another
// init, as its first process.
func RunsSystemd(c *spec.Container, command []string) bool {
	if c.ByHand == nil {
		return false
	}
	switch c.ByHand.Systemd {
	case spec.SystemdAlways:
		return true
	case spec.SystemdNever:
		return false
	}
	if len(command) == 0 || c.ByHand.Init {
		return false
	}
	return path.Base(command[0]) == "systemd" || slices.Contains([]string{"/sbin/init", "/usr/sbin/init", "/usr/local/sbin/init"}, command[0])
}

func runsSystemd(in Input) bool {
	return RunsSystemd(in.Container, Command(in.Container, in.Image, in.Facts))
}

// HandStopSignal is the stop signal, by name, of a container; empty: SIGTERM.
func HandStopSignal(in Input) string {
	switch {
	case in.Container.StopSignal != "":
		return in.Container.StopSignal
	case in.Image.StopSignal != "":
		return in.Image.StopSignal
	case runsSystemd(in):
		return systemdStopSignal
	}
	return ""
}

// handPaths hides further paths and shows hidden ones.
func handPaths(in Input, s *specs.Spec) error {
	hand := in.Container.ByHand
	shown := func(p string) bool {
		return slices.ContainsFunc(hand.Unmask, func(pattern string) bool {
			if strings.EqualFold(pattern, "all") || path.Clean(pattern) == p {
				return true
			}
			match, err := path.Match(pattern, p)
			return err == nil && match
		})
	}
	s.Linux.MaskedPaths = slices.DeleteFunc(s.Linux.MaskedPaths, shown)
	s.Linux.ReadonlyPaths = slices.DeleteFunc(s.Linux.ReadonlyPaths, shown)
	for _, p := range hand.Mask {
		if !path.IsAbs(p) {
			return fmt.Errorf("%w: path %q to mask is not absolute", spec.ErrConfig, p)
		}
		if p = path.Clean(p); !slices.Contains(s.Linux.MaskedPaths, p) {
			s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, p)
		}
	}
	return nil
}

// handGroups keeps the groups of whoever starts the container, and finds those
// named in the image.
func handGroups(in Input, s *specs.Spec) error {
	hand := in.Container.ByHand
	if hand.KeepGroups {
		if in.Host.runtimeName() != "crun" {
			return fmt.Errorf("%w: only crun keeps the caller's groups: choose it with --runtime", spec.ErrConfig)
		}
		s.Annotations["run.oci.keep_original_groups"] = "1" // crun(1)
		s.Process.User.AdditionalGids = nil
		return nil
	}
	if len(hand.Groups) == 0 {
		return nil
	}
	gids, err := groupsByName(hand.Groups, in.Rootfs)
	if err != nil {
		return err
	}
	for _, g := range gids {
		if !slices.Contains(s.Process.User.AdditionalGids, g) {
			s.Process.User.AdditionalGids = append(s.Process.User.AdditionalGids, g)
		}
	}
	slices.Sort(s.Process.User.AdditionalGids)
	return nil
}

// handDomain sets the execution domain (personality(2)).
func handDomain(in Input, s *specs.Spec) error {
	switch domain := in.Container.ByHand.Personality; domain {
	case "":
		return nil
	case "LINUX", "LINUX32":
		if in.Host.runtimeName() != "crun" {
			return fmt.Errorf("%w: only crun sets the personality: choose it with --runtime", spec.ErrConfig)
		}
		s.Linux.Personality = &specs.LinuxPersonality{Domain: specs.LinuxPersonalityDomain(domain)}
		return nil
	default:
		return fmt.Errorf("%w: personality %q is neither LINUX nor LINUX32", spec.ErrConfig, domain)
	}
}

// handLabels sets what the host's mandatory access control confines the container by.
func handLabels(in Input, s *specs.Spec) error {
	hand := in.Container.ByHand
	if name := hand.AppArmor; name != "" && name != "unconfined" && !(hand.AppArmorUsual && in.Host.AppArmor == nil) {
		if !in.Host.hasAppArmor(name) {
			return fmt.Errorf("%w: AppArmor profile %q is not loaded on this host: load it with apparmor_parser, or use unconfined", spec.ErrConfig, name)
		}
		s.Process.ApparmorProfile = name
	}
	if len(hand.Label) == 0 || slices.Equal(hand.Label, []string{"disable"}) {
		return nil
	}
	if !in.Host.SELinux {
		return fmt.Errorf("%w: SELinux label %s cannot be honoured: SELinux is off on this host", spec.ErrConfig, strings.Join(hand.Label, ","))
	}
	process, mount, err := label.InitLabels(hand.Label)
	if err != nil {
		return fmt.Errorf("%w: SELinux label %s: %w", spec.ErrConfig, strings.Join(hand.Label, ","), err)
	}
	s.Process.SelinuxLabel, s.Linux.MountLabel = process, mount
	return nil
}

// readAccessControl observes the host's SELinux and AppArmor.
func (h *Host) readAccessControl() {
	h.SELinux = selinux.GetEnabled()
	if on, err := os.ReadFile("/sys/module/apparmor/parameters/enabled"); err != nil || strings.TrimSpace(string(on)) != "Y" {
		return
	}
	h.AppArmor = func(name string) bool {
		profiles, err := atomicfile.ReadFile("/sys/kernel/security/apparmor/profiles")
		return err == nil && slices.ContainsFunc(strings.Split(string(profiles), "\n"), func(line string) bool { return strings.HasPrefix(line, name+" (") })
	}
}

func (h Host) hasAppArmor(name string) bool { return h.AppArmor != nil && h.AppArmor(name) }

// runtimeName is which runtime, crun or runc, the container is for.
func (h Host) runtimeName() string { return filepath.Base(h.Runtime) }
