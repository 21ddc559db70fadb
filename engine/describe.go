package engine

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"

	"berth/engine/image"
	"berth/engine/network"
	"berth/engine/oci"
	"berth/engine/spec"
)

// Description is what is known of a container beyond its status: nothing of it is
// needed to look after it.
type Description struct {
	Given    *oci.Given // what the runtime was given; nil while it is not made
	Image    ociv1.ImageConfig
	Runtime  string // "crun"
	Hostname string // the host's
	Manager  string // of cgroups
	Driver   image.GraphDriver
	Networks map[string]network.Network // those of its pod that are there
	Volumes  map[string]string          // where the named ones lie that are there
}

// Describe says what is known of a pod's container. What is gone meanwhile is left
// out.
func (e *Engine) Describe(ctx context.Context, p *spec.PodStatus, c spec.ContainerStatus) (Description, error) {
	d := Description{Networks: map[string]network.Network{}, Volumes: map[string]string{}}
	runtime, err := e.runtimeOf(p.Pod.ID)
	if err != nil {
		return d, err
	}
	d.Runtime, d.Manager = filepath.Base(runtime.Path()), runtime.CgroupManager()
	if d.Hostname, err = os.Hostname(); err != nil {
		return d, err
	}
	d.Given, err = oci.ReadGiven(e.records.Bundle(p.Pod.ID, c.Name))
	errs := []error{missing(err)}
	if c.ImageID != "" {
		config, err := e.images.Config(ctx, c.ImageID)
		if err == nil {
			d.Image = config.Config
		}
		errs = append(errs, missing(err))
	}
	if d.Driver, err = e.images.RootfsDriver(ctx, c.Rootfs()); err != nil {
		errs = append(errs, missing(err))
	}
	for _, name := range p.Networks() {
		n, err := e.networks.Inspect(ctx, name)
		if err == nil {
			d.Networks[name] = n
		}
		errs = append(errs, missing(err))
	}
	named := map[string]bool{}
	for _, v := range p.Pod.Volumes {
		if v.Named != nil {
			named[v.Named.Volume] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		v, err := e.volumes.Inspect(ctx, name)
		if err == nil {
			d.Volumes[name] = v.Mountpoint
		}
		errs = append(errs, missing(err))
	}
	return d, errors.Join(errs...)
}

// missing is an error but for that something is not there.
func missing(err error) error {
	if errors.Is(err, spec.ErrNotFound) || errors.Is(err, spec.ErrImageMissing) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
