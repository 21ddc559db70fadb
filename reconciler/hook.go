package reconciler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"berth/engine/spec"
	"berth/reconciler/probe"
)

// errHook is a postStart hook that failed; its container is doomed.
var errHook = errors.New("its postStart hook failed")

// hookKey is the key of the lock that whoever runs a container's postStart hook
// holds, until the hook ends or its process does. It is not the pod's: whoever
// wants to stop the pod must not wait for a hook.
func hookKey(pod spec.PodKey, container string) spec.PodKey {
	return spec.PodKey{Namespace: pod.Namespace, Name: pod.Name + "+" + container}
}

// dropHookLocks clears away the locks of hooks whose runner was killed, of a pod
// that is gone. One that is held goes with its holder.
func (a *actor) dropHookLocks(ctx context.Context, pod *spec.Pod) {
	for _, c := range pod.All() {
		if c.Lifecycle.PostStart == nil {
			continue
		}
		brief, cancel := context.WithTimeout(ctx, time.Millisecond)
		if unlock, err := a.engine.Lock(brief, hookKey(pod.Key(), c.Name)); err == nil {
			unlock()
		}
		cancel()
	}
}

// postStart runs the postStart hook of a container that runs, unless somebody
// has or the container ends first, and records how that went. The pod's lock is
// not held. A failed hook is errHook, and the container's doom.
func (a *actor) postStart(ctx context.Context, pod *spec.Pod, name string) error {
	unlock, err := a.engine.Lock(ctx, hookKey(pod.Key(), name))
	if err != nil {
		return fmt.Errorf("postStart hook of container %q: %w", name, err)
	}
	defer unlock()
	st, err := a.engine.ObservePod(ctx, pod.ID)
	if err != nil {
		return err
	}
	made, okMade := st.Pod.Container(name)
	c, ok := st.Container(name)
	if !ok || !okMade || !pending(made, c) {
		return nil
	}
	life := lifeOf(c)
	life.PostStart = spec.HookRunning
	if err := a.engine.SaveLife(ctx, pod.ID, name, life); err != nil {
		return err
	}
	ended, cancel := a.ended(ctx, pod.ID, name)
	defer cancel()
	warning, err := a.whileAlive(ctx, ended, &st, name, made.Lifecycle.PostStart)
	if ctx.Err() != nil || closed(ended) {
		return ctx.Err() // left running: whoever comes next runs it again, if the container is there
	}
	if warning != "" {
		a.events.of(&st.Pod, name, EventWarning, probe.FallbackReason, warning)
	}
	life.PostStart = spec.HookDone
	if err != nil {
		a.log.WarnContext(ctx, "postStart hook failed", "pod", pod.Key().String(), "container", name)
		a.events.of(&st.Pod, name, EventWarning, "FailedPostStartHook", "PostStartHook failed")
		life.PostStart = spec.HookFailed
		life.Doomed = &spec.Doom{Reason: reasonHook, Message: err.Error(), Grace: graceFor(&st.Pod, name, ownGrace)}
		err = fmt.Errorf("container %q: %w: %w", name, errHook, err)
	}
	return errors.Join(err, a.engine.SaveLife(ctx, pod.ID, name, life))
}

// pending reports whether a container's postStart hook has yet to run to its end.
func pending(made *spec.Container, c *spec.ContainerStatus) bool {
	if made.Lifecycle.PostStart == nil || !c.Running() {
		return false
	}
	life := lifeOf(c)
	return life.Doomed == nil && (life.PostStart == spec.HookNone || life.PostStart == spec.HookRunning)
}

// preStop runs a container's preStop hook until its end, the budget's, or the
// container's. What a hook says goes to no event and no log: it may be secret.
func (a *actor) preStop(budget context.Context, ended <-chan struct{}, st *spec.PodStatus, made *spec.Container) {
	key := st.Pod.Key()
	warning, err := a.whileAlive(budget, ended, st, made.Name, made.Lifecycle.PreStop)
	if warning != "" {
		a.events.of(&st.Pod, made.Name, EventWarning, probe.FallbackReason, warning)
	}
	if err != nil && !closed(ended) {
		a.log.WarnContext(budget, "preStop hook failed", "pod", key.String(), "container", made.Name)
		a.events.of(&st.Pod, made.Name, EventWarning, "FailedPreStopHook", "PreStopHook failed")
	}
}

// whileAlive carries out a hook until ctx or its container ends.
func (a *actor) whileAlive(ctx context.Context, ended <-chan struct{}, st *spec.PodStatus, name string, h *spec.Handler) (warning string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() { // ends with the hook, which ends with ctx
		defer close(done)
		warning, err = probe.Hook(ctx, a.target(st, name), h)
	}()
	select {
	case <-done:
	case <-ended:
		cancel()
		<-done
	}
	var failed *probe.CommandError
	if errors.As(err, &failed) && failed.Code == spec.ExitUnknown {
		// Killed: most likely with its container, which is seen to end a moment later.
		soon, cancel := context.WithTimeout(ctx, leastWindow)
		defer cancel()
		select {
		case <-ended:
		case <-soon.Done():
		}
	}
	return warning, err
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// target is a container as probes and hooks reach it.
func (a *actor) target(st *spec.PodStatus, name string) probe.Target {
	t := probe.Target{Reach: a.engine, Pod: st.Pod.ID, Container: name}
	if len(st.IPs) > 0 {
		t.IP = st.IPs[0]
	}
	return t
}
