package reconciler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"berth/engine/spec"
	"berth/kube"
)

// DownOptions are the wishes of kube down.
type DownOptions struct {
	// Grace overrides how long the pods' processes get to end; negative: each
	// pod's own.
	Grace time.Duration
	// Unit is the systemd unit that the call is for; empty: none.
	Unit spec.Owner
}

// DownResult is what was taken down. Pods that were not there do not appear.
type DownResult struct {
	Pods []PodResult
}

// Down forgets the objects of set, with the inputs that only their pods read, and
// removes the pods made from them. What is
// gone already is no error. Pods that a folder owns are refused before anything is
// touched. Service containers whose last pod goes end with it. Named volumes stay.
func (a *Applier) Down(ctx context.Context, set kube.Set, o DownOptions) (DownResult, error) {
	if err := set.Diagnostics.Err(); err != nil {
		return DownResult{}, err
	}
	observed, err := a.Engine.Observe(ctx)
	if err != nil && len(observed) == 0 {
		return DownResult{}, fmt.Errorf("see which pods there are: %w", err)
	}
	given := keysOf(set.Objects)
	var pods []*spec.PodStatus
	var refused []error
	units := []spec.Owner{o.Unit}
	for i := range observed {
		st := &observed[i]
		switch {
		case !given[objectKey(st.Pod.Origin)]:
		case st.Pod.Owner == spec.OwnerPlay:
			pods = append(pods, st)
		case ofUnit(&st.Pod):
			pods, units = append(pods, st), append(units, st.Pod.Owner)
		default:
			refused = append(refused, fmt.Errorf("pod %s belongs to %s", st.Pod.Key(), describeOwner(st.Pod.Owner)))
		}
	}
	if len(refused) > 0 {
		return DownResult{}, errors.Join(refused...)
	}
	if a.Store != nil {
		if err := a.forget(ctx, set); err != nil {
			return DownResult{}, fmt.Errorf("forget what was given: %w", err)
		}
	}
	result, err := a.takeDown(ctx, pods, o)
	return result, errors.Join(err, a.endServicesOf(ctx, units))
}

// takeDown removes pods in parallel, going on through errors.
func (a *Applier) takeDown(ctx context.Context, pods []*spec.PodStatus, o DownOptions) (DownResult, error) {
	actor := newActor(a.Engine, a.Log, a.Events)
	errs := make([]error, len(pods))
	var group errgroup.Group
	for i, st := range pods {
		group.Go(func() error {
			pod, grace := &st.Pod, o.Grace
			if err := actor.removing(ctx, pod, RemoveOptions{Grace: grace}); err != nil {
				errs[i] = fmt.Errorf("remove pod %s: %w", pod.Key(), err)
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs
	var out DownResult
	for i, st := range pods {
		if errs[i] == nil {
			out.Pods = append(out.Pods, PodResult{
				Key: st.Pod.Key(), ID: st.Pod.ID, Origin: st.Pod.Origin, Action: ActionRemove,
				Reason: "taken down", Containers: containersOf(st),
			})
		}
	}
	return out, errors.Join(errs...)
}

// forget drops objects from the store. Inputs stay while another pod reads them.
func (a *Applier) forget(ctx context.Context, set kube.Set) error {
	var keys []kube.Key
	for _, o := range set.Objects {
		if !o.Input {
			keys = append(keys, o.Key())
		}
	}
	if err := a.Store.Delete(ctx, keys); err != nil {
		return err
	}
	return a.Store.Delete(ctx, unread(a.Store.Read(ctx)))
}
