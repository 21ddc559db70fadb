package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"berth/internal/atomicfile"
)

// Teardown detaches a pod from its networks: interfaces, rules, DNS names. What
// is gone already is success, be it the namespace, the bridge, rules or the
// name server. The addresses stay reserved until Release.
func (m *Manager) Teardown(ctx context.Context, pod Pod, lease Lease) error {
	if lease.UserMode != nil {
		if err := m.endUserMode(ctx, lease.Namespace); err != nil {
			return fmt.Errorf("tear down the network of pod %s: %w", lease.Key, err)
		}
		return nil
	}
	if len(lease.Networks) == 0 {
		return nil
	}
	if err := m.tearDown(ctx, pod, lease, shared); err != nil {
		return fmt.Errorf("tear down the network of pod %s: %w", lease.Key, err)
	}
	return nil
}

func (m *Manager) tearDown(ctx context.Context, pod Pod, lease Lease, mode lockMode) error {
	unnamed := make(chan error, 1)
	go func() { unnamed <- m.removeNames(ctx, lease) }() // waited for below
	return errors.Join(m.detachInTurn(ctx, pod, lease, mode), <-unnamed)
}

func (m *Manager) detachInTurn(ctx context.Context, pod Pod, lease Lease, mode lockMode) error {
	t, err := m.takeTurn(ctx, lease, mode, func() error { return m.unmark(lease) })
	if err != nil {
		return err
	}
	defer t.done()
	return m.detach(ctx, t, pod, lease)
}

// detach undoes attach, with the lock held. netavark goes first; what is still
// there afterwards is removed by ourselves.
func (m *Manager) detach(ctx context.Context, t *turn, pod Pod, lease Lease) error {
	if err := errors.Join(m.unmark(lease), m.noteDriver(lease)); err != nil {
		return err
	}
	namespace, giveBack, err := m.namespaceFor(pod, lease)
	if err != nil {
		return err
	}
	defer giveBack()
	said := m.detachByNetavark(ctx, t, namespace, pod, lease)
	if said != nil {
		m.log.Debug("netavark could not tear down, its leavings are removed", "pod", lease.Key.String(), "error", said)
	}
	lost := namespace != pod.Namespace
	err = errors.Join(removeInterfaces(namespace, lease), m.removePodRules(ctx, lease), m.removeNotes(lease), m.closeNetworks(ctx, t, lease, lost))
	if err != nil {
		return errors.Join(said, err)
	}
	return nil
}

// removeNotes removes what newer versions of netavark note down of a pod's
// ports, to publish them again when the host's firewall is reloaded.
func (m *Manager) removeNotes(lease Lease) error {
	if lease.Part {
		return nil // they go with the rest
	}
	dir := filepath.Join(m.netavarkDir(), "config", "firewall", "ports")
	notes, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, note := range notes {
		if strings.HasSuffix(note.Name(), "_"+string(lease.Pod)) {
			err = errors.Join(err, atomicfile.Remove(filepath.Join(dir, note.Name())))
		}
	}
	return err
}

func (m *Manager) detachByNetavark(ctx context.Context, t *turn, namespace string, pod Pod, lease Lease) error {
	if err := addStandIns(namespace, lease); err != nil {
		return err
	}
	for _, n := range lease.Networks {
		// While others are attached, a lost bridge is no stand-in's business: it
		// would be taken for the real one. closeNetworks removes what stays.
		if t.mode == exclusive && n.Network.ownBridge() {
			if err := addBridgeStandIn(n.Network.Interface); err != nil {
				return err
			}
		}
	}
	return m.runNetavark(ctx, t, "teardown", namespace, pod, lease)
}

// namespaceFor is the pod's namespace, or, when that is lost, an empty one to
// tear down against: only so does netavark 1.4 remove the rules.
func (m *Manager) namespaceFor(pod Pod, lease Lease) (path string, giveBack func(), err error) {
	if NamespaceAlive(pod.Namespace) {
		return pod.Namespace, func() {}, nil
	}
	path = filepath.Join(m.netavarkDir(), "ns", string(lease.Pod))
	if err := m.EnsureNamespace(path); err != nil {
		return "", nil, err
	}
	return path, func() {
		if err := m.RemoveNamespace(path); err != nil {
			m.log.Warn("temporary network namespace left behind", "path", path, "error", err)
		}
	}, nil
}

// closeNetworks removes bridge and common rules of those networks that no pod
// is attached to any more. Only with the lock held alone is that known. lost
// says that the pod's namespace is.
func (m *Manager) closeNetworks(ctx context.Context, t *turn, lease Lease, lost bool) error {
	if t.mode != exclusive {
		return nil
	}
	var errs []error
	for _, n := range lease.Networks {
		alone, err := m.aloneOn(n.Network.Name, lease.Pod)
		if err != nil || !alone || !n.Network.ownBridge() {
			errs = append(errs, err)
			continue
		}
		if lost {
			errs = append(errs, awaitLostVeths(ctx, n.Network.Interface))
		}
		errs = append(errs, m.closeNetwork(ctx, n.Network))
	}
	return errors.Join(errs...)
}

func (m *Manager) closeNetwork(ctx context.Context, n Network) error {
	if err := removeEmptyBridge(n.Interface); err != nil {
		return err
	}
	links, err := linkNames()
	if err != nil {
		return err
	}
	for _, l := range links {
		if l == n.Interface { // somebody else uses the bridge: leave him the rules
			return nil
		}
	}
	drivers, err := m.notedDrivers()
	for _, driver := range drivers {
		err = errors.Join(err, m.removeNetworkRules(ctx, n, driver))
	}
	return err
}

// noteDriver notes which of netavark's firewall drivers made rules on this host.
// After an upgrade of netavark the rules that all pods of a network share may be
// there twice, by the old driver and the new, and go with the last of the pods.
func (m *Manager) noteDriver(lease Lease) error {
	dir, err := m.makeRunDir("netavark", "drivers")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, lease.firewall())
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		return fmt.Errorf("note the firewall driver: %w", err)
	}
	return nil
}

func (m *Manager) notedDrivers() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(m.netavarkDir(), "drivers"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list the firewall drivers: %w", err)
	}
	var drivers []string
	for _, e := range entries {
		drivers = append(drivers, e.Name())
	}
	return drivers, nil
}
