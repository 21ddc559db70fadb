package network

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"berth/engine/spec"
)

// Reserve gives a pod its addresses on every network it joins. A pod with no
// attachment gets an empty lease. On error nothing stays reserved.
func (m *Manager) Reserve(ctx context.Context, pod Pod) (lease Lease, err error) {
	lease = Lease{
		Version: leaseVersion, Pod: pod.ID, Key: pod.Key, Namespace: pod.Namespace,
		Names: podNames(pod), Servers: slices.Clone(pod.Servers), Ports: slices.Clone(pod.Ports),
	}
	if pod.UserMode != nil {
		lease.UserMode, err = m.planUserMode(ctx, pod)
		return lease, err
	}
	if len(pod.Attachments) == 0 {
		return lease, nil
	}
	if err := checkPod(pod); err != nil {
		return Lease{}, err
	}
	nv, err := m.netavark(ctx)
	if err != nil {
		return Lease{}, err
	}
	lease.Netavark, lease.Firewall = nv.version, nv.firewall
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Release(context.WithoutCancel(ctx), lease))
			lease = Lease{}
		}
	}()
	for i, a := range pod.Attachments {
		n, err := m.reserveOn(ctx, pod, a, i)
		if err == nil {
			err = nv.supports(n)
		}
		lease.Networks = append(lease.Networks, n) // what there is of it, for Release
		if err != nil {
			return lease, err
		}
	}
	return lease, checkPublished(lease)
}

// CheckPod says whether a pod's networks can be had, as far as that can be seen
// without reserving anything. Ports without a host port are not looked at.
func (m *Manager) CheckPod(ctx context.Context, pod Pod) error {
	if pod.UserMode != nil {
		_, err := m.planUserMode(ctx, pod)
		return err
	}
	if len(pod.Attachments) == 0 {
		return nil
	}
	pod.Ports = slices.DeleteFunc(slices.Clone(pod.Ports), func(p spec.PortMapping) bool { return p.HostPort == 0 })
	if err := checkPod(pod); err != nil {
		return err
	}
	nv, err := m.netavark(ctx)
	if err != nil {
		return err
	}
	lease := Lease{Ports: pod.Ports}
	for i, a := range pod.Attachments {
		n, err := m.Inspect(ctx, attachedName(a))
		if errors.Is(err, spec.ErrNotFound) && attachedName(a) == DefaultNetwork {
			_, err := m.serverProgram()
			return err // the network is made when it is first joined
		}
		if err != nil {
			return err
		}
		if n.servesNames() {
			// Also where the server runs: it may have to start again.
			if _, err := m.serverProgram(); err != nil {
				return err
			}
		}
		l, _, err := begin(n, a, i)
		if err != nil {
			return err
		}
		if err := nv.supports(l); err != nil {
			return err
		}
		for _, s := range n.Subnets {
			l.IPs = append(l.IPs, s.Subnet.Addr()) // stands for any of its family
		}
		lease.Networks = append(lease.Networks, l)
	}
	return checkPublished(lease)
}

// checkPublished refuses ports that no network of the pod can publish: netavark
// would leave them out without a word.
func checkPublished(lease Lease) error {
	var errs []error
	for _, p := range lease.Ports {
		host, err := netip.ParseAddr(p.HostIP)
		if err == nil && host.Is6() && host.IsLoopback() {
			errs = append(errs, fmt.Errorf("%w: port %d cannot be published on ::1, from where Linux lets no answer through: use 127.0.0.1, or an address of the host",
				spec.ErrConfig, p.HostPort))
			continue
		}
		anyFamily := err != nil
		reachable := slices.ContainsFunc(lease.Networks, func(n NetworkLease) bool {
			return n.Network.bridge() && !n.Network.Internal && slices.ContainsFunc(n.IPs, func(ip netip.Addr) bool {
				return anyFamily || ip.Is6() == host.Unmap().Is6()
			})
		})
		if !reachable {
			errs = append(errs, fmt.Errorf("%w: port %d cannot be published on %q: that takes a bridge network that is not internal and has an address of that family",
				spec.ErrConfig, p.HostPort, p.HostIP))
		}
	}
	return errors.Join(errs...)
}

// podNames are the names of a pod in DNS, those that its key gives first. What
// Kubernetes takes for a name may be too long to be asked for.
func podNames(pod Pod) []string {
	var names []string
	if pod.Key.Name != "" {
		names = append(names, pod.Key.Name+"."+pod.Key.Namespace)
		if pod.Key.Namespace == spec.DefaultNamespace {
			names = append(names, pod.Key.Name)
		}
	}
	names = append(names, pod.Names...)
	for i := range names {
		names[i] = strings.ToLower(names[i])
	}
	return slices.DeleteFunc(slices.Compact(names), tooLong)
}

// tooLong reports whether a name, or one of its labels, is longer than DNS has it.
func tooLong(name string) bool {
	return len(name) > 253 || slices.ContainsFunc(strings.Split(name, "."), func(label string) bool { return len(label) > 63 })
}

// dnsName is what aardvark-dns's files can hold: they separate by space and comma.
var dnsName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$`)
})

func checkPod(pod Pod) error {
	var errs []error
	add := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{spec.ErrConfig}, args...)...))
	}
	names := slices.Clone(podNames(pod))
	seen, interfaces := map[string]bool{}, map[string]bool{}
	for i, a := range pod.Attachments {
		network, iface := attachedName(a), interfaceName(a, i)
		if seen[network] {
			add("network %q is joined twice", network)
		}
		if interfaces[iface] || iface == "lo" || !interfacePattern().MatchString(iface) {
			add("interface name %q is taken or not valid", iface)
		}
		seen[network], interfaces[iface] = true, true
		names = append(names, a.Aliases...)
	}
	for _, name := range names {
		if tooLong(name) || !dnsName().MatchString(name) {
			add("%q is not a DNS name", name)
		}
	}
	for _, p := range pod.Ports {
		if p.HostPort == 0 {
			add("port %d has no host port yet: bind it first", p.ContainerPort)
		}
	}
	return errors.Join(errs...)
}

func attachedName(a spec.NetworkAttachment) string {
	if a.Network == "" {
		return DefaultNetwork
	}
	return a.Network
}

func interfaceName(a spec.NetworkAttachment, i int) string {
	if a.Name == "" {
		return fmt.Sprintf("eth%d", i)
	}
	return a.Name
}

func (m *Manager) reserveOn(ctx context.Context, pod Pod, a spec.NetworkAttachment, i int) (NetworkLease, error) {
	name := attachedName(a)
	inspect := func() (Network, error) { return m.Inspect(ctx, name) }
	if name == DefaultNetwork {
		inspect = func() (Network, error) { return m.EnsureDefault(ctx) }
	}
	n, err := inspect()
	if err != nil {
		return NetworkLease{}, err
	}
	lease, asked, err := begin(n, a, i)
	if err != nil {
		return lease, err
	}
	claim, err := m.newClaim(name, pod.ID)
	if err != nil {
		return lease, fmt.Errorf("reserve an address of network %q: %w", name, err)
	}
	defer claim.close()
	for _, s := range n.Subnets {
		ip, ok := asked[s.Subnet]
		if ok {
			err = claim.takeAsked(ip)
		} else {
			ip, err = claim.takeNext(s)
		}
		if err != nil {
			return lease, err
		}
		lease.IPs = append(lease.IPs, ip)
	}
	// The network may have been removed just before the address was taken (Remove).
	if _, err := inspect(); err != nil {
		return lease, err
	}
	return lease, nil
}

// begin is an attachment's lease without its addresses, and those asked for.
func begin(n Network, a spec.NetworkAttachment, i int) (lease NetworkLease, asked map[netip.Prefix]netip.Addr, err error) {
	lease = NetworkLease{Network: n, Interface: interfaceName(a, i), HostName: a.HostName, Names: lower(a.Aliases)}
	switch {
	case a.HostName != "" && !n.bridge():
		err = fmt.Errorf("%w: network %q is a %s: its interfaces have no other end on the host to be named %q", spec.ErrConfig, n.Name, n.Driver, a.HostName)
	case n.Driver != DriverIPvlan:
		lease.MAC, err = macFor(a.MAC)
	case a.MAC != "": // ipvlan shares its parent's
		err = fmt.Errorf("%w: network %q is an ipvlan: its interfaces have no MAC of their own", spec.ErrConfig, n.Name)
	}
	if err != nil {
		return lease, nil, err
	}
	asked, err = askedFor(n, a.IPs)
	return lease, asked, err
}

func lower(names []string) []string {
	var out []string
	for _, name := range names {
		out = append(out, strings.ToLower(name))
	}
	return out
}

// askedFor sorts the addresses asked for by the subnet they belong to.
func askedFor(n Network, ips []string) (map[netip.Prefix]netip.Addr, error) {
	asked := map[netip.Prefix]netip.Addr{}
	for _, text := range ips {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("%w: %q is not an IP address", spec.ErrConfig, text)
		}
		ip = ip.Unmap()
		s, ok := n.subnetOf(ip)
		switch {
		case !ok:
			return nil, fmt.Errorf("%w: address %s is not in a subnet of network %q", spec.ErrConfig, ip, n.Name)
		case ip == s.Gateway:
			return nil, fmt.Errorf("%w: address %s is the gateway of network %q", spec.ErrConfig, ip, n.Name)
		case ip == s.Subnet.Addr() || ip == lastOf(s.Subnet) && ip.Is4():
			return nil, fmt.Errorf("%w: address %s is the network or broadcast address of %s", spec.ErrConfig, ip, s.Subnet)
		}
		if other, twice := asked[s.Subnet]; twice {
			return nil, fmt.Errorf("%w: both %s and %s are in subnet %s of network %q", spec.ErrConfig, other, ip, s.Subnet, n.Name)
		}
		asked[s.Subnet] = ip
	}
	return asked, nil
}

// macFor checks the hardware address asked for, or makes a random one: of a
// single device, locally administered.
func macFor(asked string) (string, error) {
	if asked == "" {
		mac := make(net.HardwareAddr, 6)
		_, _ = rand.Read(mac) // never fails
		mac[0] = mac[0]&^1 | 2
		return mac.String(), nil
	}
	mac, err := net.ParseMAC(asked)
	if err != nil || len(mac) != 6 || mac[0]&1 != 0 {
		return "", fmt.Errorf("%w: %q is not the MAC address of a single device", spec.ErrConfig, asked)
	}
	return mac.String(), nil
}

// Release gives a lease's addresses back. What is gone, or another pod's by
// now, is left alone.
func (m *Manager) Release(_ context.Context, lease Lease) error {
	var errs []error
	for _, n := range lease.Networks {
		for _, ip := range n.IPs {
			errs = append(errs, m.giveBack(n.Network.Name, ip, lease.Pod))
		}
	}
	return errors.Join(errs...)
}

func (m *Manager) giveBack(network string, ip netip.Addr, pod spec.PodID) error {
	path := m.addressPath(network, ip)
	owner, err := readOwner(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && owner != pod {
		return nil
	}
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("release address %s: %w", ip, err)
	}
	return nil
}
