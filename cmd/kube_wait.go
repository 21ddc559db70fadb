package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"berth/engine"
	"berth/engine/spec"
	"berth/kube"
	"berth/reconciler"
)

// cleanupTime bounds removing what kube play --wait made, after a signal.
const cleanupTime = 5 * time.Minute

// waitAndRemove waits until all pods have ended or a signal comes, and takes
// everything down.
func (a *app) waitAndRemove(ctx context.Context, e *engine.Engine, set kube.Set, result reconciler.ApplyResult) error {
	fmt.Fprintln(a.out, "Use ctrl+c to clean up or wait for pods to exit")
	err := waitForPods(ctx, e, result)
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	if err != nil {
		fmt.Fprintln(a.out)
	}
	fmt.Fprintln(a.out, "Cleaning up containers, pods, and volumes...")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	return a.takeDown(ctx, e, set, true)
}

// waitForPods returns when none of the pods has a container that runs or will
// run again.
func waitForPods(ctx context.Context, e *engine.Engine, result reconciler.ApplyResult) error {
	exits, err := e.Exits(ctx)
	if err != nil {
		return err
	}
	for {
		over := true
		for _, p := range result.Pods {
			if p.Action == reconciler.ActionRemove {
				continue
			}
			st, err := e.ObservePod(ctx, p.ID)
			if errors.Is(err, spec.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			over = over && ended(&st, supervised(ctx, e))
		}
		if over {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case _, ok := <-exits:
			if !ok {
				return ctx.Err()
			}
		}
	}
}

// ended reports whether a pod has done its work. Without a supervisor, what
// has ended does not start again.
func ended(p *spec.PodStatus, supervised bool) bool {
	if supervised {
		phase := reconciler.PhaseOf(p)
		return phase == reconciler.PhaseSucceeded || phase == reconciler.PhaseFailed
	}
	for _, c := range p.Containers {
		if !c.Init && !c.Finished() {
			return false
		}
	}
	return true
}
