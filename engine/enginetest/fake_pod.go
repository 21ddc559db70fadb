package enginetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"
	"time"

	"berth/engine/spec"
	"berth/internal/deadline"
)

// EnsurePod records a pod, brings its sandbox up and creates containers.
func (f *Fake) EnsurePod(_ context.Context, want *spec.Pod, create []string) error {
	late, err := f.begin("EnsurePod")
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
	}
	f.writes++
	for _, v := range want.Volumes {
		if v.Files != nil && v.Files.Files != nil {
			p.files[v.Name] = v.Files.Files
		}
		if v.Named != nil {
			f.volumes[v.Named.Volume] = true
		}
	}
	if p.sandbox == spec.SandboxLost {
		p.down()
	}
	if p.sandbox == spec.SandboxNone {
		if p.spec.UsesSecrets() && want.Secrets == nil {
			return fmt.Errorf("the secrets of pod %s are gone: %w", want.Key(), spec.ErrConfig)
		}
		if err := f.ports(p); err != nil {
			return err
		}
		p.sandbox, p.startedAt, p.secrets = spec.SandboxReady, time.Now(), want.Secrets
		p.infra = spec.ContainerStatus{Name: "_infra", State: spec.StateNone}
		if p.spec.HasInfra() {
			p.infra = spec.ContainerStatus{ID: spec.NewContainerID(), Name: "_infra", State: spec.StateRunning, StartedAt: p.startedAt}
		}
	}
	var failed error
	for _, name := range create {
		err := p.create(f.Host, name)
		switch {
		case spec.StartErrors(err) != nil:
			failed = errors.Join(failed, err)
		case err != nil:
			return err
		}
	}
	return errors.Join(failed, late)
}

// record makes a pod's record, as spec.ErrExists if its name is taken.
func (f *Fake) record(want *spec.Pod) (*pod, error) {
	for _, other := range f.pods {
		if other.spec.Key() == want.Key() {
			return nil, fmt.Errorf("pod %s (%s): %w", want.Key(), other.spec.ID.Short(), spec.ErrExists)
		}
	}
	p := &pod{
		spec: *want, sandbox: spec.SandboxNone, files: map[string][]spec.File{},
		containers: map[string]*container{}, intents: map[string]bool{}, terminations: map[*deadline.Deadline]spec.ContainerID{}, hastened: map[spec.ContainerID]time.Time{},
	}
	p.spec.Secrets = nil
	p.spec.Volumes = slices.Clone(want.Volumes)
	for i, v := range p.spec.Volumes {
		if v.Files != nil {
			p.spec.Volumes[i].Files = &spec.FilesVolume{Content: v.Files.Content}
		}
	}
	f.pods[want.ID] = p
	f.notify(want.ID)
	return p, nil
}

// ports fails if another pod holds one of the pod's host ports.
func (f *Fake) ports(p *pod) error {
	for _, other := range f.pods {
		if other == p || other.sandbox == spec.SandboxNone {
			continue
		}
		for _, port := range p.spec.Ports {
			for _, o := range other.spec.Ports {
				if port.HostPort != 0 && port.HostPort == o.HostPort && port.Protocol == o.Protocol {
					return &spec.PortTakenError{Port: port, Err: syscall.EADDRINUSE}
				}
			}
		}
	}
	return nil
}

// StopPod ends the containers, then the sandbox.
func (f *Fake) StopPod(ctx context.Context, id spec.PodID, grace time.Duration) error {
	p, after, err := f.change("StopPod", id)
	if err != nil {
		return err
	}
	return after(f.stop(ctx, p, grace))
}

// stop is called, and returns, with the host's mutex held.
func (f *Fake) stop(ctx context.Context, p *pod, grace time.Duration) error {
	var waits []func() error
	for _, c := range p.containers {
		waits = append(waits, f.signalEnd(ctx, p, c, grace))
	}
	f.Host.mu.Unlock()
	var errs []error
	for _, wait := range waits {
		errs = append(errs, wait())
	}
	f.Host.mu.Lock()
	p.down()
	return errors.Join(errs...)
}

// down takes the sandbox down; what still runs in it is killed.
func (p *pod) down() {
	for _, c := range p.containers {
		c.end(137, "Error")
		c.life = nil
	}
	p.secrets = nil
	clear(p.hastened)
	p.sandbox, p.startedAt = spec.SandboxNone, time.Time{}
	p.infra = spec.ContainerStatus{Name: "_infra", State: spec.StateNone}
}

// RemovePod stops a pod and forgets it.
func (f *Fake) RemovePod(ctx context.Context, id spec.PodID, grace time.Duration) error {
	p, after, err := f.change("RemovePod", id)
	if errors.Is(err, spec.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := f.stop(ctx, p, grace); err != nil {
		return after(err)
	}
	delete(f.pods, id)
	f.notify("")
	return after(nil)
}

// UpdateFiles swaps the files of a volume.
func (f *Fake) UpdateFiles(_ context.Context, id spec.PodID, volume string, files *spec.FilesVolume) error {
	p, after, err := f.change("UpdateFiles", id)
	if err != nil {
		return err
	}
	v, ok := p.spec.Volume(volume)
	if !ok || v.Files == nil {
		return after(fmt.Errorf("files volume %q: %w", volume, spec.ErrNotFound))
	}
	volumes := slices.Clone(p.spec.Volumes) // statuses handed out must not change
	for i := range volumes {
		if volumes[i].Name == volume {
			volumes[i].Files = &spec.FilesVolume{Content: files.Content}
		}
	}
	p.spec.Volumes = volumes
	p.files[volume] = files.Files
	return after(nil)
}

// SetOwner records another owner and origin.
func (f *Fake) SetOwner(_ context.Context, id spec.PodID, owner spec.Owner, origin spec.Origin) error {
	p, after, err := f.change("SetOwner", id)
	if err != nil {
		return err
	}
	p.spec.Owner, p.spec.Origin = owner, origin
	return after(nil)
}

// DescribePod records labels, annotations and manifest.
func (f *Fake) DescribePod(_ context.Context, id spec.PodID, from *spec.Pod) error {
	p, after, err := f.change("DescribePod", id)
	if err != nil {
		return err
	}
	p.spec.Describe(from)
	return after(nil)
}

// SetStopped records a person's wish.
func (f *Fake) SetStopped(_ context.Context, id spec.PodID, name string, stopped bool) error {
	p, after, err := f.change("SetStopped", id)
	if err != nil {
		return err
	}
	switch {
	case stopped:
		p.stop(name)
	case name == "":
		p.stopped = false
		clear(p.intents)
	default:
		delete(p.intents, name)
	}
	return after(nil)
}

// stop notes a person's wish; "" is the whole pod.
func (p *pod) stop(name string) {
	if name == "" {
		p.stopped = true
	} else {
		p.intents[name] = true
	}
}

// SaveHistory records restart counts and back-off.
func (f *Fake) SaveHistory(_ context.Context, id spec.PodID, h spec.History) error {
	p, after, err := f.change("SaveHistory", id)
	if err != nil {
		return err
	}
	p.history = maps.Clone(h)
	return after(nil)
}
