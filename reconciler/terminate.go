package reconciler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"berth/engine/spec"
)

// The kubelet's least times: a pod's termination has at least leastGrace, and a
// container at least leastWindow between its stop signal and SIGKILL, whatever
// its hook has used up.
const (
	leastGrace  = time.Second
	leastWindow = 2 * time.Second
)

// ownGrace asks for the time that a pod or a container gives itself.
const ownGrace time.Duration = -1

// leastTimes are the least times of a pod: none where a person says how long.
func leastTimes(pod *spec.Pod) (grace, window time.Duration) {
	if byHand(pod) {
		return 0, 0
	}
	return leastGrace, leastWindow
}

// graceFor is how long a container of a pod gets to end: what is asked, if that
// is not negative, or else its own time.
func graceFor(pod *spec.Pod, name string, asked time.Duration) time.Duration {
	if asked >= 0 {
		return asked
	}
	if c, ok := pod.Container(name); ok && c.ByHand != nil && c.ByHand.StopTimeout != nil {
		return *c.ByHand.StopTimeout
	}
	return pod.TerminationGrace
}

// graceOf is how long a pod gets to end: as long as the slowest of its containers.
func graceOf(pod *spec.Pod, asked time.Duration) time.Duration {
	if asked >= 0 || len(pod.Containers) == 0 {
		return max(asked, 0)
	}
	var longest time.Duration
	for _, c := range pod.All() {
		longest = max(longest, graceFor(pod, c.Name, asked))
	}
	return longest
}

// terminate ends all containers of a pod, whose lock is held, within grace, or
// each within its own if that is negative, or sooner if anyone asks for that. The sandbox is left to the caller. Nothing
// else ends containers but for their own sake.
//
//	app containers ─ preStop ──────────────── signal ─ wait ─ KILL
//	sidecars       ─ preStop ─ until its turn ──────── signal ─ wait ─ KILL
//
// A sidecar's turn comes when the app containers and the sidecars after it are
// down, or the time is over.
// https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/kubelet/kuberuntime/kuberuntime_container.go (killContainer)
func (a *actor) terminate(ctx context.Context, st *spec.PodStatus, grace time.Duration) error {
	least, _ := leastTimes(&st.Pod)
	var list []Ending
	for i := range st.Containers {
		if c := &st.Containers[i]; c.Running() {
			mine := max(graceFor(&st.Pod, c.Name, grace), least)
			list = append(list, Ending{c.Name, spec.Doom{Message: stopping(c.Name), Grace: mine}})
		}
	}
	if a.probes != nil {
		a.probes.Ending(st.Pod.ID)
	}
	return a.endThose(ctx, st, list)
}

// endThose ends containers, each within its own grace. The pod's lock is held.
func (a *actor) endThose(ctx context.Context, st *spec.PodStatus, list []Ending) error {
	byGrace := map[time.Duration][]Ending{}
	for _, e := range list {
		byGrace[e.Grace] = append(byGrace[e.Grace], e)
	}
	var all allOf
	for grace, list := range byGrace {
		all.do(func() error { return a.end(ctx, st, list, grace) })
	}
	return all.wait()
}

// end ends containers within one grace, sidecars last and in reverse order.
func (a *actor) end(ctx context.Context, st *spec.PodStatus, list []Ending, grace time.Duration) error {
	if len(list) == 0 {
		return nil
	}
	deadline := time.Now().Add(grace)
	budget, cancel, err := a.engine.Terminating(ctx, st.Pod.ID, "", deadline)
	if err != nil {
		return fmt.Errorf("end containers of pod %s: %w", st.Pod.Key(), err)
	}
	defer cancel()
	var apps, sidecars allOf
	var last []Ending
	for _, e := range list {
		if isSidecar(&st.Pod, e.Name) {
			last = append(last, e)
			continue
		}
		apps.do(func() error { return a.endWithin(ctx, budget, st, e, deadline, nil) })
	}
	turn := apps.done()
	for _, e := range slices.Backward(last) {
		mine, next := turn, make(chan struct{})
		sidecars.do(func() error {
			defer close(next)
			return a.endWithin(ctx, budget, st, e, deadline, mine)
		})
		turn = next
	}
	return errors.Join(apps.wait(), sidecars.wait())
}

// endWithin ends one container within its pod's budget, or sooner if somebody
// asks for that of this container alone.
func (a *actor) endWithin(ctx, pod context.Context, st *spec.PodStatus, e Ending, deadline time.Time, turn <-chan struct{}) error {
	budget, cancel, err := a.engine.Terminating(pod, st.Pod.ID, e.Name, deadline)
	if err != nil {
		return fmt.Errorf("end container %q of pod %s: %w", e.Name, st.Pod.Key(), err)
	}
	defer cancel()
	return a.endOne(ctx, budget, st, e, turn)
}

// endOne ends one container: its hook, its turn, its signal, and when its time
// is over SIGKILL.
func (a *actor) endOne(ctx, budget context.Context, st *spec.PodStatus, e Ending, turn <-chan struct{}) error {
	id, key := st.Pod.ID, st.Pod.Key()
	made, ok := st.Pod.Container(e.Name)
	if !ok {
		return nil
	}
	a.events.of(&st.Pod, e.Name, EventNormal, "Killing", killing(e))
	ended, cancel := a.ended(ctx, id, e.Name)
	defer cancel()
	if made.Lifecycle.PreStop != nil && budget.Err() == nil {
		a.preStop(budget, ended, st, made)
	}
	if turn != nil {
		select {
		case <-turn:
		case <-ended:
		case <-budget.Done():
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	least, window := leastTimes(&st.Pod)
	if atOnce := e.Grace <= 0 && least == 0; atOnce {
		a.log.DebugContext(ctx, "container is killed at once", "pod", key.String(), "container", e.Name)
	} else if err := a.engine.SignalContainer(ctx, id, e.Name); err != nil {
		a.log.WarnContext(ctx, "container takes no signal and is killed", "pod", key.String(), "container", e.Name, "error", err)
	} else if waitEnded(ctx, budget, ended, window) {
		return ctx.Err()
	}
	if err := a.engine.StopContainer(ctx, id, e.Name, 0); err != nil && !gone(err) {
		return fmt.Errorf("kill container %q of pod %s: %w", e.Name, key, err)
	}
	return nil
}

// ended is closed when a container does not run any more. cancel ends the waiting.
func (a *actor) ended(ctx context.Context, id spec.PodID, name string) (<-chan struct{}, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { // ends with the container or the context
		if _, err := a.engine.WaitContainer(ctx, id, name); err == nil || gone(err) {
			close(ended)
		}
	}()
	return ended, cancel
}

// waitEnded waits for a container's end as long as the budget lasts, but not less
// than window, and reports whether there is nothing left to kill: it has
// ended, or ctx has.
func waitEnded(ctx, budget context.Context, ended <-chan struct{}, window time.Duration) bool {
	least := time.NewTimer(window)
	defer least.Stop()
	select {
	case <-ended:
		return true
	case <-budget.Done(): // also where ctx is
	}
	select {
	case <-ended:
		return true
	case <-ctx.Done():
	case <-least.C:
	}
	return ctx.Err() != nil
}

// killing is what the event says. What a hook says may be secret.
func killing(e Ending) string {
	if e.Reason == reasonHook {
		return e.Reason
	}
	return e.Message
}
