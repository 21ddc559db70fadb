package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"berth/engine/spec"
)

// addNames makes a pod's names known on each of its networks that serves
// names, and asks for one of them until it is answered.
func (m *Manager) addNames(ctx context.Context, lease Lease) error {
	served := false
	err := m.editNames(ctx, func() (bool, error) {
		changed := false
		for _, n := range lease.Networks {
			if !n.Network.servesNames() || len(lease.namesOn(n)) == 0 {
				continue
			}
			served = true
			c, err := m.editFile(m.namesPath(n.Network), func(f namesFile) namesFile {
				f = f.without(lease.Pod)
				f.header = namesHeader(n.Network)
				f.lines = append(f.lines, namesLine(lease, m.updated(ctx, n)))
				return f
			})
			if err != nil {
				return changed, err
			}
			changed = changed || c
		}
		if !served {
			return false, nil
		}
		started, err := m.ensureServer(ctx)
		return changed && !started, err
	})
	if err != nil {
		return m.explainServer(lease, err)
	}
	if !served {
		return nil
	}
	return m.verifyNames(ctx, lease)
}

// explainServer is why aardvark-dns could not be started, if that is somebody
// who has its port: 1.4 runs without it, newer versions do not.
func (m *Manager) explainServer(lease Lease, err error) error {
	for _, n := range lease.Networks {
		if !n.Network.servesNames() {
			continue
		}
		for _, server := range n.Network.gateways() {
			if holder, _ := m.holderOfPort53(server); holder != "" {
				return portHeld(server, holder)
			}
		}
	}
	return err
}

func portHeld(server netip.Addr, holder string) error {
	return fmt.Errorf("%w: port 53 on %s, where pods look up names, is held by %s: have it listen elsewhere, or use a network without DNS",
		spec.ErrConfig, server, holder)
}

// removeNames makes a pod's names forgotten. That the server cannot be told is
// no failure: it reads the files when it starts.
func (m *Manager) removeNames(ctx context.Context, lease Lease) error {
	return m.editNames(ctx, func() (bool, error) {
		changed := false
		for _, n := range lease.Networks {
			if !n.Network.servesNames() {
				continue
			}
			c, err := m.editFile(m.namesPath(n.Network), func(f namesFile) namesFile { return f.without(lease.Pod) })
			if err != nil {
				return changed, err
			}
			changed = changed || c
		}
		return changed, nil
	})
}

// editNames changes aardvark-dns's files under their lock and tells the server.
// edit says whether there is something to tell. Who sees others of this process
// wait for the lock leaves the telling to them: the server is away for some
// milliseconds each time.
func (m *Manager) editNames(ctx context.Context, edit func() (bool, error)) error {
	if _, err := m.makeRunDir("netavark", "aardvark-dns"); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(m.netavarkDir(), "dns.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("lock the DNS names: %w", err)
	}
	m.namesWaiting.Add(1)
	err = flock(ctx, f, exclusive)
	m.namesWaiting.Add(-1)
	if err != nil {
		return fmt.Errorf("lock the DNS names: %w", err)
	}
	defer f.Close()
	changed, err := edit()
	if changed {
		m.namesUntold.Store(true)
	}
	// One that waited may have given up meanwhile; then whoever misses an answer
	// tells the server (verifyName).
	if !m.namesUntold.Load() || m.namesWaiting.Load() > 0 {
		return err
	}
	m.namesUntold.Store(false)
	return errors.Join(err, m.tellServer(ctx))
}

// editFile rewrites one file, if the edit changes it.
func (m *Manager) editFile(path string, edit func(namesFile) namesFile) (changed bool, err error) {
	before, err := readNames(path)
	if err != nil {
		return false, err
	}
	after := edit(before)
	if slices.Equal(before.lines, after.lines) && (before.header == after.header || len(after.lines) == 0) {
		return false, nil
	}
	return true, m.writeNames(path, after)
}

// verifyNames asks each of the lease's name servers for the pod's first name.
func (m *Manager) verifyNames(ctx context.Context, lease Lease) error {
	for _, n := range lease.Networks {
		names := lease.namesOn(n)
		if !n.Network.servesNames() || len(names) == 0 {
			continue
		}
		for _, server := range n.Network.gateways() {
			if err := m.verifyName(ctx, server, names[0], n.IPs); err != nil {
				return fmt.Errorf("network %q: %w", n.Network.Name, err)
			}
		}
	}
	return nil
}

// busyAfter is how long a server of ours may leave a question unanswered before
// that is put down to its being busy: 1.4 answers nobody while it waits for
// name servers elsewhere that it asked for another name.
const busyAfter = time.Second

func (m *Manager) verifyName(ctx context.Context, server netip.Addr, name string, want []netip.Addr) error {
	right := func(got []netip.Addr) bool {
		return slices.ContainsFunc(got, func(ip netip.Addr) bool { return slices.Contains(want, ip) })
	}
	said := m.askFor(ctx, min(busyAfter, m.dnsTimeout), server, name, right)
	if said == nil {
		return nil
	}
	holder, ours := m.holderOfPort53(server)
	if holder == "" && !(ours && timedOut(said)) {
		// It was not told, or has ended since it was started.
		if err := m.editNames(ctx, func() (bool, error) {
			started, err := m.ensureServer(ctx)
			return !started, err
		}); err != nil {
			return err
		}
		if said = m.askFor(ctx, m.dnsTimeout-busyAfter, server, name, right); said == nil {
			return nil
		}
		holder, ours = m.holderOfPort53(server)
	}
	switch {
	case ctx.Err() != nil:
		return errors.Join(said, ctx.Err())
	case holder != "":
		return portHeld(server, holder)
	case ours && timedOut(said):
		m.log.Warn("name server is slow to answer: do the host's own name servers?", "server", server.String(), "name", name)
		return nil
	}
	return fmt.Errorf("aardvark-dns does not know name %q on %s: %w", name, server, said)
}

func (m *Manager) askFor(ctx context.Context, limit time.Duration, server netip.Addr, name string, enough func([]netip.Addr) bool) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return askUntil(limited, server, name, enough)
}

func timedOut(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
