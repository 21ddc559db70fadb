package reconciler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"berth/engine/spec"
)

// Shutdown stops the pods whose owner says so, those of lower priority first
// and those of one priority together. It is nobody's wish that they stay down:
// the next supervisor starts them. within bounds the time it takes; 0 leaves
// each pod its own grace. It goes on through errors.
func (a *Applier) Shutdown(ctx context.Context, ours func(spec.Owner) bool, within time.Duration) error {
	pods, err := a.Engine.Observe(ctx)
	pods = slices.DeleteFunc(pods, func(st spec.PodStatus) bool {
		return !ours(st.Pod.Owner) || st.Sandbox == spec.SandboxNone
	})
	errs := []error{err}
	groups := byPriority(pods)
	deadline := time.Now().Add(within)
	for i, group := range groups {
		grace := time.Duration(-1)
		if within > 0 {
			grace = time.Until(deadline) / time.Duration(len(groups)-i)
		}
		errs = append(errs, a.shutdownGroup(ctx, group, grace))
	}
	return errors.Join(errs...)
}

// byPriority groups pods, the lowest priority first.
func byPriority(pods []spec.PodStatus) [][]spec.PodStatus {
	slices.SortStableFunc(pods, func(a, b spec.PodStatus) int { return cmp.Compare(a.Pod.Priority, b.Pod.Priority) })
	var groups [][]spec.PodStatus
	for i, pod := range pods {
		if i == 0 || pod.Pod.Priority != pods[i-1].Pod.Priority {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], pod)
	}
	return groups
}

// shutdownGroup stops pods together; a negative most leaves each its own grace.
func (a *Applier) shutdownGroup(ctx context.Context, pods []spec.PodStatus, most time.Duration) error {
	errs := make([]error, len(pods))
	var group errgroup.Group
	for i := range pods {
		pod := &pods[i].Pod
		grace := graceOf(pod, ownGrace)
		if most >= 0 {
			grace = min(grace, most)
		}
		group.Go(func() error {
			if err := a.Halt(ctx, pod.ID, grace); err != nil && !gone(err) {
				errs[i] = fmt.Errorf("stop pod %s: %w", pod.Key(), err)
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs
	return errors.Join(errs...)
}
