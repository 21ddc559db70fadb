package oci

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"berth/engine/spec"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// handDevices gives a container devices of the host, by path or by rule.
func handDevices(in Input, s *specs.Spec) error {
	hand := in.Container.ByHand
	var rules []specs.LinuxDeviceCgroup
	for _, asked := range hand.Devices {
		found, err := devicesAt(asked)
		if err != nil {
			return err
		}
		for _, d := range found {
			s.Linux.Devices = slices.DeleteFunc(s.Linux.Devices, func(have specs.LinuxDevice) bool { return have.Path == d.Path })
			s.Linux.Devices = append(s.Linux.Devices, d.spec())
			major, minor := d.Major, d.Minor
			rules = append(rules, specs.LinuxDeviceCgroup{Allow: true, Type: d.Type, Major: &major, Minor: &minor, Access: permissions(asked)})
		}
	}
	for _, text := range hand.DeviceRules {
		rule, err := parseDeviceRule(text)
		if err != nil {
			return err
		}
		rules = append(rules, rule)
	}
	if s.Linux.Resources != nil && !in.Container.Security.Privileged {
		s.Linux.Resources.Devices = append(s.Linux.Resources.Devices, rules...)
	}
	return nil
}

func permissions(d spec.Device) string {
	if d.Permissions == "" {
		return "rwm"
	}
	return d.Permissions
}

// CheckDevice fails if there is no such device on this host.
func CheckDevice(asked spec.Device) error {
	_, err := devicesAt(asked)
	return err
}

// devicesAt are the devices of the host at a path: one, or all in a folder.
func devicesAt(asked spec.Device) ([]Device, error) {
	to := asked.Path
	if to == "" {
		to = asked.Host
	}
	if !path.IsAbs(to) {
		return nil, fmt.Errorf("%w: device path %q in the container is not absolute", spec.ErrConfig, to)
	}
	info, err := os.Stat(asked.Host)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: there is no device %s on this host", spec.ErrConfig, asked.Host)
	}
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		found, err := HostDevices(asked.Host)
		if err != nil {
			return nil, fmt.Errorf("list the devices in %s: %w", asked.Host, err)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%w: there are no devices in %s", spec.ErrConfig, asked.Host)
		}
		for i := range found {
			below, err := filepath.Rel(asked.Host, found[i].Path)
			if err != nil {
				return nil, err
			}
			found[i].Path = path.Join(to, below)
		}
		return found, nil
	}
	var st unix.Stat_t
	if err := unix.Stat(asked.Host, &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: asked.Host, Err: err}
	}
	d := Device{
		Path: path.Clean(to), Mode: os.FileMode(st.Mode & 0o777), UID: st.Uid, GID: st.Gid,
		Major: int64(unix.Major(st.Rdev)), Minor: int64(unix.Minor(st.Rdev)),
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFCHR:
		d.Type = "c"
	case unix.S_IFBLK:
		d.Type = "b"
	default:
		return nil, fmt.Errorf("%w: %s is not a device", spec.ErrConfig, asked.Host)
	}
	return []Device{d}, nil
}

// parseDeviceRule reads a rule of the devices cgroup: "c 10:200 rwm", "a *:* rwm".
func parseDeviceRule(text string) (specs.LinuxDeviceCgroup, error) {
	wrong := fmt.Errorf("%w: device rule %q is not \"TYPE MAJOR:MINOR MODE\", as \"c 10:200 rwm\"", spec.ErrConfig, text)
	rule := specs.LinuxDeviceCgroup{Allow: true, Access: "rwm"}
	fields := strings.Fields(text)
	if len(fields) == 0 || !slices.Contains([]string{"a", "b", "c"}, fields[0]) {
		return rule, wrong
	}
	if rule.Type = fields[0]; len(fields) == 1 && rule.Type == "a" {
		return rule, nil
	}
	if len(fields) != 3 || strings.Trim(fields[2], "rwm") != "" {
		return rule, wrong
	}
	rule.Access = fields[2]
	major, minor, ok := strings.Cut(fields[1], ":")
	if !ok {
		return rule, wrong
	}
	for _, n := range []struct {
		text string
		to   **int64
	}{{major, &rule.Major}, {minor, &rule.Minor}} {
		if n.text == "*" {
			continue
		}
		v, err := strconv.ParseInt(n.text, 10, 32)
		if err != nil || v < 0 {
			return rule, wrong
		}
		*n.to = &v
	}
	return rule, nil
}
