package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"berth/engine/spec"
)

// Leak is something of ours on this host that no live pod owns.
type Leak struct {
	Kind   string // "address", "name", "process", "rule", "interface", "bridge", "attachment", "namespace"
	Name   string
	Pod    spec.PodID // whose it was, where that can be told
	Remove func(context.Context) error
}

// checker is one look for leaks.
type checker struct {
	m        *Manager
	live     []Lease
	networks []Network // defined ones, and those of live leases as they were
	leaks    []Leak
}

// Check looks for what set-ups and tear-downs left behind. live are the leases
// of all pods, those just being made or torn down included. Only what carries
// this Manager's prefix, or lies in its folders, is looked at.
func (m *Manager) Check(ctx context.Context, live []Lease) ([]Leak, error) {
	c := &checker{m: m, live: live}
	defined, err := m.List(ctx)
	if err != nil {
		return nil, err
	}
	c.networks = defined
	for _, lease := range live {
		for _, n := range lease.Networks {
			if !slices.ContainsFunc(c.networks, func(o Network) bool { return o.Name == n.Network.Name }) {
				c.networks = append(c.networks, n.Network)
			}
		}
	}
	err = errors.Join(c.addresses(), c.attachments(), c.names(ctx), c.rules(ctx), c.links(), c.namespaces(), c.userModes())
	if err != nil {
		err = fmt.Errorf("check the networks: %w", err)
	}
	return c.leaks, err
}

func (c *checker) add(kind, name string, pod spec.PodID, remove func(context.Context) error) {
	c.leaks = append(c.leaks, Leak{Kind: kind, Name: name, Pod: pod, Remove: remove})
}

// lives reports whether a pod has a live lease on a network.
func (c *checker) lives(pod spec.PodID, network string) bool {
	return slices.ContainsFunc(c.live, func(l Lease) bool { return l.Pod == pod && l.on(network) })
}

// used reports whether any live lease is on a network.
func (c *checker) used(network string) bool {
	return slices.ContainsFunc(c.live, func(l Lease) bool { return l.on(network) })
}

func (l Lease) on(network string) bool {
	return slices.ContainsFunc(l.Networks, func(n NetworkLease) bool { return n.Network.Name == network })
}

func (c *checker) addresses() error {
	paths, err := filepath.Glob(filepath.Join(c.m.runDir, "net", "*", "*"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		network := filepath.Base(filepath.Dir(path))
		ip, err := netip.ParseAddr(filepath.Base(path))
		if err != nil {
			continue
		}
		owner, err := readOwner(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if !c.holds(owner, network, ip) {
			c.add("address", network+"/"+ip.String(), owner, func(context.Context) error {
				return c.m.giveBack(network, ip, owner)
			})
		}
	}
	return nil
}

func (c *checker) holds(pod spec.PodID, network string, ip netip.Addr) bool {
	return slices.ContainsFunc(c.live, func(l Lease) bool {
		return l.Pod == pod && slices.ContainsFunc(l.Networks, func(n NetworkLease) bool {
			return n.Network.Name == network && slices.Contains(n.IPs, ip)
		})
	})
}

func (c *checker) attachments() error {
	paths, err := filepath.Glob(filepath.Join(c.m.netavarkDir(), "attached", "*", "*"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		pod, network := spec.PodID(filepath.Base(path)), filepath.Base(filepath.Dir(path))
		if !c.lives(pod, network) {
			c.add("attachment", network+"/"+string(pod), pod, func(context.Context) error {
				if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return fmt.Errorf("forget an attachment: %w", err)
				}
				return c.m.removeNotes(Lease{Pod: pod})
			})
		}
	}
	return nil
}

func (c *checker) names(ctx context.Context) error {
	files, err := c.m.namesFiles()
	if err != nil {
		return err
	}
	if len(files) == 0 {
		if err := c.nameServer(ctx); err != nil {
			return err
		}
	}
	for _, path := range files {
		f, err := readNames(path)
		if err != nil {
			return err
		}
		for _, line := range f.lines {
			pod := lineOwner(line)
			if slices.ContainsFunc(c.live, func(l Lease) bool { return l.Pod == pod && c.m.namedIn(l, path) }) {
				continue
			}
			c.add("name", line, pod, func(ctx context.Context) error {
				return c.m.editNames(ctx, func() (bool, error) {
					return c.m.editFile(path, func(f namesFile) namesFile { return f.without(pod) })
				})
			})
		}
	}
	return nil
}

// nameServer finds one that runs although there is no name to serve. One whose
// last name has just gone is about to end, which whoever took that out waits for.
func (c *checker) nameServer(ctx context.Context) error {
	s, err := c.m.findServer()
	if err != nil || s == nil {
		return err
	}
	s.close()
	return c.m.editNames(ctx, func() (bool, error) {
		files, err := c.m.namesFiles()
		if err != nil || len(files) > 0 || c.m.namesUntold.Load() { // it is told right after this
			return false, err
		}
		s, err := c.m.findServer()
		if err != nil || s == nil {
			return false, err
		}
		defer s.close()
		c.add("process", fmt.Sprintf("%s, process %d", serverName, s.pid), "", func(ctx context.Context) error {
			return c.m.editNames(ctx, func() (bool, error) { return true, nil })
		})
		return false, nil
	})
}

func (m *Manager) namedIn(l Lease, path string) bool {
	return slices.ContainsFunc(l.Networks, func(n NetworkLease) bool {
		return n.Network.servesNames() && m.namesPath(n.Network) == path
	})
}

// rules looks with both drivers: after an upgrade the old one's may be left.
func (c *checker) rules(ctx context.Context) error {
	for _, driver := range []string{firewallIptables, firewallNftables} {
		fw, err := c.m.firewall(driver)
		if err != nil {
			return err
		}
		all, err := fw.list(ctx)
		if errors.Is(err, errNoFirewallProgram) {
			continue
		}
		if err != nil {
			return err
		}
		for _, n := range slices.Concat(c.networks, c.lostNetworks(all)) {
			c.rulesOf(n, driver, all)
		}
	}
	return nil
}

// rulesOf finds, among all rules, the stale ones of one network.
func (c *checker) rulesOf(n Network, driver string, all []rule) {
	o := c.m.ownerOf(n)
	used := c.used(n.Name) // by whichever driver: all go with the last pod
	common := 0
	for _, r := range all {
		switch {
		case o.podRule(r):
			if !c.published(r, n.Name) {
				c.add("rule", r.text, "", func(ctx context.Context) error {
					return c.m.removeRules(ctx, driver, func(other rule) bool { return o.podRule(other) && sameRule(r, other) })
				})
			}
		case !used && o.common(r):
			common++
		}
	}
	if common > 0 {
		c.add("rule", fmt.Sprintf("%d rules and chains of network %s (%s)", common, n.Name, driver), "", func(ctx context.Context) error {
			return c.m.whileUnused(ctx, n, func() error { return c.m.removeRules(ctx, driver, o.has) })
		})
	}
}

// whileUnused does what may only be done to a network that no pod is on, and
// nothing if one has joined it since it was looked at.
func (m *Manager) whileUnused(ctx context.Context, n Network, do func() error) error {
	t, err := m.lockNetavark(ctx, exclusive)
	if err != nil {
		return err
	}
	defer t.file.Close()
	pods, err := m.marked(n.Name)
	if err != nil || len(pods) > 0 {
		return err
	}
	return do()
}

func (l Lease) firewall() string {
	if l.Firewall == "" {
		return firewallIptables
	}
	return l.Firewall
}

func sameRule(a, b rule) bool {
	return a.text == b.text && a.ipv6 == b.ipv6 && a.table == b.table
}

func (c *checker) published(r rule, network string) bool {
	for _, l := range c.live {
		for _, n := range l.Networks {
			if n.Network.Name == network && publishes(r, l, n) {
				return true
			}
		}
	}
	return false
}

// lostNetworks are networks of ours that only a rule's comment still names.
func (c *checker) lostNetworks(rules []rule) []Network {
	var lost []Network
	seen := map[string]bool{}
	for _, r := range rules {
		rest, ok := strings.CutPrefix(r.comment, "dnat name: ")
		hostName, _, _ := strings.Cut(rest, " id: ")
		name, ours := strings.CutPrefix(hostName, c.m.prefix+"-")
		if hostName == c.m.prefix {
			name, ours = DefaultNetwork, true
		}
		known := slices.ContainsFunc(c.networks, func(n Network) bool { return n.Name == name })
		if ok && ours && !known && !seen[name] {
			seen[name] = true
			lost = append(lost, Network{Name: name, ID: idOf(hostName), Driver: DriverBridge})
		}
	}
	return lost
}

// links finds what hangs on our bridges without being a live pod's, and bridges
// that no live pod is on.
func (c *checker) links() error {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	defer h.Close()
	peers := c.livePeers()
	for _, n := range c.networks {
		if !n.ownBridge() {
			continue
		}
		ports, exists, err := bridgePorts(h, n.Interface)
		if err != nil {
			return err
		}
		for _, p := range ports {
			if name := p.Attrs().Name; p.Type() == "veth" && !peers[p.Attrs().Index] {
				c.add("interface", name+" on "+n.Interface, "", func(context.Context) error { return removeHostLink(name) })
			}
		}
		if exists && !c.used(n.Name) {
			c.add("bridge", n.Interface, "", func(ctx context.Context) error {
				return c.m.whileUnused(ctx, n, func() error { return removeEmptyBridge(n.Interface) })
			})
		}
	}
	return nil
}

func removeHostLink(name string) error {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	defer h.Close()
	return removeLink(h, name)
}

// livePeers are the indexes of the host's ends of live pods' interfaces.
func (c *checker) livePeers() map[int]bool {
	peers := map[int]bool{}
	for _, lease := range c.live {
		if !NamespaceAlive(lease.Namespace) {
			continue
		}
		// One that ends just now has no interfaces any more.
		_ = inNamespace(lease.Namespace, func(h *netlink.Handle) error {
			for _, n := range lease.Networks {
				if link, err := h.LinkByName(n.Interface); err == nil {
					peers[link.Attrs().ParentIndex] = true
				}
			}
			return nil
		})
	}
	return peers
}

// namespaces finds temporary ones of tear-downs that were cut short.
func (c *checker) namespaces() error {
	paths, err := filepath.Glob(filepath.Join(c.m.netavarkDir(), "ns", "*"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		c.add("namespace", path, spec.PodID(filepath.Base(path)), func(ctx context.Context) error {
			t, err := c.m.lockNetavark(ctx, exclusive) // no tear-down is at work then
			if err != nil {
				return err
			}
			defer t.file.Close()
			return c.m.RemoveNamespace(path)
		})
	}
	return nil
}
