package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"berth/engine/spec"
)

// RenameContainer gives a container made by hand another name. The pod of one that
// stands alone is only there for it and gets the name, too: the locks of the old
// and the new one are held then, and a pod that has the new one is spec.ErrExists.
// On its networks it goes by the new one at once; what itself reads of it is as it
// was until it is started again.
func (e *Engine) RenameContainer(ctx context.Context, id spec.PodID, name, to string) error {
	pod, err := e.pod(id)
	if err != nil {
		return err
	}
	c, ok := pod.Container(name)
	switch {
	case !ok:
		return fmt.Errorf("container %q: %w", name, spec.ErrNotFound)
	case c.ByHand == nil:
		return fmt.Errorf("%w: container %q is named by the object it was made from", spec.ErrConfig, pod.ContainerName(name))
	case pod.ContainerName(name) == to:
		return nil
	}
	record, err := e.records.ReadContainer(id, name)
	if err != nil {
		return err
	}
	renamed := pod
	renamed.Containers, renamed.InitContainers = slices.Clone(pod.Containers), slices.Clone(pod.InitContainers)
	c, _ = renamed.Container(name)
	hand := *c.ByHand
	hand.Called, c.ByHand = to, &hand
	if to == name {
		hand.Called = ""
	}
	if pod.Bare {
		renamed.Name = to
		if err := e.free(renamed.Key()); err != nil {
			return err
		}
	}
	if err := e.records.SavePod(&renamed); err != nil {
		return err
	}
	if hand.Rootfs == nil {
		err = e.images.RenameRootfs(ctx, record.Rootfs(), to)
	}
	if pod.Bare {
		err = errors.Join(err, e.renameOnNetworks(ctx, &renamed))
	} else {
		err = errors.Join(err, e.knowMembers(&renamed, pod.ContainerName(name)))
	}
	e.noteContainer(&renamed, &record, "rename")
	return err
}

// RenamePod gives a pod made by hand another name: the locks of the old and the new
// one are held, and a pod that has the new one is spec.ErrExists. On its networks it
// goes by the new one at once.
func (e *Engine) RenamePod(ctx context.Context, id spec.PodID, to string) error {
	pod, err := e.pod(id)
	switch {
	case err != nil:
		return err
	case !pod.ByHand:
		return fmt.Errorf("%w: pod %s is named by the object it was made from", spec.ErrConfig, pod.Key())
	case pod.Name == to:
		return nil
	}
	pod.Name = to
	if err := e.free(pod.Key()); err != nil {
		return err
	}
	if err := e.records.SavePod(&pod); err != nil {
		return err
	}
	return e.renameOnNetworks(ctx, &pod)
}

// free fails if a pod has the name, or if its lock is not held.
func (e *Engine) free(key spec.PodKey) error {
	if err := e.locked(key); err != nil {
		return err
	}
	other, there, err := e.records.Find(key)
	if err == nil && there {
		err = fmt.Errorf("pod %s (%s): %w", key, other.Short(), spec.ErrExists)
	}
	return err
}

// renameOnNetworks has a pod that is up go by the names it has now.
func (e *Engine) renameOnNetworks(ctx context.Context, pod *spec.Pod) error {
	lease, up, err := e.liveLease(pod.ID)
	if err != nil || !up {
		return err
	}
	sb, _, err := e.records.ReadSandbox(pod.ID)
	if err != nil {
		return err
	}
	lease, err = e.networks.Rename(ctx, e.networkPod(pod, sb.Ports), lease)
	if err != nil {
		return err
	}
	if err := setLease(&sb, lease); err != nil {
		return err
	}
	return e.records.SaveSandbox(pod.ID, sb)
}
