package enginetest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"berth/engine/spec"
)

// RecordPod records a pod and makes the layers of its containers made by hand.
func (f *Fake) RecordPod(_ context.Context, want *spec.Pod, stopped []string) error {
	late, err := f.begin("RecordPod")
	if err != nil {
		return err
	}
	if err := f.locked(want.Key()); err != nil {
		return err
	}
	f.Host.mu.Lock()
	defer f.Host.mu.Unlock()
	p := f.pods[want.ID]
	if p == nil {
		if p, err = f.record(want); err != nil {
			return err
		}
		for _, name := range stopped {
			p.stop(name)
		}
	}
	f.writes++
	for _, c := range p.spec.All() {
		if c.ByHand == nil {
			continue
		}
		if err := p.create(f.Host, c.Name); err != nil {
			return err
		}
	}
	return late
}

// AddContainer adds a container to a pod that takes them one by one.
func (f *Fake) AddContainer(_ context.Context, id spec.PodID, c spec.Container, volumes []spec.Volume, stopped bool) error {
	p, after, err := f.change("AddContainer", id)
	if err != nil {
		return err
	}
	if !p.spec.ByHand || c.ByHand == nil {
		return after(fmt.Errorf("%w: pod %s is one whole: containers cannot be added to it", spec.ErrConfig, p.spec.Key()))
	}
	if _, there := p.spec.Container(c.Name); there {
		return after(fmt.Errorf("container %q: %w", c.Name, spec.ErrExists))
	}
	delete(p.intents, c.Name)
	if stopped {
		p.stop(c.Name)
	}
	p.spec.Add(c)
	for _, v := range volumes {
		if _, there := p.spec.Volume(v.Name); !there {
			p.spec.Volumes = append(slices.Clone(p.spec.Volumes), v)
		}
	}
	if err := p.create(f.Host, c.Name); err != nil {
		p.forget(c.Name)
		return after(errors.Join(err))
	}
	return after(nil)
}

// RenameContainer gives a container another name, and the pod of one that stands
// alone.
func (f *Fake) RenameContainer(_ context.Context, id spec.PodID, name, to string) error {
	p, after, err := f.change("RenameContainer", id)
	if err != nil {
		return err
	}
	c, ok := p.spec.Container(name)
	switch {
	case !ok:
		return after(fmt.Errorf("container %q: %w", name, spec.ErrNotFound))
	case c.ByHand == nil:
		return after(fmt.Errorf("%w: container %q is named by its object", spec.ErrConfig, name))
	}
	if p.spec.Bare {
		if err := f.rename(p, to); err != nil {
			return after(err)
		}
	}
	p.spec.InitContainers, p.spec.Containers = slices.Clone(p.spec.InitContainers), slices.Clone(p.spec.Containers)
	c, _ = p.spec.Container(name)
	hand := *c.ByHand
	hand.Called, c.ByHand = to, &hand
	if to == name {
		hand.Called = ""
	}
	return after(nil)
}

// RenamePod gives a pod made by hand another name.
func (f *Fake) RenamePod(_ context.Context, id spec.PodID, to string) error {
	p, after, err := f.change("RenamePod", id)
	switch {
	case err != nil:
		return err
	case !p.spec.ByHand:
		return after(fmt.Errorf("%w: pod %s is named by its object", spec.ErrConfig, p.spec.Key()))
	}
	return after(f.rename(p, to))
}

// rename gives a pod a name that no other has; the lock of that is held.
func (f *Fake) rename(p *pod, to string) error {
	key := spec.PodKey{Namespace: p.spec.Namespace, Name: to}
	if err := f.locked(key); err != nil {
		return err
	}
	for _, other := range f.pods {
		if other != p && other.spec.Key() == key {
			return fmt.Errorf("pod %s: %w", key, spec.ErrExists)
		}
	}
	p.spec.Name = to
	return nil
}

// PauseContainer halts a container. The clock of the fake's programs goes on.
func (f *Fake) PauseContainer(_ context.Context, id spec.PodID, name string) error {
	return f.freeze("PauseContainer", id, name, spec.StateRunning, spec.StatePaused)
}

// UnpauseContainer lets it go on.
func (f *Fake) UnpauseContainer(_ context.Context, id spec.PodID, name string) error {
	return f.freeze("UnpauseContainer", id, name, spec.StatePaused, spec.StateRunning)
}

func (f *Fake) freeze(verb string, id spec.PodID, name string, from, to spec.ContainerState) error {
	p, after, err := f.change(verb, id)
	if err != nil {
		return err
	}
	c := p.containers[name]
	if c == nil || c.status.State != from {
		return after(fmt.Errorf("container %q is not %s", name, from))
	}
	c.status.State = to
	return after(nil)
}

// forget takes a container out of the pod's record, and the volumes that none of
// the others mounts.
func (p *pod) forget(name string) {
	p.spec.Drop(name)
	p.spec.Volumes = slices.DeleteFunc(slices.Clone(p.spec.Volumes), func(v spec.Volume) bool {
		return !slices.ContainsFunc(p.spec.All(), func(c spec.Container) bool {
			return slices.ContainsFunc(c.Mounts, func(m spec.Mount) bool { return m.Volume == v.Name })
		})
	})
}
