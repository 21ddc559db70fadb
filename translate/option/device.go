package option

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"berth/engine/spec"
)

// device is what of the host's devices a container has.
type device struct {
	devices, rules, gpus []string
}

// shared adds what containers and pods have in common.
func (d *device) shared(f *pflag.FlagSet) {
	f.StringSliceVar(&d.devices, "device", nil, "give the container a device, `path[:path[:permissions]]`, or vendor/class=name as CDI has it")
	f.StringSliceVar(&d.gpus, "gpus", nil, "give the container a `gpu` of Nvidia, by number or ID; all: every one")
}

func (d *device) register(f *pflag.FlagSet) {
	d.shared(f)
	f.StringSliceVar(&d.rules, "device-cgroup-rule", nil, "let the container use further devices, as cgroups have it (`type major:minor mode`)")
}

func (d *device) apply(m *maker) {
	if m.given("device") && len(d.devices) == 0 {
		m.failf("device", "", "the path of a device is missing")
	}
	for _, s := range d.devices {
		if isCDI(s) {
			m.hand.CDI = append(m.hand.CDI, s)
			continue
		}
		dev, err := parseDevice(s)
		m.noteFlag("device", s, err)
		m.hand.Devices = append(m.hand.Devices, dev)
	}
	for _, s := range d.gpus {
		name := strings.TrimPrefix(s, "device=") // Docker's way to write it
		if name == "" || strings.ContainsAny(name, "=/ ") {
			m.failf("gpus", s, "write all, or the number or ID of a GPU")
			continue
		}
		m.hand.CDI = append(m.hand.CDI, "nvidia.com/gpu="+name)
	}
	for _, s := range d.rules {
		if !deviceRule().MatchString(s) {
			m.failf("device-cgroup-rule", s, "write \"type major:minor mode\", such as \"c 10:200 rwm\"")
			continue
		}
		m.hand.DeviceRules = append(m.hand.DeviceRules, s)
	}
}

// deviceRule is of the kernel's documentation of cgroup v1's devices.
var deviceRule = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(a|[bc] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}|a \*:\* [rwm]{1,3})$`)
})

// cdiName is vendor/class=name (CDI's specification).
var cdiName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_.-]*/[a-zA-Z0-9_.-]+=[a-zA-Z0-9_.:-]+$`)
})

func isCDI(s string) bool { return cdiName().MatchString(s) }

// parseDevice reads host[:container][:permissions].
func parseDevice(s string) (spec.Device, error) {
	parts := strings.Split(s, ":")
	d := spec.Device{Host: parts[0], Path: parts[0]}
	if !path.IsAbs(d.Host) {
		return d, errors.New("give the path of a device, such as /dev/fuse, or the name CDI gives it, such as nvidia.com/gpu=all")
	}
	d.Host = path.Clean(d.Host)
	d.Path = d.Host
	rest := parts[1:]
	if len(rest) > 0 && strings.HasPrefix(rest[0], "/") {
		d.Path, rest = path.Clean(rest[0]), rest[1:]
	}
	if len(rest) == 0 {
		return d, nil
	}
	if len(rest) > 1 {
		return d, errors.New("write path[:path[:permissions]]")
	}
	seen := ""
	for _, c := range rest[0] {
		if !strings.ContainsRune("rwm", c) || strings.ContainsRune(seen, c) {
			return d, fmt.Errorf("%q are not permissions: write some of rwm, or the absolute path in the container", rest[0])
		}
		seen += string(c)
	}
	if seen == "" {
		return d, errors.New("the permissions are missing: write some of rwm")
	}
	d.Permissions = seen
	return d, nil
}
