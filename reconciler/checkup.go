package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"berth/engine/spec"
)

// Exit codes of checks that have none: one that took too long, and one whose
// command is not in the image, as a shell would say it.
const (
	timedOut  = -1
	noCommand = 127
)

// checkups make the health checks of containers made by hand, each in a goroutine
// of its own that ends when its container does not run any more, or at Close.
type checkups struct {
	actor *actor
	tell  func(spec.PodID) // called when a container of that pod does otherwise than before

	mu      sync.Mutex
	running map[spec.PodID]map[string]*checkup
	closed  bool
	tasks   sync.WaitGroup
}

// checkup is what goes on for one container, until it is started anew.
type checkup struct {
	startedAt time.Time
	stop      context.CancelFunc
}

func newCheckups(a *actor, tell func(spec.PodID)) *checkups {
	return &checkups{actor: a, tell: tell, running: map[spec.PodID]map[string]*checkup{}}
}

// Sync has the pod's containers checked as its status says. The same status twice
// changes nothing.
func (s *checkups) Sync(ctx context.Context, p *spec.PodStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.running[p.Pod.ID]
	for name, c := range known {
		if now, ok := p.Container(name); !ok || !checkable(p, now) || !now.StartedAt.Equal(c.startedAt) {
			c.stop()
			delete(known, name)
		}
	}
	for i := range p.Containers {
		c := &p.Containers[i]
		if s.closed || !checkable(p, c) || known[c.Name] != nil {
			continue
		}
		if known == nil {
			known = map[string]*checkup{}
			s.running[p.Pod.ID] = known
		}
		ctx, stop := context.WithCancel(ctx)
		known[c.Name] = &checkup{c.StartedAt, stop}
		id, name := p.Pod.ID, c.Name
		s.tasks.Go(func() { s.actor.keepChecking(ctx, id, name, c.StartedAt, s.tell) })
	}
	if len(known) == 0 {
		delete(s.running, p.Pod.ID)
	}
}

// checkable reports whether a container is to be checked now.
func checkable(p *spec.PodStatus, c *spec.ContainerStatus) bool {
	made, ok := p.Pod.Container(c.Name)
	return ok && made.Healthy() != nil && c.State == spec.StateRunning && !p.Stopped && !c.Stopped
}

// Forget ends the checks of a pod that is gone.
func (s *checkups) Forget(id spec.PodID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.running[id] {
		c.stop()
	}
	delete(s.running, id)
}

// Keep ends the checks of pods that are not there.
func (s *checkups) Keep(there []spec.PodStatus) {
	s.mu.Lock()
	var lost []spec.PodID
	for id := range s.running {
		if !slices.ContainsFunc(there, func(p spec.PodStatus) bool { return p.Pod.ID == id }) {
			lost = append(lost, id)
		}
	}
	s.mu.Unlock()
	for _, id := range lost {
		s.Forget(id)
	}
}

// Close ends all checks and waits for those under way.
func (s *checkups) Close() {
	s.mu.Lock()
	s.closed = true
	for _, pod := range s.running {
		for _, c := range pod {
			c.stop()
		}
	}
	clear(s.running)
	s.mu.Unlock()
	s.tasks.Wait()
}

// keepChecking checks a container whenever it is time to, until ctx ends or the
// container is not the one started then. Where it does otherwise than before, or
// does not run any more, tell is called.
func (a *actor) keepChecking(ctx context.Context, id spec.PodID, name string, startedAt time.Time, tell func(spec.PodID)) {
	for {
		st, err := a.engine.ObservePod(ctx, id)
		if err != nil {
			if gone(err) || sleepUntil(ctx, time.Now().Add(checkAgain)) != nil {
				return
			}
			continue // it may be seen again
		}
		made, ok := st.Pod.Container(name)
		c, there := st.Container(name)
		if !ok || !there || made.Healthy() == nil || !checkable(&st, c) || !c.StartedAt.Equal(startedAt) {
			tell(id) // it may be another one that runs
			return
		}
		at, due := checkDue(made.Healthy(), healthOf(c))
		if !due || sleepUntil(ctx, at) != nil {
			return // nobody asks by himself, or it is over
		}
		now, err := a.check(ctx, &st.Pod, name, startedAt)
		if err == nil && now.State != healthOf(c).State {
			tell(id)
		}
		if err != nil {
			if ctx.Err() == nil && !gone(err) && !errors.Is(err, spec.ErrNotRunning) {
				a.log.WarnContext(ctx, "health cannot be checked", "pod", st.Pod.Key().String(), "container", name, "error", err)
			}
			if sleepUntil(ctx, time.Now().Add(checkAgain)) != nil {
				return
			}
		}
	}
}

// CheckHealth makes the health check of a container now, records what it says and
// does what follows from it, as a supervisor would.
func (a *Applier) CheckHealth(ctx context.Context, id spec.PodID, name string) (spec.HealthStatus, error) {
	st, err := a.Engine.ObservePod(ctx, id)
	if err != nil {
		return spec.HealthStatus{}, err
	}
	c, ok := st.Container(name)
	if !ok || !c.Running() {
		return spec.HealthStatus{}, fmt.Errorf("container %q: %w", name, spec.ErrNotRunning)
	}
	return newActor(a.Engine, a.Log, a.Events).check(ctx, &st.Pod, name, c.StartedAt)
}

// KeepChecking makes the health checks of a container until ctx ends, or the
// container does: where no supervisor does so.
func (a *Applier) KeepChecking(ctx context.Context, id spec.PodID, name string) {
	st, err := a.Engine.ObservePod(ctx, id)
	if err != nil {
		return
	}
	if c, ok := st.Container(name); ok {
		newActor(a.Engine, a.Log, a.Events).keepChecking(ctx, id, name, c.StartedAt, func(spec.PodID) {})
	}
}

// checkAgain is how long after a check that could not be made the next try is.
const checkAgain = time.Second

// checkDue is when a container is checked next: first at once, then in its
// rhythm, whoever checked it last.
func checkDue(h *spec.Health, was spec.HealthStatus) (at time.Time, due bool) {
	_, _, pause := nextCheck(h, was)
	if pause < 0 {
		return time.Time{}, false
	}
	if len(was.Log) == 0 {
		return time.Time{}, true
	}
	return was.Log[len(was.Log)-1].End.Add(pause), true
}

// check checks a container once, records how it does and does what follows from
// that. It is the one started then, or this is no result.
func (a *actor) check(ctx context.Context, pod *spec.Pod, name string, startedAt time.Time) (spec.HealthStatus, error) {
	made, _ := pod.Container(name)
	st, err := a.engine.ObservePod(ctx, pod.ID)
	if err != nil {
		return spec.HealthStatus{}, err
	}
	c, ok := st.Container(name)
	if !ok || made.Healthy() == nil {
		return spec.HealthStatus{}, fmt.Errorf("container %q: %w", name, spec.ErrNotFound)
	}
	test, limit, _ := nextCheck(made.Healthy(), healthOf(c))
	result, err := a.checkOnce(ctx, pod.ID, name, test, limit)
	if err != nil {
		return spec.HealthStatus{}, err
	}
	return a.recordHealth(ctx, pod, name, startedAt, result)
}

// checkOnce runs a check. An error is that it could not be run.
func (a *actor) checkOnce(ctx context.Context, id spec.PodID, name string, test []string, limit time.Duration) (spec.HealthResult, error) {
	running, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r := spec.HealthResult{Start: time.Now()}
	out, err := a.engine.RunInContainer(running, id, name, test)
	r.End = time.Now()
	switch {
	case err == nil:
		r.ExitCode, r.Output = out.ExitCode, string(out.Output)
	case ctx.Err() == nil && errors.Is(running.Err(), context.DeadlineExceeded):
		r.ExitCode, r.Output = timedOut, fmt.Sprintf("the check took longer than %s", limit)
	case errors.Is(err, spec.ErrCommand):
		r.ExitCode, r.Output = noCommand, err.Error()
	default:
		return r, err
	}
	return r, nil
}

// recordHealth takes a result in, under the pod's lock, so that no two of them
// lose one another.
func (a *actor) recordHealth(ctx context.Context, pod *spec.Pod, name string, startedAt time.Time, r spec.HealthResult) (now spec.HealthStatus, err error) {
	var action spec.HealthAction
	err = a.locked(ctx, pod.Key(), func() error {
		st, err := a.engine.ObservePod(ctx, pod.ID)
		if err != nil {
			return err
		}
		made, ok := st.Pod.Container(name)
		c, there := st.Container(name)
		if !ok || !there || made.Healthy() == nil || !c.Running() || !c.StartedAt.Equal(startedAt) {
			return fmt.Errorf("container %q: %w", name, spec.ErrNotRunning)
		}
		was := healthOf(c)
		if n := len(was.Log); n > 0 && was.Log[n-1].End.After(r.Start) {
			now = was // somebody else has just checked it: one result counts
			return nil
		}
		now, action = checked(made.Healthy(), was, r, startedAt)
		life := lifeOf(c)
		life.Health = &now
		if err := a.engine.SaveLife(ctx, pod.ID, name, life); err != nil {
			return fmt.Errorf("record how container %q does: %w", name, err)
		}
		a.tellHealth(&st.Pod, name, was, now, r, made.Healthy())
		return a.actOnHealth(ctx, &st, made, action)
	})
	if err == nil && action == spec.HealthStop {
		applier := Applier{Engine: a.engine, Log: a.log, Events: a.events}
		err = applier.StopContainer(ctx, pod.ID, name, -1)
	}
	return now, err
}

// tellHealth says that a container does otherwise than before.
func (a *actor) tellHealth(pod *spec.Pod, name string, was, now spec.HealthStatus, r spec.HealthResult, h *spec.Health) {
	if h.LogDir == spec.HealthLogEvents && r.ExitCode != 0 {
		a.events.of(pod, name, EventWarning, "HealthCheck", fmt.Sprintf("Health check ended with exit code %d: %s", r.ExitCode, r.Output))
	}
	if now.State == was.State {
		return
	}
	kind, reason := EventNormal, "Healthy"
	if now.State == spec.HealthUnhealthy {
		kind, reason = EventWarning, "Unhealthy"
	}
	a.events.of(pod, name, kind, reason, fmt.Sprintf("Container %s is %s", name, now.State))
}

// actOnHealth ends a container that does badly, and starts it again where that is
// wished; else that is left to its restart policy. The pod's lock is held.
func (a *actor) actOnHealth(ctx context.Context, st *spec.PodStatus, made *spec.Container, action spec.HealthAction) error {
	id := st.Pod.ID
	switch action {
	case spec.HealthKill:
		return a.engine.StopContainer(ctx, id, made.Name, 0)
	case spec.HealthRestart:
		doom := spec.Doom{Reason: "Unhealthy", Message: fmt.Sprintf("Container %s failed its health check, will be restarted", made.Name), Grace: graceFor(&st.Pod, made.Name, ownGrace)}
		if err := a.endThose(ctx, st, []Ending{{made.Name, doom}}); err != nil {
			return err
		}
		return a.engine.StartContainer(ctx, id, made.Name)
	}
	return nil
}
