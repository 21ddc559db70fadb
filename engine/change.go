package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"berth/engine/spec"
)

// UpdateFiles gives a files volume of a pod another content. Containers that
// mount it see all new files at once, without a restart; a mount of a subPath
// keeps what it has.
func (e *Engine) UpdateFiles(_ context.Context, id spec.PodID, volume string, files *spec.FilesVolume) error {
	pod, err := e.pod(id)
	if err != nil {
		return err
	}
	if v, ok := pod.Volume(volume); !ok || v.Files == nil {
		return fmt.Errorf("files volume %q of pod %s: %w", volume, pod.Key(), spec.ErrNotFound)
	}
	unlock := e.serial.lock(id)
	defer unlock()
	if err := e.volumeSet(id).Update(volume, files); err != nil {
		return err
	}
	v, _ := pod.Volume(volume)
	v.Files.Content = files.Content
	return e.records.SavePod(&pod)
}

// SetOwner records another owner and origin of a pod that runs on unchanged.
func (e *Engine) SetOwner(_ context.Context, id spec.PodID, owner spec.Owner, origin spec.Origin) error {
	pod, err := e.pod(id)
	if err != nil {
		return err
	}
	pod.Owner, pod.Origin = owner, origin
	return e.records.SavePod(&pod)
}

// DescribePod records the labels, annotations and manifest of a pod that runs on
// unchanged.
func (e *Engine) DescribePod(_ context.Context, id spec.PodID, from *spec.Pod) error {
	pod, err := e.pod(id)
	if err != nil {
		return err
	}
	pod.Describe(from)
	return e.records.SavePod(&pod)
}

// SetStopped records that a person stopped a container, or with container ""
// the whole pod, or that this no longer holds.
func (e *Engine) SetStopped(_ context.Context, id spec.PodID, container string, stopped bool) error {
	if _, err := e.pod(id); err != nil {
		return err
	}
	intent, err := e.records.ReadIntent(id)
	if err != nil {
		return err
	}
	switch {
	case container == "" && stopped:
		intent.Pod = true
	case container == "":
		intent.Pod, intent.Containers = false, nil
	case stopped && !slices.Contains(intent.Containers, container):
		intent.Containers = append(intent.Containers, container)
	case !stopped:
		intent.Containers = slices.DeleteFunc(intent.Containers, func(c string) bool { return c == container })
	}
	return e.records.SaveIntent(id, intent)
}

// SaveHistory records restart counts and back-off of a pod's containers.
func (e *Engine) SaveHistory(_ context.Context, id spec.PodID, h spec.History) error {
	if _, err := e.pod(id); err != nil {
		return err
	}
	return e.records.SaveHistory(id, h)
}

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

// RemoveVolume deletes a named volume and its data. One that pods use is
// spec.ErrInUse unless force, which removes those pods, too.
func (e *Engine) RemoveVolume(ctx context.Context, name string, force bool) error {
	if force {
		return e.RemoveVolumeAndPods(ctx, name, -1)
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
	return discard()
}

// RemoveVolumeAndPods deletes a named volume, its data and the pods that use it;
// they have grace to end, or if that is negative, their own. A pod that somebody
// makes again meanwhile has a new volume of that name.
func (e *Engine) RemoveVolumeAndPods(ctx context.Context, name string, grace time.Duration) error {
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
	return errors.Join(together(removals...), discard())
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
