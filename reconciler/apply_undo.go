package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"berth/engine/spec"
	"berth/kube"
)

// undo takes back what was done: the store first, so that a supervisor does not
// bring about again what is taken away, then the pods, in parallel, then the
// volumes. It goes on
// through errors, and after the caller's context has ended.
func (r *applying) undo(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
	defer cancel()
	errs := []error{r.restoreStore(ctx)}
	former := r.Translate(&r.before).Pods
	results := make([]error, len(r.jobs))
	var group errgroup.Group
	stored := keysOf(r.before.Objects)
	for i, j := range r.jobs {
		// What another play stored and made while this one fetched images is that
		// one's. What a supervisor made of objects we stored is not.
		theirs := j.found && stored[objectKey(j.plan.Desired.Origin)]
		if !j.touched || theirs {
			continue
		}
		group.Go(func() error {
			if err := r.undoOne(ctx, j, formerPod(former, j.plan)); err != nil {
				results[i] = fmt.Errorf("take back what was done to pod %s: %w", j.plan.Key, err)
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are in results
	return errors.Join(append(append(errs, results...), r.removeVolumes(ctx))...)
}

// removeVolumes removes the volumes that were made, but not one that somebody
// else has come to use.
func (r *applying) removeVolumes(ctx context.Context) error {
	var errs []error
	for _, name := range r.volumes {
		err := r.Engine.RemoveVolume(ctx, name, false)
		if err != nil && !errors.Is(err, spec.ErrInUse) && !gone(err) {
			errs = append(errs, fmt.Errorf("remove volume %s again: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// restoreStore makes the store what it was.
func (r *applying) restoreStore(ctx context.Context) error {
	if r.Store == nil {
		return nil
	}
	given := keysOf(r.given.Objects)
	var put []*kube.Object
	for _, o := range r.before.Objects {
		if given[o.Key()] {
			put = append(put, o)
			delete(given, o.Key())
		}
	}
	var drop []kube.Key
	for key := range given {
		drop = append(drop, key)
	}
	return errors.Join(r.Store.Put(ctx, put), r.Store.Delete(ctx, drop))
}

// formerPod is the pod as the objects stored before describe it, with the
// contents of its files; nil if they do not.
func formerPod(former []*spec.Pod, p PodPlan) *spec.Pod {
	if p.Observed == nil {
		return nil
	}
	i := slices.IndexFunc(former, func(f *spec.Pod) bool { return f.Origin.Same(p.Observed.Pod.Origin) })
	if i < 0 || former[i].Hash != p.Observed.Pod.Hash {
		return nil
	}
	return former[i]
}

func (r *applying) undoOne(ctx context.Context, j *job, former *spec.Pod) error {
	p := j.plan
	switch p.Action {
	case ActionCreate, ActionReplace:
		err := r.actor.locked(ctx, p.Key, func() error {
			if j.id == "" || (p.Observed != nil && j.id == p.Observed.Pod.ID) {
				return nil // it never came to be
			}
			return r.Engine.RemovePod(ctx, j.id, 0)
		})
		if err != nil || p.Action == ActionCreate {
			return err
		}
		return r.revive(ctx, p.Observed, former)
	case ActionRemove:
		return r.revive(ctx, p.Observed, former)
	}
	return r.untouch(ctx, p, former)
}

// revive has a pod that was taken down, or half so, running again, from its
// record.
func (r *applying) revive(ctx context.Context, old *spec.PodStatus, former *spec.Pod) error {
	key, id := old.Pod.Key(), old.Pod.ID
	pod := old.Pod.WithContents(former)
	err := r.actor.locked(ctx, key, func() error {
		now, err := r.Engine.ObservePod(ctx, id)
		switch {
		case gone(err):
			id, err = r.recreate(ctx, pod, old.Stopped)
			return err
		case err != nil:
			return err
		}
		if err := r.actor.wanted(ctx, &now); err != nil {
			return err
		}
		if old.Sandbox == spec.SandboxReady && !old.Stopped && !complete(old) && !stillUp(old, &now) {
			_, _, err = r.actor.advance(ctx, id, pod, Hurry{Force: true})
			return err
		}
		return nil
	})
	if err == nil && id != "" && waitsToStart(pod) && !old.Stopped && begun(old) {
		err = r.actor.start(ctx, key, id, pod, initTries)
	}
	if err != nil {
		return fmt.Errorf("start the former pod again: %w", err)
	}
	return nil
}

// recreate makes a pod anew; one that a supervisor made meanwhile is as good,
// and its ID is "".
func (r *applying) recreate(ctx context.Context, pod *spec.Pod, stopped bool) (spec.PodID, error) {
	create := r.actor.create
	if stopped {
		create = r.actor.createStopped
	}
	id, err := create(ctx, pod)
	if errors.Is(err, spec.ErrExists) {
		return "", nil
	}
	return id, err
}

// stillUp reports whether all that ran before runs now.
func stillUp(before, now *spec.PodStatus) bool {
	for i := range before.Containers {
		c, ok := now.Container(before.Containers[i].Name)
		if before.Containers[i].Running() && (!ok || !c.Running()) {
			return false
		}
	}
	return now.Sandbox == spec.SandboxReady
}

// untouch puts back files, limits and owner of a pod that ran on.
func (r *applying) untouch(ctx context.Context, p PodPlan, former *spec.Pod) error {
	back := PodPlan{Desired: former, Observed: p.Observed, Files: p.Files}
	if former == nil {
		back.Desired, back.Files = &p.Observed.Pod, nil
	}
	return r.actor.locked(ctx, p.Observed.Pod.Key(), func() error {
		if err := r.actor.touch(ctx, back); err != nil {
			return err
		}
		for _, name := range p.Resize {
			if c, ok := p.Observed.Pod.Container(name); ok {
				if err := r.Engine.UpdateContainer(ctx, p.Observed.Pod.ID, c); err != nil {
					return err
				}
			}
		}
		if p.Describe {
			if err := r.Engine.DescribePod(ctx, p.Observed.Pod.ID, &p.Observed.Pod); err != nil {
				return err
			}
		}
		if !p.Adopt {
			return nil
		}
		return r.Engine.SetOwner(ctx, p.Observed.Pod.ID, p.Observed.Pod.Owner, p.Observed.Pod.Origin)
	})
}
