package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"berth/engine/spec"
)

// Renew makes a pod anew, as it is on record, with the images that now have the
// names it gives: these are here, and nothing is fetched. want, if known, has the
// contents of its files. All is checked before the pod gives way; if what follows
// it cannot be made, it is made again.
func (a *Applier) Renew(ctx context.Context, old *spec.PodStatus, want *spec.Pod) (spec.PodID, error) {
	actor := newActor(a.Engine, a.Log, a.Events)
	if err := a.mayRenew(ctx, &old.Pod, want); err != nil {
		return "", err
	}
	next, err := actor.prepareHere(ctx, old.Pod.WithContents(want))
	if err != nil {
		return "", err
	}
	next.Previous = previousImages(old, next)
	id, err := actor.succeed(ctx, old, old, anew(next), want)
	if err == nil {
		return id, nil
	}
	return "", errors.Join(err, a.Restore(ctx, old, want))
}

// Restore has a pod run again as it was seen, whatever became of it.
func (a *Applier) Restore(ctx context.Context, old *spec.PodStatus, want *spec.Pod) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
	defer cancel()
	observed, err := a.Engine.Observe(ctx)
	if err != nil && len(observed) == 0 {
		return err
	}
	var now *spec.PodStatus
	if i := slices.IndexFunc(observed, func(st spec.PodStatus) bool { return st.Pod.Key() == old.Pod.Key() }); i >= 0 {
		now = &observed[i]
	}
	switch {
	case now == nil:
	case now.Pod.Owner != old.Pod.Owner:
		return fmt.Errorf("pod %s is %s's now: %w", now.Pod.Key(), now.Pod.Owner, spec.ErrInUse)
	case now.Pod.ID == old.Pod.ID && now.Removal == nil && stillUp(old, now):
		return nil
	}
	if _, err := newActor(a.Engine, a.Log, a.Events).succeed(ctx, now, old, anew(old.Pod.WithContents(want)), want); err != nil {
		return fmt.Errorf("make pod %s again: %w", old.Pod.Key(), err)
	}
	return nil
}

// mayRenew fails if a pod cannot be made anew from its record, or others would
// lose what they need.
func (a *Applier) mayRenew(ctx context.Context, pod, want *spec.Pod) error {
	if want == nil && !byHand(pod) && (pod.UsesSecrets() || slices.ContainsFunc(pod.Volumes, func(v spec.Volume) bool { return v.Files != nil })) {
		return fmt.Errorf("pod %s reads ConfigMaps or Secrets, and nobody knows the object that it was made from any more", pod.Key())
	}
	observed, err := a.Engine.Observe(ctx)
	if err != nil && len(observed) == 0 {
		return err
	}
	for _, d := range dependents(observed, pod, "") {
		if d.st.Pod.ID != pod.ID {
			return fmt.Errorf("pod %s is needed by container %s: it is not made anew before that is removed: %w",
				pod.Key(), d.st.Pod.ContainerName(d.container), spec.ErrInUse)
		}
	}
	return nil
}

// prepareHere prepares a pod with images that are here.
func (a *actor) prepareHere(ctx context.Context, pod *spec.Pod) (*spec.Pod, error) {
	here := *pod
	here.InitContainers, here.Containers = slices.Clone(pod.InitContainers), slices.Clone(pod.Containers)
	for _, list := range [][]spec.Container{here.InitContainers, here.Containers} {
		for i := range list {
			list[i].ByHand = a.ownHealth(ctx, &list[i])
			list[i].PullPolicy = spec.PullNever
		}
	}
	prepared, err := a.prepare(ctx, &here, spec.PullOptions{})
	if err != nil {
		return nil, err
	}
	for _, c := range pod.All() {
		made, _ := prepared.Container(c.Name)
		made.PullPolicy = c.PullPolicy
	}
	return prepared, nil
}

// ownHealth is a container made by hand without the health check that it has from
// the image it runs: the next image says what its check is. The record does not
// tell them apart.
func (a *actor) ownHealth(ctx context.Context, c *spec.Container) *spec.ByHand {
	if c.ByHand == nil || c.ImageID == "" {
		return c.ByHand
	}
	image, err := a.engine.EnsureImage(ctx, spec.ImageRequest{Ref: c.ImageID, Policy: spec.PullNever})
	if err != nil {
		return c.ByHand // nobody knows any more
	}
	var none *spec.Health
	out, from := *c.ByHand, none.On(image.Health)
	switch {
	case from == nil:
	case out.Health == nil:
		out.Health = &spec.Health{Off: true}
	case same(*out.Health, *from):
		out.Health = nil
	}
	return &out
}

// anew is a pod that is to be made a second time: containers made by hand keep
// their identity only over their own restarts.
func anew(pod *spec.Pod) *spec.Pod {
	out := *pod
	out.ID, out.CreatedAt = spec.NewPodID(), time.Now()
	out.Containers = slices.Clone(pod.Containers)
	for i := range out.Containers {
		c := &out.Containers[i]
		if c.ByHand == nil {
			continue
		}
		hand := *c.ByHand
		hand.ID, hand.Requires = spec.NewContainerID(), slices.Clone(hand.Requires)
		for j := range hand.Requires {
			if hand.Requires[j].Pod == pod.ID {
				hand.Requires[j].Pod = out.ID
			}
		}
		c.ByHand = &hand
	}
	return &out
}

// succeed has a prepared pod take the place of what has its name now, which may
// be nothing. What of it did not run in the former pod does not run now. That the
// one there is on its way out is not told: a supervisor would make another.
func (a *actor) succeed(ctx context.Context, now, former *spec.PodStatus, next, want *spec.Pod) (spec.PodID, error) {
	if err := a.startNeeds(ctx, next, inOrder(next), nil); err != nil {
		return "", err
	}
	id := next.ID
	create := func() (err error) {
		if byHand(next) {
			return a.createAs(ctx, next, former)
		}
		id, err = a.create(ctx, next)
		return err
	}
	var err error
	if now == nil {
		err = a.locked(ctx, next.Key(), create)
	} else {
		err = a.ending(ctx, &now.Pod, ownGrace, func() error {
			if err := a.remove(ctx, now.Pod.ID, ownGrace); err != nil {
				return err
			}
			return create()
		})
	}
	if errors.Is(err, spec.ErrExists) {
		return a.asGood(ctx, next, err)
	}
	if err == nil && waitsToStart(next) && !byHand(next) {
		err = a.start(ctx, next.Key(), id, want, initTries)
	}
	return id, err
}

// asGood is the pod that a supervisor made meanwhile in the place of one that was
// to be made, if it is the same thing; else the error stands.
func (a *actor) asGood(ctx context.Context, next *spec.Pod, err error) (spec.PodID, error) {
	observed, _ := a.engine.Observe(ctx)
	for i := range observed {
		p := &observed[i].Pod
		if p.Key() == next.Key() && p.Owner == next.Owner && p.Hash == next.Hash && !byHand(p) && sameImages(p, next) {
			return p.ID, nil
		}
	}
	return "", err
}

func sameImages(a, b *spec.Pod) bool {
	return slices.EqualFunc(a.All(), b.All(), func(x, y spec.Container) bool { return x.Name == y.Name && x.ImageID == y.ImageID })
}

// createAs makes a pod by hand of which runs what ran in the former one. Its lock
// is held.
func (a *actor) createAs(ctx context.Context, pod *spec.Pod, former *spec.PodStatus) error {
	var up, down []string
	for _, name := range inOrder(pod) {
		if c, ok := former.Container(name); ok && c.Running() {
			up = append(up, name)
		} else {
			down = append(down, name)
		}
	}
	return a.setup.do(ctx, func() error {
		if err := a.engine.RecordPod(ctx, pod, down); err != nil { // or a supervisor would start what was down
			return err
		}
		if err := a.engine.EnsurePod(ctx, pod, atOnce(pod, inOrder(pod))); err != nil {
			return err
		}
		for _, name := range up {
			if err := a.startConnected(ctx, pod, name, nil); err != nil {
				return err
			}
		}
		return nil
	})
}
