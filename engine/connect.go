package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"berth/engine/network"
	"berth/engine/spec"
	"berth/engine/state"
)

// setLease has a sandbox say what a pod holds on its networks.
func setLease(sb *state.Sandbox, lease network.Lease) (err error) {
	sb.IPs, sb.Servers, sb.Gateways, sb.Joined = lease.IPs(), lease.NameServers(), lease.Gateways(), lease.Joined()
	if lease.UserMode != nil {
		sb.HostAddress = lease.UserMode.Host()
	}
	sb.Lease, err = json.Marshal(lease)
	return err
}

// ConnectNetwork attaches a pod to one more network: one made by hand for good, be
// it up or not; another only while it is up and until its sandbox ends, for what
// it joins for good is in its objects.
func (e *Engine) ConnectNetwork(ctx context.Context, id spec.PodID, a spec.NetworkAttachment) error {
	return e.rewire(ctx, id, rewiring{
		live: func(pod network.Pod, lease network.Lease, keep func(network.Lease) error) (network.Lease, error) {
			return e.networks.Connect(ctx, pod, lease, a, keep)
		},
		record: func(pod *spec.Pod, now *network.Lease) error {
			next, err := network.Join(pod.Networks, a, now)
			if err != nil {
				return fmt.Errorf("connect pod %s to network %q: %w", pod.Key(), a.Network, err)
			}
			pod.Networks = next
			if now != nil {
				return nil
			}
			if err := e.networks.CheckJoined(ctx, e.networkPod(pod, nil)); err != nil {
				return fmt.Errorf("connect pod %s to network %q: %w", pod.Key(), a.Network, err)
			}
			return nil
		},
		network: a.Network, act: "connect",
	})
}

// DisconnectNetwork detaches a pod from a network: one made by hand for good, be it
// up or not; another until its sandbox is made anew. That ports nobody could
// reach then are published there is spec.ErrInUse, unless force.
func (e *Engine) DisconnectNetwork(ctx context.Context, id spec.PodID, name string, force bool) error {
	return e.rewire(ctx, id, rewiring{
		live: func(pod network.Pod, lease network.Lease, keep func(network.Lease) error) (network.Lease, error) {
			if lost := lease.Unpublishes(name); lost != nil && !force {
				return lease, fmt.Errorf("network %q: %w: %w", name, spec.ErrInUse, lost)
			}
			return e.networks.Disconnect(ctx, pod, lease, name, keep)
		},
		record: func(pod *spec.Pod, now *network.Lease) error {
			next, ok := network.Leave(pod.Networks, name)
			switch {
			case !ok && now == nil:
				return fmt.Errorf("disconnect pod %s from network %q: %w: the pod has not joined it", pod.Key(), name, spec.ErrNotFound)
			case len(next) == 0 && len(pod.Ports) > 0 && !force && now == nil:
				return fmt.Errorf("network %q: %w: the pod's published ports would be reached by nobody", name, spec.ErrInUse)
			}
			pod.Networks = next
			return nil
		},
		network: name, act: "disconnect",
	})
}

// RemoveNetwork forgets a network that no pod has joined, nor one that is down will
// join when it starts; else it is spec.ErrInUse.
func (e *Engine) RemoveNetwork(ctx context.Context, name string) error {
	pods, err := e.Observe(ctx)
	if err != nil {
		return err
	}
	var users []string
	for _, p := range pods {
		if slices.Contains(p.Networks(), name) {
			users = append(users, p.Pod.Key().String())
		}
	}
	if len(users) > 0 {
		slices.Sort(users)
		return fmt.Errorf("network %q: %w: by %s", name, spec.ErrInUse, strings.Join(users, ", "))
	}
	return e.networks.Remove(ctx, name)
}

// rewiring is a change of the networks of a pod.
type rewiring struct {
	// live makes it where the pod is up.
	live func(pod network.Pod, lease network.Lease, keep func(network.Lease) error) (network.Lease, error)
	// record notes it in a pod made by hand, which has the lease now, or is down.
	record       func(pod *spec.Pod, now *network.Lease) error
	network, act string
}

// rewire changes the networks of a pod, and what its containers read of them.
func (e *Engine) rewire(ctx context.Context, id spec.PodID, r rewiring) error {
	record, err := e.records.ReadPod(id)
	if err != nil {
		return err
	}
	unlock, err := e.Lock(ctx, record.Key())
	if err != nil {
		return err
	}
	defer unlock()
	pod, err := e.pod(id)
	if err != nil {
		return err
	}
	sb, ok, err := e.records.ReadSandbox(id)
	byHand := pod.Bare || pod.ByHand
	up := ok && err == nil && e.sandboxState(id, sb) == spec.SandboxReady
	switch {
	case err != nil:
		return err
	case pod.HostNet:
		return fmt.Errorf("pod %s is on the host's network and joins no other: %w", pod.Key(), spec.ErrConfig)
	case pod.UserMode != nil:
		return fmt.Errorf("pod %s has %s for its network and joins no other: %w", pod.Key(), pod.UserMode.Program, spec.ErrConfig)
	case !up && !byHand:
		return fmt.Errorf("pod %s is not up: start it first: %w", pod.Key(), spec.ErrNotRunning)
	case !pod.OwnNetwork() || up && len(sb.Lease) == 0:
		return fmt.Errorf("pod %s has no network namespace of its own: %w", pod.Key(), spec.ErrConfig)
	}
	var now *network.Lease
	if up {
		lease, err := e.rewireSandbox(&pod, sb, r)
		if err != nil {
			return err
		}
		now = &lease
	}
	if byHand {
		if err := r.record(&pod, now); err != nil {
			return err
		}
		if err := e.records.SavePod(&pod); err != nil {
			return err
		}
	}
	e.noteNetwork(id, r.network, r.act)
	return nil
}

// rewireSandbox does so with a pod that is up.
func (e *Engine) rewireSandbox(pod *spec.Pod, sb state.Sandbox, r rewiring) (lease network.Lease, err error) {
	if err := json.Unmarshal(sb.Lease, &lease); err != nil {
		return lease, fmt.Errorf("read the address lease: %w", err)
	}
	before := sb
	keep := func(l network.Lease) error {
		if err := setLease(&sb, l); err != nil {
			return err
		}
		return e.records.SaveSandbox(pod.ID, sb)
	}
	if lease, err = r.live(e.networkPod(pod, sb.Ports), lease, keep); err != nil {
		return lease, err
	}
	return lease, errors.Join(e.updateHosts(pod, before, sb), e.updateResolver(pod, before, sb))
}
