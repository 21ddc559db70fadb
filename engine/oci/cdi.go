package oci

import (
	"errors"
	"fmt"
	"strings"

	"tags.cncf.io/container-device-interface/pkg/cdi"

	"berth/engine/spec"
	"berth/internal/source"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// handCDI gives a container what the Container Device Interface says of devices
// that are asked for by name: their nodes, mounts, variables and hooks. It is
// described in files below /etc/cdi and /run/cdi
// (https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md).
func handCDI(in Input, s *specs.Spec) error {
	names := in.Container.ByHand.CDI
	if len(names) == 0 {
		return nil
	}
	dirs := in.Host.CDIDirs
	if len(dirs) == 0 {
		dirs = cdi.DefaultSpecDirs
	}
	cache, err := cdi.NewCache(cdi.WithSpecDirs(dirs...), cdi.WithAutoRefresh(false))
	if err != nil {
		return fmt.Errorf("read the descriptions of devices in %s: %w", strings.Join(dirs, ", "), err)
	}
	known := cache.ListDevices()
	unknown, err := cache.InjectDevices(s, names...)
	switch {
	case len(unknown) > 0:
		why := ""
		for _, list := range cache.GetErrors() {
			why += "; " + errors.Join(list...).Error()
		}
		return fmt.Errorf("%w: no file in %s describes the device %s%s%s",
			spec.ErrConfig, strings.Join(dirs, ", "), strings.Join(unknown, ", "), source.DidYouMean(unknown[0], known), why)
	case err != nil:
		return fmt.Errorf("%w: device %s: %w", spec.ErrConfig, strings.Join(names, ", "), err)
	}
	return nil
}
