package enginetest

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"berth/engine/spec"
)

// EnsureVolume makes a named volume, unless it is there.
func (f *Fake) EnsureVolume(_ context.Context, v *spec.NamedVolume) (bool, error) {
	late, err := f.begin("EnsureVolume")
	if err != nil {
		return false, err
	}
	f.Host.mu.Lock()
	defer f.Host.mu.Unlock()
	made := !f.volumes[v.Volume]
	if made {
		f.volumes[v.Volume] = true
		f.writes++
	}
	return made, late
}

// RemoveVolume removes a named volume, and with force the pods that use it.
func (f *Fake) RemoveVolume(ctx context.Context, name string, force bool) error {
	late, err := f.begin("RemoveVolume")
	if err != nil {
		return err
	}
	f.Host.mu.Lock()
	there, users := f.volumes[name], f.volumeUsers(name)
	f.Host.mu.Unlock()
	switch {
	case !there:
		return fmt.Errorf("volume %q: %w", name, spec.ErrNotFound)
	case len(users) > 0 && !force:
		return fmt.Errorf("volume %q is used by pod %s: %w", name, users[0].Key(), spec.ErrInUse)
	}
	for _, p := range users {
		if err := f.removeLocked(ctx, p); err != nil {
			return err
		}
	}
	f.Host.mu.Lock()
	defer f.Host.mu.Unlock()
	delete(f.volumes, name)
	f.writes++
	return late
}

func (f *Fake) removeLocked(ctx context.Context, p spec.Pod) error {
	unlock, err := f.Lock(ctx, p.Key())
	if err != nil {
		return err
	}
	defer unlock()
	return f.RemovePod(ctx, p.ID, p.TerminationGrace)
}

// volumeUsers are the pods that use a volume. The host's mutex is held.
func (h *Host) volumeUsers(name string) []spec.Pod {
	var out []spec.Pod
	for _, p := range h.pods {
		if slices.ContainsFunc(p.spec.Volumes, func(v spec.Volume) bool { return v.Named != nil && v.Named.Volume == name }) {
			out = append(out, p.spec)
		}
	}
	return out
}

// Volumes are the names of the volumes there are.
func (h *Host) Volumes() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Sorted(maps.Keys(h.volumes))
}
