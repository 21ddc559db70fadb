package reconciler

import (
	"context"
	"fmt"
	"time"

	"berth/engine/spec"
)

// The time in which something that was made anew has to show that it works.
const (
	// shortestProof is how long it has to stay up: what fails at its start has
	// mostly done so by then.
	shortestProof = 5 * time.Second
	// startLimit is how long it may take to be ready, beside what its probes
	// allow: systemd gives services as much.
	startLimit = 90 * time.Second
	// lookEvery is how often it is looked at, beside when a container ends: what
	// probes say, nobody tells.
	lookEvery = 250 * time.Millisecond
)

// AwaitProof waits until a pod has shown that it works: it is ready and stays up
// for a while, or has ended well. An error says that it does not.
func (a *Applier) AwaitProof(ctx context.Context, id spec.PodID) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	exits, err := a.Engine.Exits(ctx)
	if err != nil {
		return err
	}
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	for {
		st, err := a.Engine.ObservePod(ctx, id)
		if err != nil {
			return err
		}
		if done, err := proved(&st, time.Now()); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		case _, ok := <-exits:
			if !ok {
				exits = nil
			}
		}
	}
}

// proved reports whether a pod that was made anew works. A container that failed
// even once is an error, though it may be started again; so is a pod that takes
// too long.
func proved(st *spec.PodStatus, now time.Time) (bool, error) {
	if v := st.Verdict; v != nil {
		return false, fmt.Errorf("pod %s has failed: %s: %s", st.Pod.Key(), v.Reason, v.Message)
	}
	limit, done := startLimit, true
	for i := range st.Containers {
		c := &st.Containers[i]
		made, ok := st.Pod.Container(c.Name)
		if !ok || c.Stopped {
			continue
		}
		limit += patience(made)
		if err := failedOnce(st, c); err != nil {
			return false, err
		}
		switch {
		case c.Init && !sidecar(made):
		case over(st, c):
		case !st.Ready(c), now.Sub(c.StartedAt) < shortestProof:
			done = false
		}
	}
	if !done && now.Sub(st.Pod.CreatedAt) > limit {
		return false, fmt.Errorf("pod %s is not ready after %v", st.Pod.Key(), limit.Round(time.Second))
	}
	return done, nil
}

// failedOnce is how a container failed, if it has in this pod.
func failedOnce(st *spec.PodStatus, c *spec.ContainerStatus) error {
	name := st.Pod.ContainerName(c.Name)
	if c.Life != nil && c.Life.Container == c.ID && c.Life.Health != nil && c.Life.Health.State == spec.HealthUnhealthy {
		return fmt.Errorf("container %s is unhealthy", name)
	}
	if end := lastEnd(st, c); end != nil && end.ExitCode != 0 {
		return fmt.Errorf("container %s ended with %d (%s)", name, end.ExitCode, end.Reason)
	}
	return nil
}

// patience is how long a container's probes let it take.
func patience(c *spec.Container) time.Duration {
	var sum time.Duration
	for _, p := range []*spec.Probe{c.Lifecycle.Startup, c.Lifecycle.Readiness} {
		if p != nil {
			sum += p.InitialDelay + time.Duration(p.FailureThreshold)*max(p.Period, p.Timeout)
		}
	}
	if h := c.Healthy(); h != nil {
		sum += h.StartPeriod + time.Duration(h.Retries)*max(h.Interval, h.Timeout)
		if s := h.Startup; s != nil {
			sum += time.Duration(s.Retries) * max(s.Interval, s.Timeout)
		}
	}
	return sum
}
