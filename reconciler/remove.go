package reconciler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"berth/engine/spec"
)

// RemoveOptions say how something made by hand is removed.
type RemoveOptions struct {
	Grace   time.Duration // negative: its own
	Volumes bool          // with the volumes that have no name
	Depend  bool          // with the containers that need it; else it is ErrNeeded
	KeepPod bool          // a pod that ends with its last container stays up: another one follows
}

// RemovePod takes a pod down and forgets it. One that is gone is success.
func (a *Applier) RemovePod(ctx context.Context, id spec.PodID, o RemoveOptions) error {
	st, err := a.Engine.ObservePod(ctx, id)
	switch {
	case gone(err):
		return nil
	case err != nil:
		return err
	}
	if err := a.removeDependents(ctx, &st.Pod, "", o); err != nil {
		return err
	}
	return newActor(a.Engine, a.Log, a.Events).removing(ctx, &st.Pod, o)
}

// RemoveContainer ends a container and forgets it; the pod of one that stands
// alone goes with it, others stay. One that is gone is success.
func (a *Applier) RemoveContainer(ctx context.Context, id spec.PodID, name string, o RemoveOptions) error {
	st, err := a.Engine.ObservePod(ctx, id)
	switch {
	case gone(err):
		return nil
	case err != nil:
		return err
	case st.Pod.Bare:
		return a.RemovePod(ctx, id, o)
	}
	if err := a.removeDependents(ctx, &st.Pod, name, o); err != nil {
		return err
	}
	actor := newActor(a.Engine, a.Log, a.Events)
	return actor.locked(ctx, st.Pod.Key(), func() error {
		now, err := a.stopOne(ctx, actor, id, name, o.Grace)
		if err != nil {
			return err
		}
		next := NextOf(now, time.Now(), Hurry{})
		err = a.Engine.RemoveContainer(ctx, id, name)
		if err == nil && st.Pod.ByHand {
			err = a.Engine.SetStopped(ctx, id, name, false) // another of the name is another
		}
		if o.Volumes {
			err = errors.Join(err, actor.dropVolumes(ctx, unnamedOf(&st.Pod, name)))
		}
		if err == nil && next.Down == downEnded && !o.KeepPod { // it was the last
			err = actor.stopPod(ctx, now, ownGrace)
		}
		return err
	})
}

// removeDependents removes the containers that need one of a pod, or fails.
func (a *Applier) removeDependents(ctx context.Context, p *spec.Pod, container string, o RemoveOptions) error {
	observed, err := a.Engine.Observe(ctx)
	if err != nil && len(observed) == 0 {
		return fmt.Errorf("see what needs pod %s: %w", p.Key(), err)
	}
	if !o.Depend {
		return refuseNeeded(observed, p, container)
	}
	for _, d := range dependents(observed, p, container) {
		if err := a.RemoveContainer(ctx, d.st.Pod.ID, d.container, o); err != nil {
			return err
		}
	}
	return nil
}

// removeEnded removes containers of a pod made by hand that go with their end. Its
// lock is held.
func (a *actor) removeEnded(ctx context.Context, pod *spec.Pod, names []string) error {
	if len(names) > 0 && pod.Bare {
		a.log.DebugContext(ctx, "container is removed with its end", "pod", pod.Key().String())
		return a.removeWithVolumes(ctx, pod, 0)
	}
	var errs []error
	for _, name := range names {
		a.log.DebugContext(ctx, "container is removed with its end", "pod", pod.Key().String(), "container", name)
		errs = append(errs, a.forgetContainer(ctx, pod, name))
	}
	return errors.Join(errs...)
}

// forget removes a pod at once, with its unnamed volumes. Its lock is held.
func (a *actor) forget(ctx context.Context, pod *spec.Pod) error {
	return errors.Join(a.engine.RemovePod(ctx, pod.ID, 0), a.dropVolumes(ctx, unnamed(pod)))
}

// forgetContainer removes a container at once, with its unnamed volumes. The
// pod's lock is held.
func (a *actor) forgetContainer(ctx context.Context, pod *spec.Pod, name string) error {
	if err := a.engine.RemoveContainer(ctx, pod.ID, name); err != nil && !gone(err) {
		return err
	}
	return a.dropVolumes(ctx, unnamedOf(pod, name))
}

// removeWithVolumes is remove, and the unnamed volumes go, too.
func (a *actor) removeWithVolumes(ctx context.Context, pod *spec.Pod, grace time.Duration) error {
	if err := a.remove(ctx, pod.ID, grace); err != nil {
		return err
	}
	return a.dropVolumes(ctx, unnamed(pod))
}

// dropVolumes removes volumes that nobody named, unless others have come to use
// them.
func (a *actor) dropVolumes(ctx context.Context, names []string) error {
	var errs []error
	for _, name := range names {
		if err := a.engine.RemoveVolume(ctx, name, false); err != nil && !gone(err) && !errors.Is(err, spec.ErrInUse) {
			errs = append(errs, fmt.Errorf("remove volume %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// unnamed are the pod's volumes that nobody named.
func unnamed(p *spec.Pod) []string {
	var names []string
	for _, v := range p.Volumes {
		if v.Named != nil && v.Named.Anonymous {
			names = append(names, v.Named.Volume)
		}
	}
	return names
}

// unnamedOf are those of them that a container mounts.
func unnamedOf(p *spec.Pod, container string) []string {
	var names []string
	c, ok := p.Container(container)
	if !ok {
		return nil
	}
	for _, m := range c.Mounts {
		if v, ok := p.Volume(m.Volume); ok && v.Named != nil && v.Named.Anonymous {
			names = append(names, v.Named.Volume)
		}
	}
	return names
}
