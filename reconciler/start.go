package reconciler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"berth/engine/spec"
	"berth/reconciler/probe"
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
	return made.ID, a.setup.do(ctx, func() error {
		if err := a.engine.RecordPod(ctx, &made, wholePod); err != nil { // or a supervisor would start it meanwhile
			return err
		}
		return a.engine.EnsurePod(ctx, &made, create)
	})
}

// wanted takes back that a pod is to be removed: whoever was at it holds its lock
// no more, and another wish came after that one.
func (a *actor) wanted(ctx context.Context, st *spec.PodStatus) error {
	if st.Removal == nil {
		return nil
	}
	return a.engine.SaveRemoval(ctx, st.Pod.ID, nil)
}

// startByHand takes back the wish that a pod be stopped and starts what starts
// first. The pod's lock is held.
func (a *actor) startByHand(ctx context.Context, st *spec.PodStatus, want *spec.Pod, hurry Hurry) error {
	id := st.Pod.ID
	if err := a.wanted(ctx, st); err != nil {
		return err
	}
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

// start takes a pod through its init containers and hooks until its app
// containers have been started. What fails is given so many tries, with the
// back-off in between; then the error wraps errStillTrying, unless its policy
// ends the pod. The pod is locked only while something is done.
func (a *actor) start(ctx context.Context, key spec.PodKey, id spec.PodID, want *spec.Pod, tries int) error {
	s := starter{actor: a, id: id, tries: tries, failures: map[string]int{}}
	for {
		var st *spec.PodStatus
		var next Next
		err := a.locked(ctx, key, func() error {
			var err error
			st, next, err = a.advance(ctx, id, want, Hurry{})
			return err
		})
		if err != nil {
			return err
		}
		if more, err := s.step(ctx, st, next); err != nil || !more {
			return err
		}
	}
}

// starter is one call of start.
type starter struct {
	*actor
	id       spec.PodID
	tries    int
	failures map[string]int // by container
}

// step waits for what comes next, and reports whether there is more to do then.
func (s *starter) step(ctx context.Context, st *spec.PodStatus, next Next) (more bool, err error) {
	waiting, waits := s.waiting(st, next)
	switch {
	case next.Failed != "":
		return false, s.withOutput(ctx, s.id, failedInit(st), errors.New(next.Failed))
	case len(next.Hook) > 0:
		return true, s.hook(ctx, st, next.Hook[0])
	case next.Await != "":
		return true, s.await(ctx, st, next.Await)
	case waits:
		if err := s.tooOften(ctx, waiting); err != nil {
			return false, err
		}
		return true, sleepUntil(ctx, next.At)
	case len(next.Start) > 0:
		return true, nil // look again
	case next.Gate != "":
		return true, s.awaitStart(ctx, st, next.Gate)
	}
	return false, nil
}

// waiting is the container for whose next try the pod's start waits: an init
// container, or one that has failed in this call.
func (s *starter) waiting(st *spec.PodStatus, next Next) (name string, ok bool) {
	for _, name := range sortedKeys(next.Waiting) {
		if !next.Waiting[name].Until.IsZero() && (name == next.Gate || s.failures[name] > 0 || st.Pod.IsInit(name) && !isSidecar(&st.Pod, name)) {
			return name, true
		}
	}
	return "", false
}

// failed counts a failure; too many are an error.
func (s *starter) failed(ctx context.Context, name string) error {
	s.failures[name]++
	return s.tooOften(ctx, name)
}

func (s *starter) tooOften(ctx context.Context, name string) error {
	n := s.failures[name]
	if n < s.tries {
		return nil
	}
	return s.withOutput(ctx, s.id, name, fmt.Errorf("container %s failed %d times: %w", name, n, errStillTrying))
}

// hook runs a postStart hook.
func (s *starter) hook(ctx context.Context, st *spec.PodStatus, name string) error {
	err := s.postStart(ctx, &st.Pod, name)
	switch {
	case !errors.Is(err, errHook):
		return err
	case !restarts(st, name, spec.ExitUnknown):
		return s.withOutput(ctx, s.id, name, err)
	}
	if s.failures[name]++; s.failures[name] < s.tries {
		return nil
	}
	return s.withOutput(ctx, s.id, name, fmt.Errorf("%w: %w", err, errStillTrying))
}

// await waits for the end of an init container.
func (s *starter) await(ctx context.Context, st *spec.PodStatus, name string) error {
	c, err := s.engine.WaitContainer(ctx, s.id, name)
	switch {
	case err != nil:
		return fmt.Errorf("wait for init container %s: %w", name, err)
	case c.ExitCode == 0:
		s.failures[name] = 0
		return nil
	case !restarts(st, name, c.ExitCode):
		return nil // that ends the pod, as the next look says
	}
	s.failures[name]++
	if n := s.failures[name]; n >= s.tries {
		why := fmt.Errorf("init container %s failed %d times, last with exit code %d: %w", name, n, c.ExitCode, errStillTrying)
		return s.withOutput(ctx, s.id, name, why)
	}
	return nil
}

// awaitStart waits until a sidecar's startup probe, made here, has passed or
// failed, or the sidecar has ended.
func (s *starter) awaitStart(ctx context.Context, st *spec.PodStatus, name string) error {
	ended, cancel := s.ended(ctx, s.id, name)
	defer cancel()
	news := make(chan struct{}, 1)
	probes := probe.NewSet(s.engine, func(r probe.Result) {
		if r.Turned && r.Container == name {
			select {
			case news <- struct{}{}:
			default:
			}
		}
	})
	defer probes.Close()
	probes.Sync(st)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-ended:
		return s.failed(ctx, name)
	case <-news:
	}
	now, err := s.engine.ObservePod(ctx, s.id)
	if err != nil {
		return err
	}
	if err := s.judge(ctx, &now, probes); err != nil {
		return err
	}
	if c, ok := now.Container(name); ok && lifeOf(c).Doomed != nil {
		return s.failed(ctx, name)
	}
	return nil
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
		if c := &st.Containers[i]; endedBy(st, c) {
			return c.Name
		}
	}
	return ""
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
