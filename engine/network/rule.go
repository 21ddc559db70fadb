package network

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"berth/engine/spec"
)

// rule is one firewall rule, or a chain, of netavark's, in terms that its two
// firewall drivers share. What a rule does not say is the zero value.
type rule struct {
	ipv6        bool // iptables: of ip6tables; nftables: never
	table       string
	chain       string
	declares    bool   // not a rule: the chain itself
	target      string // chain it jumps to
	comment     string
	src, dst    netip.Prefix
	in, out     string // interfaces
	proto       string
	dport       uint16
	dnat        netip.AddrPort
	text        string // as the program prints it
	handle      int    // nftables
	destination netip.Addr
}

// firewall lists and deletes rules of one of netavark's drivers.
type firewall interface {
	// list returns the rules and chains that netavark made, whoever for.
	list(ctx context.Context) ([]rule, error)
	// remove deletes rules and chains in one step for each table.
	remove(ctx context.Context, rules []rule) error
}

func (m *Manager) firewall(driver string) (firewall, error) {
	switch driver {
	case firewallIptables, "": // a lease of before the driver was recorded
		return iptables{m}, nil
	case firewallNftables:
		return nftables{m}, nil
	}
	return nil, fmt.Errorf("firewall driver %q of netavark is not known", driver)
}

// chainsOf are the chains that netavark makes for a network: for what leaves
// it, and for its published ports.
func (m *Manager) chainsOf(n Network) (subnet, dnat []string) {
	// iptables: a digest of the name.
	sum := sha512.Sum512([]byte(m.hostName(n.Name)))
	hash := strings.ToUpper(hex.EncodeToString(sum[:]))[:13]
	subnet, dnat = []string{"NETAVARK-" + hash}, []string{"NETAVARK-DN-" + hash}
	// nftables: of each subnet, since 1.9 with the first digits of the ID.
	for _, s := range n.Subnets {
		tail := strings.NewReplacer(".", "_", ":", "-").Replace(s.Subnet.Masked().Addr().String()) + "_nm" + strconv.Itoa(s.Subnet.Bits())
		for _, name := range []string{"nv_" + n.ID[:min(8, len(n.ID))] + "_" + tail, "nv_" + tail} {
			subnet, dnat = append(subnet, name), append(dnat, name+"_dnat")
		}
	}
	return subnet, dnat
}

// owner tells the rules of one network from all others, and among them those
// of its pods.
type owner struct {
	hostName     string
	network      Network
	subnet, dnat []string // chains
}

func (m *Manager) ownerOf(n Network) owner {
	subnet, dnat := m.chainsOf(n)
	return owner{hostName: m.hostName(n.Name), network: n, subnet: subnet, dnat: dnat}
}

// has reports whether a rule is the network's or one of its pods'.
func (o owner) has(r rule) bool {
	return o.common(r) || o.podRule(r)
}

// podRule reports whether a rule publishes a port of a pod on the network.
func (o owner) podRule(r rule) bool {
	if r.declares {
		return false
	}
	return slices.Contains(o.dnat, r.chain) || slices.Contains(o.dnat, r.target)
}

// common reports whether a rule, or a chain, is there for all pods on the network.
func (o owner) common(r rule) bool {
	if slices.Contains(o.subnet, r.chain) || slices.Contains(o.subnet, r.target) || r.declares && slices.Contains(o.dnat, r.chain) {
		return true
	}
	if r.declares || o.podRule(r) {
		return false
	}
	for _, s := range o.network.Subnets {
		if r.src == s.Subnet || r.dst == s.Subnet {
			return true
		}
	}
	return o.network.bridge() && (r.in == o.network.Interface || r.out == o.network.Interface)
}

// publishes reports whether a pod's rule publishes one of the lease's ports.
func publishes(r rule, lease Lease, n NetworkLease) bool {
	if strings.Contains(r.comment, "id: "+string(lease.Pod)) {
		return true
	}
	if r.dnat.IsValid() {
		return slices.Contains(n.IPs, r.dnat.Addr()) && slices.ContainsFunc(lease.Ports, func(p spec.PortMapping) bool {
			return p.ContainerPort == r.dnat.Port() && samePort(r, p)
		})
	}
	if strings.Contains(r.comment, " id: ") { // another pod's
		return false
	}
	return slices.ContainsFunc(lease.Ports, func(p spec.PortMapping) bool { return samePort(r, p) })
}

// samePort compares protocol, host port and host address.
func samePort(r rule, p spec.PortMapping) bool {
	if r.dport != p.HostPort || r.proto != protocolOf(p) {
		return false
	}
	ip, err := netip.ParseAddr(p.HostIP)
	if err != nil || ip.IsUnspecified() {
		return !r.destination.IsValid()
	}
	// The jump into the network's chain may not name the address.
	return !r.destination.IsValid() || r.destination == ip.Unmap()
}

// removePodRules deletes what publishes the lease's ports.
func (m *Manager) removePodRules(ctx context.Context, lease Lease) error {
	if len(lease.Ports) == 0 {
		return nil
	}
	var owners []owner
	for _, n := range lease.Networks {
		owners = append(owners, m.ownerOf(n.Network))
	}
	return m.removeRules(ctx, lease.Firewall, func(r rule) bool {
		for i, o := range owners {
			if o.podRule(r) && publishes(r, lease, lease.Networks[i]) {
				return true
			}
		}
		return false
	})
}

// removeNetworkRules deletes all rules and chains of a network and its pods.
func (m *Manager) removeNetworkRules(ctx context.Context, n Network, driver string) error {
	return m.removeRules(ctx, driver, m.ownerOf(n).has)
}

// removeTries is how often rules are listed and deleted anew because one of
// them went away in between.
const removeTries = 3

func (m *Manager) removeRules(ctx context.Context, driver string, which func(rule) bool) error {
	fw, err := m.firewall(driver)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		all, err := fw.list(ctx)
		if errors.Is(err, errNoFirewallProgram) {
			// Who made the rules had the program, and took them along or not: we cannot say.
			m.log.Warn("firewall rules are not looked at", "error", err)
			return nil
		}
		if err != nil {
			return err
		}
		var doomed []rule
		for _, r := range all {
			if which(r) {
				doomed = append(doomed, r)
			}
		}
		if len(doomed) == 0 {
			return nil
		}
		err = fw.remove(ctx, doomed)
		if err == nil {
			return nil
		}
		if try == removeTries || ctx.Err() != nil {
			return fmt.Errorf("remove firewall rules: %w", err)
		}
	}
}

// RulesPresent reports whether a lease's rules and bridges are there, or its network
// stack runs. False calls for Heal.
func (m *Manager) RulesPresent(ctx context.Context, lease Lease) (bool, error) {
	missing, err := m.MissingRules(ctx, []Lease{lease})
	return err == nil && len(missing) == 0, err
}

// MissingRules looks once and lists those of the leases, by pod, that lack a
// rule, a bridge, a kernel setting or the process that is their network stack.
func (m *Manager) MissingRules(ctx context.Context, leases []Lease) ([]spec.PodID, error) {
	links, err := linkNames()
	if err != nil {
		return nil, err
	}
	byDriver := map[string][]rule{}
	var missing []spec.PodID
	for _, lease := range leases {
		if lease.UserMode != nil {
			runs, err := m.userModeRuns(lease)
			if err != nil {
				return nil, err
			}
			if !runs {
				missing = append(missing, lease.Pod)
			}
			continue
		}
		rules, ok := byDriver[lease.Firewall]
		if !ok && needsRules(lease) {
			fw, err := m.firewall(lease.Firewall)
			if err != nil {
				return nil, err
			}
			if rules, err = fw.list(ctx); err != nil {
				return nil, err
			}
			byDriver[lease.Firewall] = rules
		}
		if !m.rulesIn(rules, links, lease) || checkSysctls(lease) != nil {
			missing = append(missing, lease.Pod)
		}
	}
	return missing, nil
}

func needsRules(lease Lease) bool {
	return slices.ContainsFunc(lease.Networks, func(n NetworkLease) bool { return n.Network.ruled() })
}

func (m *Manager) rulesIn(rules []rule, links []string, lease Lease) bool {
	published := map[spec.PortMapping]bool{}
	routed := false
	for _, n := range lease.Networks {
		if !n.Network.bridge() {
			continue
		}
		if !slices.Contains(links, n.Network.Interface) {
			return false
		}
		if !n.Network.ruled() {
			continue
		}
		routed = true
		o := m.ownerOf(n.Network)
		if !hasCommon(rules, o) {
			return false
		}
		for _, p := range lease.Ports {
			if hasPort(rules, o, n, p) {
				published[p] = true
			}
		}
	}
	for _, p := range lease.Ports {
		if routed && !published[p] {
			return false
		}
	}
	return true
}

// hasCommon looks for the way into each subnet's chain and for the chain's rules.
func hasCommon(rules []rule, o owner) bool {
	jump := slices.ContainsFunc(rules, func(r rule) bool { return slices.Contains(o.subnet, r.target) })
	filled := slices.ContainsFunc(rules, func(r rule) bool { return !r.declares && slices.Contains(o.subnet, r.chain) })
	return jump && filled
}

func hasPort(rules []rule, o owner, n NetworkLease, p spec.PortMapping) bool {
	jump := slices.ContainsFunc(rules, func(r rule) bool {
		return slices.Contains(o.dnat, r.target) && samePort(r, p)
	})
	return jump && slices.ContainsFunc(rules, func(r rule) bool {
		return slices.Contains(o.dnat, r.chain) && samePort(r, p) &&
			r.dnat.Port() == p.ContainerPort && slices.Contains(n.IPs, r.dnat.Addr())
	})
}

var errNoFirewallProgram = errors.New("the host's firewall cannot be read")
