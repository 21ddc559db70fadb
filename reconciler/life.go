package reconciler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"berth/engine/spec"
	"berth/reconciler/probe"
)

// judged is a running container's life after what its probes say. It is pure.
// What is decided once holds until the container is another one.
func judged(st *spec.PodStatus, made *spec.Container, c *spec.ContainerStatus, r probe.Results, now time.Time) spec.Life {
	life := lifeOf(c)
	if r.ID != c.ID || !c.Running() || pending(made, c) {
		return life
	}
	l := &made.Lifecycle
	if l.Startup != nil && r.Startup == probe.Success {
		life.Started = true
	}
	started := l.Startup == nil || life.Started
	if ready := started && r.Readiness == probe.Success; l.Readiness != nil && ready != life.Ready {
		life.Ready, life.ReadyAt = ready, now
	}
	switch ending := st.Stopped || st.Removal != nil || st.Verdict != nil || c.Stopped; {
	case life.Doomed != nil || ending:
	case l.Startup != nil && r.Startup == probe.Failure:
		life.Doomed = unhealthy(st, made, probe.Startup, l.Startup)
	case l.Liveness != nil && started && r.Liveness == probe.Failure:
		life.Doomed = unhealthy(st, made, probe.Liveness, l.Liveness)
	}
	return life
}

// unhealthy is the end of a container whose probe failed.
func unhealthy(st *spec.PodStatus, made *spec.Container, kind probe.Kind, p *spec.Probe) *spec.Doom {
	doom := &spec.Doom{
		Reason: probe.UnhealthyReason, Grace: st.Pod.TerminationGrace,
		Message: fmt.Sprintf("Container %s failed %s probe", made.Name, kindWord(kind)),
	}
	if p.Grace != nil {
		doom.Grace = *p.Grace
	}
	if restarts(st, made.Name, spec.ExitUnknown) {
		doom.Message += ", will be restarted"
	}
	return doom
}

func kindWord(k probe.Kind) string {
	if k == probe.Startup {
		return "startup"
	}
	return "liveness"
}

// judge records what the probes say of a pod's containers, where that is new,
// and brings the status up to it. It needs no lock: of a container there is one
// who probes it.
func (a *actor) judge(ctx context.Context, st *spec.PodStatus, probes *probe.Set) error {
	var errs []error
	for i := range st.Containers {
		c := &st.Containers[i]
		made, ok := st.Pod.Container(c.Name)
		if !ok || !probed(made) {
			continue
		}
		results, ok := probes.Results(st.Pod.ID, c.Name)
		if !ok {
			continue
		}
		life := judged(st, made, c, results, time.Now())
		if life == lifeOf(c) {
			continue
		}
		if err := a.engine.SaveLife(ctx, st.Pod.ID, c.Name, life); err != nil {
			errs = append(errs, fmt.Errorf("record how container %q of pod %s does: %w", c.Name, st.Pod.Key(), err))
			continue
		}
		c.Life = &life
	}
	return errors.Join(errs...)
}

// probed reports whether a container has probes.
func probed(c *spec.Container) bool {
	l := &c.Lifecycle
	return l.Startup != nil || l.Liveness != nil || l.Readiness != nil
}
