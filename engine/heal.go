package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"berth/engine/network"
	"berth/engine/spec"
)

// healPatience is how long a pod is waited for that somebody is changing.
const healPatience = time.Second

// HealNetworks gives running pods back what somebody took away of the host's part
// of their network: firewall rules that a flush or a reload threw out, a bridge,
// a kernel setting, the name server, a process that is a pod's network stack. They keep their addresses; open connections
// break. One whose renaming was cut short gets its names. It returns the pods it healed. Those that somebody is changing just now
// are left to the next call.
func (e *Engine) HealNetworks(ctx context.Context) ([]spec.PodKey, error) {
	pods, _, err := e.records.ListPods()
	errs := []error{err}
	var leases []network.Lease
	renamed := map[spec.PodID]bool{}
	for i := range pods {
		lease, up, err := e.liveLease(pods[i].ID)
		errs = append(errs, err)
		renamed[pods[i].ID] = lease.Key != pods[i].Key()
		lease.Key = pods[i].Key()
		if _, hopeless := e.unhealed.Load(pods[i].ID); up && !hopeless {
			leases = append(leases, lease)
		}
	}
	if len(leases) == 0 {
		return nil, errors.Join(errs...)
	}
	missing, err := e.networks.MissingRules(ctx, leases)
	errs = append(errs, err)
	var healed []spec.PodKey
	for _, lease := range leases {
		if !renamed[lease.Pod] && !slices.Contains(missing, lease.Pod) || ctx.Err() != nil {
			continue
		}
		done, err := e.heal(ctx, lease.Pod, lease.Key)
		if done {
			healed = append(healed, lease.Key)
		}
		errs = append(errs, err)
	}
	// Last: it cannot listen on a bridge that is not there.
	if _, err := e.networks.EnsureNameServer(ctx); err != nil {
		errs = append(errs, err)
	}
	return healed, errors.Join(errs...)
}

// liveLease is the lease of a pod whose sandbox is up and on a network.
func (e *Engine) liveLease(id spec.PodID) (lease network.Lease, up bool, err error) {
	sb, ok, err := e.records.ReadSandbox(id)
	if err != nil || !ok || len(sb.Lease) == 0 || e.sandboxState(id, sb) != spec.SandboxReady {
		return lease, false, err
	}
	if err := json.Unmarshal(sb.Lease, &lease); err != nil {
		return lease, false, fmt.Errorf("read the address lease: %w", err)
	}
	return lease, !lease.Empty(), nil
}

// heal heals one pod, if it still needs it under its lock.
func (e *Engine) heal(ctx context.Context, id spec.PodID, key spec.PodKey) (done bool, err error) {
	waiting, cancel := context.WithTimeout(ctx, healPatience)
	defer cancel()
	unlock, err := e.Lock(waiting, key)
	if errors.Is(err, context.DeadlineExceeded) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer unlock()
	return e.healLocked(ctx, id, key)
}

// ReloadNetwork heals the network of one pod, if it needs it. A pod that is down,
// or on no network, has nothing to heal.
func (e *Engine) ReloadNetwork(ctx context.Context, id spec.PodID) error {
	pod, err := e.records.ReadPod(id)
	if err != nil {
		return err
	}
	unlock, err := e.Lock(ctx, pod.Key())
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := e.healLocked(ctx, id, pod.Key()); err != nil {
		return err
	}
	_, err = e.networks.EnsureNameServer(ctx)
	return err
}

func (e *Engine) healLocked(ctx context.Context, id spec.PodID, key spec.PodKey) (done bool, err error) {
	lease, up, err := e.liveLease(id)
	if err != nil || !up {
		return false, err
	}
	pod, err := e.records.ReadPod(id)
	if err != nil {
		return false, err
	}
	if lease.Key != pod.Key() {
		if err := e.renameOnNetworks(ctx, &pod); err != nil {
			return false, err
		}
		if lease, up, err = e.liveLease(id); err != nil || !up {
			return true, err
		}
		done = true
	}
	if present, err := e.networks.RulesPresent(ctx, lease); err != nil || present {
		return done, err
	}
	if _, err := e.networks.Heal(ctx, e.networkPod(&pod, lease.Ports), lease); err != nil {
		return done, err
	}
	// What still looks broken is judged wrongly. It must not be broken each time.
	if present, err := e.networks.RulesPresent(ctx, lease); err == nil && !present {
		e.unhealed.Store(id, true)
		return true, fmt.Errorf("the network of pod %s still lacks something after it was made anew, and is left as it is", key)
	}
	return true, nil
}
