package reconciler

import (
	"context"
	"fmt"
	"time"

	"berth/engine/spec"
	"berth/kube"
)

// RemoveSpentContainer removes a container that may be pruned, with its unnamed
// volumes. One that may not be by now, because somebody has started it, say, or
// needs it, is spec.ErrInUse.
func (a *Applier) RemoveSpentContainer(ctx context.Context, id spec.PodID, name string) error {
	return a.ifSpent(ctx, id, name, func(actor *actor, st *spec.PodStatus) error {
		if !SpentContainer(st, name) {
			return fmt.Errorf("container %q of pod %s: %w", name, st.Pod.Key(), spec.ErrInUse)
		}
		if st.Pod.Bare {
			return actor.removeSpent(ctx, &st.Pod)
		}
		next := NextOf(st, time.Now(), Hurry{})
		err := actor.forgetContainer(ctx, &st.Pod, name)
		if err == nil {
			err = a.Engine.SetStopped(ctx, id, name, false) // another of the name is another
		}
		if err == nil && next.Down == downEnded { // it was the last
			err = actor.stopPod(ctx, st, ownGrace)
		}
		return err
	})
}

// RemoveSpentPod removes a pod that may be pruned, and forgets the object it was
// made from, if that is a Pod that kube play was given. One that may not be by now
// is spec.ErrInUse.
func (a *Applier) RemoveSpentPod(ctx context.Context, id spec.PodID) error {
	return a.ifSpent(ctx, id, "", func(actor *actor, st *spec.PodStatus) error {
		if !SpentPod(st) {
			return fmt.Errorf("pod %s: %w", st.Pod.Key(), spec.ErrInUse)
		}
		if o := st.Pod.Origin; st.Pod.Owner == spec.OwnerPlay && a.Store != nil {
			set := kube.Set{Objects: []*kube.Object{{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}}}
			if err := a.forget(ctx, set); err != nil {
				return fmt.Errorf("forget what was given: %w", err)
			}
		}
		return actor.removeSpent(ctx, &st.Pod)
	})
}

// ifSpent has one removed, unless others need it, by what is seen under its pod's
// lock. The container "" is the whole pod.
func (a *Applier) ifSpent(ctx context.Context, id spec.PodID, container string, remove func(*actor, *spec.PodStatus) error) error {
	st, err := a.Engine.ObservePod(ctx, id)
	if err != nil {
		return err
	}
	if err := a.removeDependents(ctx, &st.Pod, container, RemoveOptions{}); err != nil {
		return err
	}
	actor := newActor(a.Engine, a.Log, a.Events)
	return actor.locked(ctx, st.Pod.Key(), func() error {
		now, err := a.Engine.ObservePod(ctx, id)
		if err != nil {
			return err
		}
		return remove(actor, &now)
	})
}

// removeSpent forgets a pod in which nothing runs. A supervisor goes on with it if
// this process is killed. The pod's lock is held.
func (a *actor) removeSpent(ctx context.Context, pod *spec.Pod) error {
	unsaid := a.recordRemoval(ctx, pod, &spec.Removal{Since: time.Now(), Volumes: true})
	return despite(unsaid, a.removeWithVolumes(ctx, pod, 0))
}

// SpentContainer reports whether a container may be pruned: it was made by hand,
// does not run, and nothing will start it but a person. Containers of pods are
// parts of them, and go with them: one that has done its work is a mark that it
// need not be done again.
func SpentContainer(st *spec.PodStatus, name string) bool {
	c, ok := st.Container(name)
	if !ok || c.ID == "" || c.Running() || c.State == spec.StatePaused {
		return false
	}
	return st.Pod.Bare && !WillRun(st, name)
}

// SpentPod reports whether a pod may be pruned: its containers have ended, and
// nothing will start them, or make the pod again, but a person. A container that
// stands alone is no pod to people.
func SpentPod(st *spec.PodStatus) bool {
	if _, folder := st.Pod.Owner.Folder(); folder || st.Pod.Bare {
		return false
	}
	if st.Pod.Owner == spec.OwnerPlay && st.Pod.Origin.Kind != "Pod" {
		return false // a controller makes it again
	}
	ended := false
	for _, c := range st.Containers {
		if c.Running() || c.State == spec.StatePaused || WillRun(st, c.Name) {
			return false
		}
		ended = ended || c.Finished()
	}
	return ended
}
