package enginetest

import (
	"context"
	"fmt"
	"slices"

	"berth/engine/spec"
)

// TakeImage has a container made from another image from its next start on.
func (f *Fake) TakeImage(_ context.Context, id spec.PodID, name string, image spec.Image) error {
	p, after, err := f.change("TakeImage", id)
	if err != nil {
		return err
	}
	p.spec.InitContainers, p.spec.Containers = slices.Clone(p.spec.InitContainers), slices.Clone(p.spec.Containers)
	c, ok := p.spec.Container(name)
	if !ok {
		return after(fmt.Errorf("container %q: %w", name, spec.ErrNotFound))
	}
	if c.ImageID != "" && c.ImageID != image.ID {
		p.spec.Previous = append(slices.Clone(p.spec.Previous), c.ImageID)
	}
	c.ImageID, c.ImageDigest = image.ID, image.Digest
	return after(nil)
}

// SaveFailure records why a container that has ended cannot be made again.
func (f *Fake) SaveFailure(_ context.Context, id spec.PodID, name string, why spec.Failure) error {
	p, after, err := f.change("SaveFailure", id)
	if err != nil {
		return err
	}
	if _, ok := p.spec.Container(name); !ok {
		return after(fmt.Errorf("container %q: %w", name, spec.ErrNotFound))
	}
	if c := p.containers[name]; c != nil && c.status.Finished() {
		c.status.Failed = &why
	}
	return after(nil)
}
