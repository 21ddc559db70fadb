package network

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"berth/engine/spec"
)

// Setup attaches a pod's namespace to its networks as its lease says, and
// returns what was observed then. What is set up already is success. When it
// fails, what it made is undone; the lease stays.
func (m *Manager) Setup(ctx context.Context, pod Pod, lease Lease) (Status, error) {
	if len(lease.Networks) == 0 {
		return Status{}, nil
	}
	if !NamespaceAlive(pod.Namespace) {
		return Status{}, fmt.Errorf("network of pod %s: no network namespace at %s", lease.Key, pod.Namespace)
	}
	status, err := m.setUp(ctx, pod, lease, shared)
	if err != nil {
		return Status{}, fmt.Errorf("network of pod %s: %w", lease.Key, err)
	}
	return status, nil
}

func (m *Manager) setUp(ctx context.Context, pod Pod, lease Lease, mode lockMode) (Status, error) {
	done, err := m.attach(ctx, pod, lease, mode)
	if err != nil && done == shared && ctx.Err() == nil {
		// Others were at it too: they may have been in the way.
		m.log.Debug("network set-up is tried once more, alone", "pod", lease.Key.String(), "error", err)
		_, err = m.attach(ctx, pod, lease, exclusive)
	}
	if err != nil {
		return Status{}, err
	}
	if err := m.addNames(ctx, lease); err != nil {
		return Status{}, errors.Join(err, m.tearDownDetached(ctx, pod, lease))
	}
	found, missing, err := observeInterfaces(pod.Namespace, lease)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("the network went away while it was set up: missing %s", strings.Join(missing, ", "))
	}
	if err != nil {
		return Status{}, errors.Join(err, m.tearDownDetached(ctx, pod, lease))
	}
	return Status{Interfaces: found, IPs: lease.IPs(), Gateways: lease.Gateways(), NameServers: lease.NameServers()}, nil
}

// attach makes interfaces and rules and judges the result by looking. It says
// how it held the lock.
func (m *Manager) attach(ctx context.Context, pod Pod, lease Lease, mode lockMode) (lockMode, error) {
	t, err := m.takeTurn(ctx, lease, mode, func() error { return nil })
	if err != nil {
		return exclusive, err // waiting again would not help
	}
	defer t.done()
	found, missing, err := observeInterfaces(pod.Namespace, lease)
	if err != nil {
		return t.mode, err
	}
	if len(missing) == 0 {
		lacking, err := m.MissingRules(ctx, []Lease{lease})
		if err == nil && len(lacking) == 0 {
			return t.mode, m.mark(lease)
		}
	}
	if len(found) > 0 {
		// Left by a set-up that was cut short: netavark would stumble over it.
		if err := m.detach(ctx, t, pod, lease); err != nil {
			return t.mode, fmt.Errorf("clear what an earlier set-up left: %w", err)
		}
	}
	err = m.clearWay(t, lease)
	if err == nil {
		err = m.attachNow(ctx, t, pod, lease)
	}
	if err == nil {
		err = m.mark(lease)
	}
	if err == nil {
		return t.mode, nil
	}
	undo, cancel := m.undoContext(ctx)
	defer cancel()
	if undone := m.detach(undo, t, pod, lease); undone != nil {
		err = errors.Join(err, fmt.Errorf("undo the set-up: %w", undone))
	}
	return t.mode, err
}

// clearWay removes a bridge that nothing is attached to: netavark would take it
// as it is, without the address it lacks.
func (m *Manager) clearWay(t *turn, lease Lease) error {
	if t.mode != exclusive {
		return nil
	}
	for _, n := range lease.Networks {
		if !n.Network.ownBridge() {
			continue
		}
		if err := removeEmptyBridge(n.Network.Interface); err != nil {
			return err
		}
	}
	return nil
}

func (m *Manager) attachNow(ctx context.Context, t *turn, pod Pod, lease Lease) error {
	said := m.runNetavark(ctx, t, "setup", pod.Namespace, pod, lease)
	_, missing, err := observeInterfaces(pod.Namespace, lease)
	switch {
	case said != nil: // the interface is made before the rules, so looking at it is not enough
		return errors.Join(said, lockedSysctls(lease))
	case err != nil:
		return err
	case len(missing) > 0:
		return fmt.Errorf("netavark said it was done, but missing is: %s", strings.Join(missing, ", "))
	}
	return errors.Join(checkSysctls(lease), m.tuneBridges(t, pod, lease), addRoutes(pod.Namespace, lease), m.checkPorts(ctx, lease))
}

// checkPorts looks whether the ports are published.
func (m *Manager) checkPorts(ctx context.Context, lease Lease) error {
	if len(lease.Ports) == 0 {
		return nil
	}
	lacking, err := m.MissingRules(ctx, []Lease{lease})
	if errors.Is(err, errNoFirewallProgram) {
		return nil
	}
	if err == nil && len(lacking) > 0 {
		err = errors.New("netavark said it was done, but missing are firewall rules of published ports")
	}
	return err
}

// tuneBridges makes up for what netavark 1.4 leaves as the kernel has it.
func (m *Manager) tuneBridges(t *turn, pod Pod, lease Lease) error {
	for _, n := range lease.Networks {
		if t.mode != exclusive || !n.Network.ownBridge() {
			continue
		}
		if err := pinBridgeMAC(n.Network); err != nil {
			return err
		}
	}
	return allowHairpins(pod.Namespace, lease)
}

// undoContext outlives the caller's, which may be what ended the work.
func (m *Manager) undoContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 2*m.helperTimeout+10*time.Second)
}

// tearDownDetached undoes a set-up whose turn is over.
func (m *Manager) tearDownDetached(ctx context.Context, pod Pod, lease Lease) error {
	undo, cancel := m.undoContext(ctx)
	defer cancel()
	if err := m.tearDown(undo, pod, lease, shared); err != nil {
		return fmt.Errorf("undo the set-up: %w", err)
	}
	return nil
}

// Heal makes a pod's rules, names and interfaces anew, with the addresses and
// MACs it had, for when somebody flushed the firewall or removed the bridge.
// Open connections break.
func (m *Manager) Heal(ctx context.Context, pod Pod, lease Lease) (Status, error) {
	if lease.UserMode != nil {
		return Status{}, m.healUserMode(ctx, lease)
	}
	if len(lease.Networks) == 0 {
		return Status{}, nil
	}
	if !NamespaceAlive(pod.Namespace) {
		return Status{}, fmt.Errorf("heal the network of pod %s: %w: its namespace is gone", lease.Key, spec.ErrNotFound)
	}
	// Not after it was torn down: what is left of the network is better than none.
	nv, err := m.netavark(ctx)
	if err == nil {
		err = nv.drives(lease.firewall())
	}
	if err != nil {
		return Status{}, fmt.Errorf("heal the network of pod %s, which takes a restart of the pod: %w", lease.Key, err)
	}
	// Alone: a flush took the network's common chains too, which netavark makes
	// again without regard for others that do the same.
	if err := m.tearDown(ctx, pod, lease, exclusive); err != nil {
		return Status{}, fmt.Errorf("heal the network of pod %s: %w", lease.Key, err)
	}
	status, err := m.setUp(ctx, pod, lease, exclusive)
	if err != nil {
		return Status{}, fmt.Errorf("heal the network of pod %s: %w", lease.Key, err)
	}
	return status, nil
}
