package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

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

// ConnectNetwork attaches a pod that is up to one more network, until its sandbox
// ends: what it joins for good is in its spec.
func (e *Engine) ConnectNetwork(ctx context.Context, id spec.PodID, a spec.NetworkAttachment) error {
	err := e.rewire(ctx, id, func(pod network.Pod, lease network.Lease, keep func(network.Lease) error) (network.Lease, error) {
		return e.networks.Connect(ctx, pod, lease, a, keep)
	})
	if err == nil {
		e.noteNetwork(id, a.Network, "connect")
	}
	return err
}

// DisconnectNetwork detaches a pod that is up from a network, until its sandbox is
// made anew. That ports nobody could reach then are published there is
// spec.ErrInUse, unless force.
func (e *Engine) DisconnectNetwork(ctx context.Context, id spec.PodID, name string, force bool) error {
	err := e.rewire(ctx, id, func(pod network.Pod, lease network.Lease, keep func(network.Lease) error) (network.Lease, error) {
		if lost := lease.Unpublishes(name); lost != nil && !force {
			return lease, fmt.Errorf("network %q: %w: %w", name, spec.ErrInUse, lost)
		}
		return e.networks.Disconnect(ctx, pod, lease, name, keep)
	})
	if err == nil {
		e.noteNetwork(id, name, "disconnect")
	}
	return err
}

// rewire changes the networks of a pod that is up, and what its containers read
// of them.
func (e *Engine) rewire(ctx context.Context, id spec.PodID, change func(network.Pod, network.Lease, func(network.Lease) error) (network.Lease, error)) error {
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
	switch {
	case err != nil:
		return err
	case pod.HostNet:
		return fmt.Errorf("pod %s is on the host's network and joins no other: %w", pod.Key(), spec.ErrConfig)
	case pod.UserMode != nil:
		return fmt.Errorf("pod %s has %s for its network and joins no other: %w", pod.Key(), pod.UserMode.Program, spec.ErrConfig)
	case !ok || e.sandboxState(id, sb) != spec.SandboxReady:
		return fmt.Errorf("pod %s is not up: start it first: %w", pod.Key(), spec.ErrNotRunning)
	case len(sb.Lease) == 0:
		return fmt.Errorf("pod %s has no network namespace of its own: %w", pod.Key(), spec.ErrConfig)
	}
	var lease network.Lease
	if err := json.Unmarshal(sb.Lease, &lease); err != nil {
		return fmt.Errorf("read the address lease: %w", err)
	}
	before := sb
	keep := func(l network.Lease) error {
		if err := setLease(&sb, l); err != nil {
			return err
		}
		return e.records.SaveSandbox(id, sb)
	}
	if _, err := change(e.networkPod(&pod, sb.Ports), lease, keep); err != nil {
		return err
	}
	return errors.Join(e.updateHosts(&pod, before, sb), e.updateResolver(&pod, before, sb))
}
