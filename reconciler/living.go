package reconciler

import (
	"context"
	"errors"
	"sync"
	"time"

	"berth/engine/spec"
	"berth/reconciler/probe"
)

// living is what goes on around a worker's pod beside its turns: hooks, and the
// news of probes. A turn may take as long as a termination; readiness is told
// meanwhile.
type living struct {
	tasks sync.WaitGroup
	hooks map[spec.ContainerID]bool // being run; guarded by the worker's mu
}

// wait waits for what is under way; it ends with the context it was begun under.
func (l *living) wait() { l.tasks.Wait() }

// attend has a pod that was just looked at probed, and its hooks run.
func (w *worker) attend(ctx context.Context, t target, state *podState) {
	if w.probes == nil {
		return
	}
	if state.seen == nil {
		if t.id != "" {
			w.probes.Forget(t.id)
			w.health.Forget(t.id)
		}
		return
	}
	if doomed := w.observeLives(ctx, state.seen); doomed {
		w.poke()
	}
	w.health.Sync(ctx, state.seen)
	for _, name := range state.next.Hook {
		w.hook(ctx, state.seen, name)
	}
}

// observeLives records what the probes say of the containers, as they are in
// st, and has them probed on. It reports whether one is to be ended for it. Two
// at a time come to the same: what counts is what the probes say now.
func (w *worker) observeLives(ctx context.Context, st *spec.PodStatus) (doomed bool) {
	doomedNow := func() (n int) {
		for i := range st.Containers {
			if lifeOf(&st.Containers[i]).Doomed != nil {
				n++
			}
		}
		return n
	}
	before := doomedNow()
	if err := w.judge(ctx, st, w.probes); err != nil && ctx.Err() == nil && !gone(err) {
		w.log.WarnContext(ctx, "what the probes say is not recorded", "pod", st.Pod.Key().String(), "error", err)
	}
	w.probes.Sync(st)
	return doomedNow() > before
}

// heard takes in news of a probe.
func (w *worker) heard(ctx context.Context, r probe.Result) {
	if r.Reason != "" {
		w.events.record(Event{
			Pod: w.current().plan.Key, ID: r.Pod, Container: r.Container, Type: EventWarning, Reason: r.Reason, Message: r.Message,
		})
	}
	if !r.Turned {
		return
	}
	w.see(ctx, r.Pod)
	w.poke()
}

// glance takes in, beside a turn that may take as long as a termination, that
// something happened to the pod: what has ended meanwhile is probed no more.
func (w *worker) glance(ctx context.Context, id spec.PodID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.probes != nil && w.turning {
		w.living.tasks.Go(func() { w.see(ctx, id) })
	}
}

// see takes in how the pod's containers do, without acting.
func (w *worker) see(ctx context.Context, id spec.PodID) {
	st, err := w.engine.ObservePod(ctx, id)
	if err != nil {
		return // it is gone, or the next turn tells
	}
	w.observeLives(ctx, &st)
	w.mu.Lock()
	if w.report.seen != nil && w.report.seen.Pod.ID == st.Pod.ID {
		w.report.seen = &st
	}
	w.mu.Unlock()
	w.events.stir()
}

// hook runs a container's postStart hook beside the turns, unless it is being run.
func (w *worker) hook(ctx context.Context, st *spec.PodStatus, name string) {
	c, ok := st.Container(name)
	if !ok {
		return
	}
	id, pod := c.ID, st.Pod
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.living.hooks[id] {
		return
	}
	if w.living.hooks == nil {
		w.living.hooks = map[spec.ContainerID]bool{}
	}
	w.living.hooks[id] = true
	w.living.tasks.Go(func() {
		err := w.postStart(ctx, &pod, name)
		if err != nil && !errors.Is(err, errHook) && !gone(err) && ctx.Err() == nil {
			w.log.WarnContext(ctx, "postStart hook cannot be run", "pod", pod.Key().String(), "container", name, "error", err)
			_ = sleepUntil(ctx, time.Now().Add(backoffFirst)) // or the loop ends
		}
		w.mu.Lock()
		delete(w.living.hooks, id)
		w.mu.Unlock()
		w.poke()
	})
}
