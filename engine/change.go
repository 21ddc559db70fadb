package engine

import (
	"context"
	"fmt"
	"slices"

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
	if err := e.volumeSet(&pod).Update(volume, files); err != nil {
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

// TakeImage has a container made from another image from its next start on. The one
// it had stays known, as the way back.
func (e *Engine) TakeImage(_ context.Context, id spec.PodID, name string, image spec.Image) error {
	pod, err := e.pod(id)
	if err != nil {
		return err
	}
	c, ok := pod.Container(name)
	if !ok {
		return fmt.Errorf("container %q: %w", name, spec.ErrNotFound)
	}
	if c.ImageID == image.ID {
		return nil
	}
	if c.ImageID != "" && !slices.Contains(pod.Previous, c.ImageID) {
		pod.Previous = append(slices.Clone(pod.Previous), c.ImageID)
		pod.Previous = pod.Previous[max(0, len(pod.Previous)-len(pod.All())):]
	}
	c.ImageID, c.ImageDigest = image.ID, image.Digest
	return e.records.SavePod(&pod)
}

// SaveFailure records why a container that has ended cannot be made again; with any
// other it does nothing.
func (e *Engine) SaveFailure(ctx context.Context, id spec.PodID, name string, why spec.Failure) error {
	pod, err := e.pod(id)
	if err != nil {
		return err
	}
	if _, ok := pod.Container(name); !ok {
		return fmt.Errorf("container %q: %w", name, spec.ErrNotFound)
	}
	run, err := e.runtimeOf(id)
	if err != nil {
		return err
	}
	status, err := e.observeContainer(run, &pod, name)
	if err != nil || !status.Finished() {
		return err
	}
	c, err := e.records.ReadContainer(id, name)
	if err != nil {
		return err
	}
	if err := e.endContainer(ctx, &pod, &c, 0); err != nil {
		return err
	}
	if c.Ended == nil {
		c.Ended = unseenEnd(&status)
	}
	c.Failed = &why
	return e.records.SaveContainer(id, c)
}

// unseenEnd is the end of a container that nobody saw.
func unseenEnd(status *spec.ContainerStatus) *spec.Termination {
	return &spec.Termination{
		ContainerID: status.ID, ExitCode: status.ExitCode, Reason: status.Reason, Message: status.Message, StartedAt: status.StartedAt,
	}
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
	if stopped {
		intent.Stop(container)
	} else {
		intent.Start(container)
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
