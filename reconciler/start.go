package reconciler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"berth/engine/spec"
)

// errStillTrying is an init container that keeps failing and may be tried on.
var errStillTrying = errors.New("it may be tried again")

// createStopped makes a pod and its containers and leaves them down until a
// person starts them. The pod's lock is held.
func (a *actor) createStopped(ctx context.Context, pod *spec.Pod) (spec.PodID, error) {
	made := *pod
	made.ID, made.CreatedAt = spec.NewPodID(), time.Now()
	var create []string
	if len(made.InitContainers) == 0 {
		for i := range made.Containers {
			create = append(create, made.Containers[i].Name)
		}
	}
	err := a.setup.do(ctx, func() error { return a.engine.EnsurePod(ctx, &made, create) })
	if err != nil {
		return made.ID, err
	}
	return made.ID, a.engine.SetStopped(ctx, made.ID, "", true)
}

// startByHand takes back the wish that a pod be stopped and starts what starts
// first. The pod's lock is held.
func (a *actor) startByHand(ctx context.Context, st *spec.PodStatus, want *spec.Pod, hurry Hurry) error {
	id := st.Pod.ID
	if st.Stopped {
		if err := a.engine.SetStopped(ctx, id, "", false); err != nil {
			return err
		}
	}
	for i := range st.Containers {
		if c := &st.Containers[i]; c.Stopped {
			if err := a.engine.SetStopped(ctx, id, c.Name, false); err != nil {
				return err
			}
		}
	}
	_, _, err := a.advance(ctx, id, want, hurry)
	return err
}

// start takes a pod through its init containers until its app containers have
// been started. A failing init container is given so many tries, with the
// back-off in between; then the error wraps errStillTrying, unless its policy
// ends the pod. The pod is locked only while something is done.
func (a *actor) start(ctx context.Context, key spec.PodKey, id spec.PodID, want *spec.Pod, tries int) error {
	failures := 0
	for {
		var st *spec.PodStatus
		var next Next
		err := a.locked(ctx, key, func() error {
			var err error
			st, next, err = a.advance(ctx, id, want, Hurry{})
			return err
		})
		switch name, failing := failingInit(st, next); {
		case err != nil:
			return err
		case next.Failed != "":
			return a.withOutput(ctx, id, failedInit(st), errors.New(next.Failed))
		case next.Await != "":
			if failures, err = a.await(ctx, id, next.Await, failures, tries); err != nil {
				return a.withOutput(ctx, id, next.Await, err)
			}
		case failing:
			if failures >= tries {
				return a.withOutput(ctx, id, name, fmt.Errorf("init container %s failed %d times: %w", name, failures, errStillTrying))
			}
			if err := sleepUntil(ctx, next.At); err != nil {
				return err
			}
		case len(next.Start) > 0 && st.Pod.IsInit(next.Start[len(next.Start)-1]):
			// an init container was started: look again
		default:
			return nil
		}
	}
}

// await waits for the end of an init container and counts its failures.
func (a *actor) await(ctx context.Context, id spec.PodID, name string, failures, tries int) (int, error) {
	c, err := a.engine.WaitContainer(ctx, id, name)
	switch {
	case err != nil:
		return failures, fmt.Errorf("wait for init container %s: %w", name, err)
	case c.ExitCode == 0:
		return 0, nil
	}
	failures++
	if failures >= tries {
		return failures, fmt.Errorf("init container %s failed %d times, last with exit code %d: %w", name, failures, c.ExitCode, errStillTrying)
	}
	return failures, nil
}

// outputLines is how much of a failed container's output its error shows.
const outputLines = 5

// withOutput adds what a container wrote last to why it failed: whoever reads
// that may find the container gone.
func (a *actor) withOutput(ctx context.Context, id spec.PodID, name string, why error) error {
	lines := a.engine.LastOutput(ctx, id, name, outputLines)
	if len(lines) == 0 {
		return why
	}
	return fmt.Errorf("%w; it wrote last:\n  %s", why, strings.Join(lines, "\n  "))
}

// failedInit is the init container that ended a pod.
func failedInit(st *spec.PodStatus) string {
	for i := range st.Containers {
		if c := &st.Containers[i]; c.Init && c.Finished() && c.ExitCode != 0 {
			return c.Name
		}
	}
	return ""
}

// failingInit is the init container that waits for its next try.
func failingInit(st *spec.PodStatus, next Next) (name string, ok bool) {
	if st == nil {
		return "", false
	}
	for i := range st.Pod.InitContainers {
		name := st.Pod.InitContainers[i].Name
		if w, ok := next.Waiting[name]; ok && !w.Until.IsZero() {
			return name, true
		}
	}
	return "", false
}

func sleepUntil(ctx context.Context, at time.Time) error {
	timer := time.NewTimer(until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Start starts a pod by hand: what was stopped, by a person or by its own end,
// runs again, whatever its restart policy; what runs is left alone. want, if
// known, has the contents of its files.
func (a *Applier) Start(ctx context.Context, id spec.PodID, want *spec.Pod) error {
	st, err := a.Engine.ObservePod(ctx, id)
	if err != nil {
		return err
	}
	actor, key := newActor(a.Engine, a.Log, nil), st.Pod.Key()
	err = actor.locked(ctx, key, func() error {
		return actor.startByHand(ctx, &st, want, Hurry{Backoff: true, Force: true})
	})
	if err != nil || len(st.Pod.InitContainers) == 0 {
		return err
	}
	return actor.start(ctx, key, id, want, initTries)
}

// Stop stops a pod by hand. It stays down until it is started again or its
// object changes. A negative grace is the pod's own.
func (a *Applier) Stop(ctx context.Context, id spec.PodID, grace time.Duration) error {
	st, err := a.Engine.ObservePod(ctx, id)
	if err != nil {
		return err
	}
	if grace < 0 {
		grace = st.Pod.TerminationGrace
	}
	actor := newActor(a.Engine, a.Log, nil)
	return actor.locked(ctx, st.Pod.Key(), func() error {
		if err := a.Engine.SetStopped(ctx, id, "", true); err != nil {
			return err
		}
		return actor.stop.do(ctx, func() error { return a.Engine.StopPod(ctx, id, grace) })
	})
}
