package network

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"berth/engine/spec"
	"berth/internal/atomicfile"
)

// An address is a file under net/<network>/ that is named by it and holds the
// pod's ID. Beside the folder, net/.last-<network> holds the addresses last
// handed out, one a line: a hint, so that an address is not used again at once
// while others still remember whose it was.

func (m *Manager) addressDir(network string) string {
	return filepath.Join(m.runDir, "net", network)
}

func (m *Manager) addressPath(network string, ip netip.Addr) string {
	return filepath.Join(m.addressDir(network), ip.String())
}

func (m *Manager) hintPath(network string) string {
	return filepath.Join(m.runDir, "net", ".last-"+network)
}

func readOwner(path string) (spec.PodID, error) {
	data, err := os.ReadFile(path)
	return spec.PodID(strings.TrimSpace(string(data))), err
}

// claim is a pod's hand on a network's addresses: a file that holds its ID, to
// be linked to the address it gets. So an address has its owner from the start.
type claim struct {
	m       *Manager
	network string
	pod     spec.PodID
	tmp     string
}

func (m *Manager) newClaim(network string, pod spec.PodID) (*claim, error) {
	dir, err := m.makeRunDir("net")
	if err != nil {
		return nil, err
	}
	suffix := make([]byte, 8)
	_, _ = rand.Read(suffix) // never fails
	c := &claim{m: m, network: network, pod: pod, tmp: filepath.Join(dir, ".new-"+hex.EncodeToString(suffix))}
	if err := os.WriteFile(c.tmp, []byte(string(pod)+"\n"), 0o644); err != nil {
		c.close() // a full disk leaves it empty
		return nil, err
	}
	return c, nil
}

func (c *claim) close() { _ = os.Remove(c.tmp) }

// take makes an address the pod's; somebody's already is fs.ErrExist.
func (c *claim) take(ip netip.Addr) error {
	err := os.Link(c.tmp, c.m.addressPath(c.network, ip))
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := c.m.makeRunDir("net", c.network); err != nil {
		return err
	}
	return os.Link(c.tmp, c.m.addressPath(c.network, ip))
}

// takeAsked reserves the one address asked for.
func (c *claim) takeAsked(ip netip.Addr) error {
	err := c.take(ip)
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("reserve address %s of network %q: %w", ip, c.network, err)
	}
	owner, readErr := readOwner(c.m.addressPath(c.network, ip))
	if readErr == nil && owner == c.pod {
		return nil
	}
	return fmt.Errorf("address %s of network %q: %w by pod %s", ip, c.network, spec.ErrInUse, owner.Short())
}

// takeNext reserves the next free address after the one last handed out.
func (c *claim) takeNext(s Subnet) (netip.Addr, error) {
	first, last := bounds(s)
	taken, err := c.m.taken(c.network)
	if err != nil {
		return netip.Addr{}, err
	}
	start := first
	if hint, ok := c.m.hint(c.network, s.Subnet); ok && !hint.Less(first) && hint.Less(last) {
		start = hint.Next()
	}
	for ip, wrapped := start, false; ; ip = ip.Next() {
		if !wrapped && (!ip.IsValid() || last.Less(ip)) {
			ip, wrapped = first, true
		}
		if wrapped && !ip.Less(start) {
			return netip.Addr{}, fmt.Errorf("%w: network %q has no free address left between %s and %s: stop a pod or use a larger subnet",
				spec.ErrConfig, c.network, first, last)
		}
		if ip == s.Gateway || taken[ip] {
			continue
		}
		switch err := c.take(ip); {
		case err == nil:
			c.m.saveHint(c.network, s.Subnet, ip)
			return ip, nil
		case !errors.Is(err, fs.ErrExist):
			return netip.Addr{}, fmt.Errorf("reserve an address of network %q: %w", c.network, err)
		}
	}
}

func (m *Manager) taken(network string) (map[netip.Addr]bool, error) {
	entries, err := os.ReadDir(m.addressDir(network))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list the addresses of network %q: %w", network, err)
	}
	taken := make(map[netip.Addr]bool, len(entries))
	for _, e := range entries {
		if ip, err := netip.ParseAddr(e.Name()); err == nil {
			taken[ip] = true
		}
	}
	return taken, nil
}

// users names, for a message, the pods that hold an address.
func (m *Manager) users(network string) string {
	taken, _ := m.taken(network)
	var pods []string
	for ip := range taken {
		if owner, err := readOwner(m.addressPath(network, ip)); err == nil {
			pods = append(pods, owner.Short())
		}
	}
	if len(pods) == 0 {
		return "its run folder is not empty"
	}
	return "by pods " + strings.Join(pods, ", ")
}

// bounds is the first and the last address of a subnet that may be handed out.
func bounds(s Subnet) (first, last netip.Addr) {
	first, last = s.Subnet.Addr().Next(), lastOf(s.Subnet)
	if last.Is4() {
		last = last.Prev() // the broadcast address
	}
	if s.LeaseRange != nil && s.LeaseRange.StartIP.IsValid() && first.Less(s.LeaseRange.StartIP) {
		first = s.LeaseRange.StartIP
	}
	if s.LeaseRange != nil && s.LeaseRange.EndIP.IsValid() && s.LeaseRange.EndIP.Less(last) {
		last = s.LeaseRange.EndIP
	}
	return first, last
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := range b {
		host := min(8, max(0, (i+1)*8-p.Bits())) // bits of this byte that number hosts
		b[i] |= byte(1<<host - 1)
	}
	addr, _ := netip.AddrFromSlice(b)
	return addr
}

func (m *Manager) hints(network string) []netip.Addr {
	data, err := os.ReadFile(m.hintPath(network))
	if err != nil {
		return nil
	}
	var ips []netip.Addr
	for line := range strings.FieldsSeq(string(data)) {
		if ip, err := netip.ParseAddr(line); err == nil {
			ips = append(ips, ip)
		}
	}
	return ips
}

func (m *Manager) hint(network string, subnet netip.Prefix) (netip.Addr, bool) {
	for _, ip := range m.hints(network) {
		if subnet.Contains(ip) {
			return ip, true
		}
	}
	return netip.Addr{}, false
}

// saveHint remembers an address as the last one handed out. A lost hint does
// no harm, so a failure is only logged.
func (m *Manager) saveHint(network string, subnet netip.Prefix, ip netip.Addr) {
	lines := []string{ip.String()}
	for _, other := range m.hints(network) {
		if !subnet.Contains(other) {
			lines = append(lines, other.String())
		}
	}
	err := atomicfile.WriteVolatile(m.hintPath(network), []byte(strings.Join(lines, "\n")+"\n"), 0o644)
	if err != nil {
		m.log.Debug("last address not remembered", "network", network, "error", err)
	}
}
