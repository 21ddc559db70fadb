package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"berth/engine/spec"
	"berth/engine/volume"
)

// VolumeUsers lists, by named volume, the pods that mount it.
func (e *Engine) VolumeUsers(context.Context) (map[string][]spec.PodKey, error) {
	pods, _, err := e.records.ListPods()
	if err != nil {
		return nil, err
	}
	users := map[string][]spec.PodKey{}
	for _, p := range pods {
		for _, v := range p.Volumes {
			if v.Named != nil {
				users[v.Named.Volume] = append(users[v.Named.Volume], p.Key())
			}
		}
	}
	return users, nil
}

// EnsureVolume makes a named volume, unless it is there; made says whether it did.
func (e *Engine) EnsureVolume(ctx context.Context, v *spec.NamedVolume) (made bool, err error) {
	_, made, err = e.volumes.Obtain(ctx, v)
	return made, err
}

// CreateVolume makes a named volume; one of that name is spec.ErrExists. What the
// driver image stands on must be there.
func (e *Engine) CreateVolume(ctx context.Context, v volume.Volume) (volume.Volume, error) {
	if err := v.Check(); err != nil {
		return volume.Volume{}, err
	}
	if v.Driver != volume.DriverImage {
		return e.volumes.Create(ctx, v)
	}
	if _, err := e.volumes.Inspect(ctx, v.Name); err == nil {
		return volume.Volume{}, fmt.Errorf("volume %q: %w", v.Name, spec.ErrExists)
	}
	if _, err := e.images.Lookup(ctx, v.Options["image"]); err != nil {
		return volume.Volume{}, fmt.Errorf("volume %q: %w", v.Name, err)
	}
	made, err := e.volumes.Create(ctx, v)
	if err != nil && made.StorageID != "" {
		err = errors.Join(err, e.images.RemoveRootfs(context.WithoutCancel(ctx), made.StorageID))
	}
	return made, err
}

// volumeLayer gives what removes the root file system of a volume, if it has one.
func (e *Engine) volumeLayer(ctx context.Context, name string) (remove func() error, err error) {
	v, err := e.volumes.Inspect(ctx, name)
	if err != nil {
		return nil, err
	}
	return func() error {
		if v.StorageID == "" {
			return nil
		}
		return e.images.RemoveRootfs(context.WithoutCancel(ctx), v.StorageID)
	}, nil
}

// MountVolume mounts what holds a volume's data, if that is no plain folder, and
// returns where the data is. It stays mounted until UnmountVolume, as it does when
// the last pod with it ends.
func (e *Engine) MountVolume(ctx context.Context, name string) (string, error) {
	v, err := e.mountedVolume(ctx, name)
	return v.Mountpoint, err
}

// UnmountVolume takes off what MountVolume, or a pod, mounted. A volume of a pod
// that is up is spec.ErrInUse.
func (e *Engine) UnmountVolume(ctx context.Context, name string) error {
	v, err := e.volumes.Inspect(ctx, name)
	if err != nil {
		return err
	}
	return e.volumes.Release(ctx, v, func() error {
		pods, err := e.podsWith(name)
		if err != nil {
			return err
		}
		for _, p := range pods {
			if _, up, err := e.records.ReadSandbox(p.ID); err != nil || up {
				return errors.Join(err, fmt.Errorf("volume %q is used by pod %s: %w", name, p.Key(), spec.ErrInUse))
			}
		}
		return nil
	})
}

// ExportVolume writes what is on a volume as a tar archive.
func (e *Engine) ExportVolume(ctx context.Context, name string, to io.Writer) error {
	v, err := e.mountedVolume(ctx, name)
	if err != nil {
		return err
	}
	return e.volumes.Export(ctx, v, to)
}

// ImportVolume unpacks a tar archive, compressed or not, onto a volume.
func (e *Engine) ImportVolume(ctx context.Context, name string, from io.Reader) error {
	v, err := e.mountedVolume(ctx, name)
	if err != nil {
		return err
	}
	return e.volumes.Import(ctx, v, from)
}

func (e *Engine) mountedVolume(ctx context.Context, name string) (volume.Volume, error) {
	v, err := e.volumes.Inspect(ctx, name)
	if err != nil {
		return v, err
	}
	return v, e.volumes.Mount(ctx, v)
}

// RemoveVolume deletes a named volume and its data. One that pods use is
// spec.ErrInUse unless force, which removes those pods, too.
func (e *Engine) RemoveVolume(ctx context.Context, name string, force bool) error {
	if force {
		return e.RemoveVolumeAndPods(ctx, name, -1)
	}
	layer, err := e.volumeLayer(ctx, name)
	if err != nil {
		return err
	}
	discard, err := e.volumes.Take(ctx, name, func() error {
		users, err := e.podsWith(name)
		if err == nil && len(users) > 0 {
			err = fmt.Errorf("volume %q is used by pod %s: %w", name, users[0].Key(), spec.ErrInUse)
		}
		return err
	})
	if err != nil {
		return err
	}
	return errors.Join(discard(), layer())
}

// RemoveVolumeAndPods deletes a named volume, its data and the pods that use it;
// they have grace to end, or if that is negative, their own. A pod that somebody
// makes again meanwhile has a new volume of that name.
func (e *Engine) RemoveVolumeAndPods(ctx context.Context, name string, grace time.Duration) error {
	layer, err := e.volumeLayer(ctx, name)
	if err != nil {
		return err
	}
	var users []spec.Pod
	discard, err := e.volumes.Take(ctx, name, func() (err error) {
		users, err = e.podsWith(name)
		return err
	})
	if err != nil {
		return err
	}
	removals := make([]func() error, len(users))
	for i, p := range users {
		within := grace
		if grace < 0 {
			within = min(p.TerminationGrace, mostGrace)
		}
		removals[i] = func() error { return e.removeLocked(ctx, p.Key(), p.ID, within) }
	}
	return errors.Join(together(removals...), discard(), layer())
}

// podsWith lists the pods that mount a named volume.
func (e *Engine) podsWith(volume string) ([]spec.Pod, error) {
	pods, _, err := e.records.ListPods()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(pods, func(p spec.Pod) bool {
		return !slices.ContainsFunc(p.Volumes, func(v spec.Volume) bool { return v.Named != nil && v.Named.Volume == volume })
	}), nil
}

// removeLocked removes a pod under its lock; gone is success.
func (e *Engine) removeLocked(ctx context.Context, key spec.PodKey, id spec.PodID, grace time.Duration) error {
	unlock, err := e.Lock(ctx, key)
	if err != nil {
		return err
	}
	defer unlock()
	return e.RemovePod(ctx, id, grace)
}

// mostGrace is how long containers may take to end at most when all is cleared.
const mostGrace = 10 * time.Second

// clearVolumes removes all volumes, recorded or not, and the root file systems
// that no container has then.
func (e *Engine) clearVolumes(ctx context.Context) error {
	errs := []error{e.volumes.Clear(ctx)}
	own, err := e.owned()
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	layers, err := e.checkLayers(ctx, own)
	errs = append(errs, err)
	for _, l := range layers {
		errs = append(errs, l.Remove(ctx))
	}
	return errors.Join(errs...)
}
