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
// bring about again what is taken away, then the pods, in parallel. It goes on
// through errors, and after the caller's context has ended.
func (r *applying) undo(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
	defer cancel()
	errs := []error{r.restoreStore(ctx)}
	former := r.Translate(&r.before).Pods
	results := make([]error, len(r.jobs))
	var group errgroup.Group
	for i, j := range r.jobs {
		if !j.touched {
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
	return errors.Join(append(errs, results...)...)
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

// revive has a pod that was taken down running again, from its record.
func (r *applying) revive(ctx context.Context, old *spec.PodStatus, former *spec.Pod) error {
	return r.actor.locked(ctx, old.Pod.Key(), func() error {
		_, err := r.Engine.ObservePod(ctx, old.Pod.ID)
		switch {
		case err == nil:
			return nil // it was never taken down
		case !gone(err):
			return err
		}
		pod := withFiles(&old.Pod, former)
		if old.Stopped {
			_, err = r.actor.createStopped(ctx, pod)
		} else {
			_, err = r.actor.create(ctx, pod)
		}
		if errors.Is(err, spec.ErrExists) {
			return nil // the supervisor was quicker
		}
		if err != nil {
			return fmt.Errorf("start the former pod again: %w", err)
		}
		return nil
	})
}

// untouch puts back files and owner of a pod that ran on.
func (r *applying) untouch(ctx context.Context, p PodPlan, former *spec.Pod) error {
	back := PodPlan{Desired: former, Observed: p.Observed, Files: p.Files}
	if former == nil {
		back.Files = nil
	}
	return r.actor.locked(ctx, p.Observed.Pod.Key(), func() error {
		if err := r.actor.touch(ctx, back); err != nil || !p.Adopt {
			return err
		}
		return r.Engine.SetOwner(ctx, p.Observed.Pod.ID, p.Observed.Pod.Owner, p.Observed.Pod.Origin)
	})
}
