package network

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"berth/engine/spec"
)

// Connect attaches a pod that is set up to one more network and returns the lease
// it has then. keep is called with that before anything is made, and with the old
// one when it could not be: so the caller always knows of the addresses.
//
// The pod's ports stay published where they are.
func (m *Manager) Connect(ctx context.Context, pod Pod, lease Lease, a spec.NetworkAttachment, keep func(Lease) error) (Lease, error) {
	name := attachedName(a)
	fail := func(err error) (Lease, error) {
		return lease, fmt.Errorf("connect pod %s to network %q: %w", pod.Key, name, err)
	}
	if lease.on(name) {
		return fail(fmt.Errorf("%w: the pod has joined it already", spec.ErrExists))
	}
	if a.Name == "" {
		a.Name = lease.freeInterface()
	}
	next := lease
	nv, err := m.netavark(ctx)
	if err != nil {
		return fail(err)
	}
	if len(lease.Networks) == 0 {
		next.Netavark, next.Firewall = nv.version, nv.firewall
	}
	if err := nv.drives(next.firewall()); err != nil {
		return fail(fmt.Errorf("that takes a restart of the pod: %w", err))
	}
	joining := pod
	joining.Attachments, joining.Ports = []spec.NetworkAttachment{a}, nil
	if err := checkPod(joining); err != nil {
		return fail(err)
	}
	n, err := m.reserveOn(ctx, joining, a, len(lease.Networks))
	if err == nil {
		err = nv.supports(n)
	}
	next.Networks = append(slices.Clone(lease.Networks), n)
	part := next.only(n)
	part.Ports = nil
	if err == nil {
		err = keep(next)
	}
	if err == nil {
		_, err = m.setUp(ctx, pod, part, shared)
	}
	if err == nil {
		return next, nil
	}
	// What was set up is undone by now.
	undo, cancel := m.undoContext(ctx)
	defer cancel()
	return fail(errors.Join(err, keep(lease), m.Release(undo, part)))
}

// Disconnect detaches a pod from a network and returns the lease it has then, which
// keep is called with once that is done. Ports that were published there are
// published on the pod's other networks.
func (m *Manager) Disconnect(ctx context.Context, pod Pod, lease Lease, name string, keep func(Lease) error) (Lease, error) {
	fail := func(err error) (Lease, error) {
		return lease, fmt.Errorf("disconnect pod %s from network %q: %w", pod.Key, name, err)
	}
	i := slices.IndexFunc(lease.Networks, func(n NetworkLease) bool { return n.Network.Name == name })
	if i < 0 {
		return fail(fmt.Errorf("%w: the pod has not joined it", spec.ErrNotFound))
	}
	part, next := lease.only(lease.Networks[i]), lease
	next.Networks = slices.Delete(slices.Clone(lease.Networks), i, i+1)
	if err := m.tearDown(ctx, pod, part, shared); err != nil {
		return fail(err)
	}
	if err := errors.Join(keep(next), m.Release(ctx, part)); err != nil {
		return fail(err)
	}
	if len(next.Networks) == 0 || len(next.Ports) == 0 {
		return next, nil
	}
	if present, err := m.RulesPresent(ctx, next); err != nil || present {
		return next, err
	}
	_, err := m.Heal(ctx, pod, next)
	return next, err
}

// Join is a pod's attachments with one more, whose interface is the one that the
// lease says, or that is free where the pod is down.
func Join(list []spec.NetworkAttachment, a spec.NetworkAttachment, now *Lease) ([]spec.NetworkAttachment, error) {
	taken := map[string]bool{}
	for i, old := range list {
		if attachedName(old) != attachedName(a) {
			taken[interfaceName(old, i)] = true
			continue
		}
		if now != nil { // it was joined for good, and left for a while
			return list, nil
		}
		return nil, fmt.Errorf("%w: the pod has joined it already", spec.ErrExists)
	}
	if now != nil {
		for _, n := range now.Networks {
			if n.Network.Name == attachedName(a) {
				a.Name = n.Interface
			}
		}
	}
	for i := 0; a.Name == ""; i++ {
		if name := fmt.Sprintf("eth%d", i); !taken[name] {
			a.Name = name
		}
	}
	if a.Name == interfaceName(spec.NetworkAttachment{}, len(list)) {
		a.Name = ""
	}
	return append(slices.Clone(list), a), nil
}

// Leave is a pod's attachments without that to a network, if it has that one. The
// others keep their interfaces.
func Leave(list []spec.NetworkAttachment, name string) (left []spec.NetworkAttachment, ok bool) {
	for i, a := range list {
		if attachedName(a) == name {
			ok = true
			continue
		}
		if a.Name = interfaceName(a, i); a.Name == interfaceName(spec.NetworkAttachment{}, len(left)) {
			a.Name = ""
		}
		left = append(left, a)
	}
	return left, ok
}

// CheckJoined refuses what the networks of a pod that is down cannot give it, as far
// as that does not depend on who else is there when it starts.
func (m *Manager) CheckJoined(ctx context.Context, pod Pod) error {
	errs := []error{checkPod(pod)}
	for i, a := range pod.Attachments {
		n, err := m.Inspect(ctx, attachedName(a))
		if errors.Is(err, spec.ErrNotFound) && attachedName(a) == DefaultNetwork {
			continue // it is made when it is needed first
		}
		if err == nil {
			_, _, err = begin(n, a, i)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Rename has a pod that is set up answer to the names it has now, and no longer to
// those of its lease. It returns the lease it has then.
func (m *Manager) Rename(ctx context.Context, pod Pod, lease Lease) (Lease, error) {
	lease.Key, lease.Names = pod.Key, podNames(pod)
	if err := m.addNames(ctx, lease); err != nil {
		return lease, fmt.Errorf("names of pod %s: %w", pod.Key, err)
	}
	return lease, nil
}

// Unpublishes says which of the lease's ports nobody would reach any more without
// a network; nil is that all would be.
func (l Lease) Unpublishes(name string) error {
	l.Networks = slices.DeleteFunc(slices.Clone(l.Networks), func(n NetworkLease) bool { return n.Network.Name == name })
	return checkPublished(l)
}

// only is the part of a lease that is about one network.
func (l Lease) only(n NetworkLease) Lease {
	l.Networks, l.Part = []NetworkLease{n}, true
	return l
}

// freeInterface is the first name that no interface of the pod has.
func (l Lease) freeInterface() string {
	for i := 0; ; i++ {
		name := fmt.Sprintf("eth%d", i)
		if !slices.ContainsFunc(l.Networks, func(n NetworkLease) bool { return n.Interface == name }) {
			return name
		}
	}
}

// Joined is the pod's place on each of its networks.
func (l Lease) Joined() []spec.JoinedNetwork {
	list := []spec.JoinedNetwork{}
	for _, n := range l.Networks {
		j := spec.JoinedNetwork{Network: n.Network.Name, Interface: n.Interface, MAC: n.MAC, Aliases: n.Names}
		for _, ip := range n.IPs {
			j.IPs = append(j.IPs, ip.String())
		}
		list = append(list, j)
	}
	return list
}
