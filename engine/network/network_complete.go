package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"berth/engine/spec"
)

var namePattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)
})

var interfacePattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[^\s/:]{1,15}$`)
})

// maxName keeps file names and rule comments within their limits.
const maxName = 128

func checkName(name string) error {
	if len(name) > maxName || !namePattern().MatchString(name) {
		return fmt.Errorf("%w: a network's name has letters, digits, '.', '_' and '-', begins with a letter or digit and has at most %d characters", spec.ErrConfig, maxName)
	}
	return nil
}

// complete fills in what was left open and refuses what cannot work.
func (m *Manager) complete(n Network, others []Network) (Network, error) {
	if err := checkName(n.Name); err != nil {
		return n, err
	}
	if n.Driver == "" {
		n.Driver = DriverBridge
	}
	n.ID = idOf(m.hostName(n.Name))
	n, err := completeIPAM(n)
	if err != nil {
		return n, err
	}
	used, err := usedSubnets(others)
	if err != nil {
		return n, err
	}
	links, err := linkNames()
	if err != nil {
		return n, err
	}
	switch n.Driver {
	case DriverBridge:
		n, err = m.completeBridge(n, others, used, links)
	case DriverMacvlan, DriverIPvlan:
		n, err = completeVlan(n, links)
	default:
		err = fmt.Errorf("%w: driver %q is not supported: use bridge, macvlan or ipvlan", spec.ErrConfig, n.Driver)
	}
	if err != nil {
		return n, err
	}
	for _, s := range n.Subnets {
		n.IPv6 = n.IPv6 || s.Subnet.Addr().Is6()
	}
	return n, errors.Join(checkOptions(n), checkServers(n), checkRoutes(n))
}

// Who gives addresses, in netavark's words.
const (
	IPAMHostLocal = "host-local" // we do
	IPAMNone      = "none"       // nobody: the containers, if they can
	IPAMDHCP      = "dhcp"
)

// IPAMDrivers are those that can be had.
func IPAMDrivers() []string { return []string{IPAMHostLocal, IPAMNone} }

// addressed reports whether pods get addresses on the network.
func (n Network) addressed() bool { return n.IPAM["driver"] != IPAMNone }

func completeIPAM(n Network) (Network, error) {
	if n.IPAM == nil {
		n.IPAM = map[string]string{"driver": IPAMHostLocal}
	}
	switch driver := n.IPAM["driver"]; {
	case driver == IPAMDHCP:
		return n, fmt.Errorf("%w: addresses by DHCP take netavark's DHCP proxy, which berth does not run: give a subnet, or use the driver none", spec.ErrConfig)
	case !slices.Contains(IPAMDrivers(), driver):
		return n, fmt.Errorf("%w: address driver %q is not known: use %s", spec.ErrConfig, driver, strings.Join(IPAMDrivers(), " or "))
	case driver == IPAMNone && (len(n.Subnets) > 0 || n.IPv6):
		return n, fmt.Errorf("%w: without addresses there is no subnet and no IPv6", spec.ErrConfig)
	case driver == IPAMNone:
		n.DNS = false // nothing has an address to ask or to answer
	}
	return n, nil
}

func checkRoutes(n Network) error {
	var errs []error
	for _, r := range n.Routes {
		if _, ok := n.subnetOf(r.Gateway); !ok {
			errs = append(errs, fmt.Errorf("%w: gateway %s of the route to %s is in no subnet of the network", spec.ErrConfig, r.Gateway, r.Destination))
		}
	}
	return errors.Join(errs...)
}

func (m *Manager) completeBridge(n Network, others []Network, used []netip.Prefix, links []string) (Network, error) {
	if n.Interface == "" {
		n.Interface = m.freeInterface(others, links)
	}
	if !interfacePattern().MatchString(n.Interface) {
		return n, fmt.Errorf("%w: interface name %q: 1 to 15 characters without space, '/' and ':'", spec.ErrConfig, n.Interface)
	}
	for _, o := range others {
		if o.Interface == n.Interface {
			return n, fmt.Errorf("%w: interface %s belongs to network %q", spec.ErrConfig, n.Interface, o.Name)
		}
	}
	if !n.addressed() {
		return n, nil
	}
	if len(n.Subnets) == 0 {
		pool := userPool
		if n.Name == DefaultNetwork {
			pool = defaultPool
		}
		subnet, err := pool.free(used)
		if err != nil {
			return n, err
		}
		n.Subnets = []Subnet{{Subnet: subnet}}
	}
	if n.IPv6 && !slices.ContainsFunc(n.Subnets, func(s Subnet) bool { return s.Subnet.Addr().Is6() }) {
		subnet, err := freeULA(used)
		if err != nil {
			return n, err
		}
		n.Subnets = append(n.Subnets, Subnet{Subnet: subnet})
	}
	return completeSubnets(n, used, true)
}

func completeVlan(n Network, links []string) (Network, error) {
	if n.Interface != "" && !slices.Contains(links, n.Interface) {
		return n, fmt.Errorf("%w: parent interface %q does not exist", spec.ErrConfig, n.Interface)
	}
	if n.Internal {
		return n, fmt.Errorf("%w: a %s network cannot be internal", spec.ErrConfig, n.Driver)
	}
	n.DNS = false // nothing of ours has an address on that network
	if !n.addressed() {
		return n, nil
	}
	if len(n.Subnets) == 0 {
		return n, fmt.Errorf("%w: a %s network needs a subnet, or the address driver none: addresses by DHCP are not given", spec.ErrConfig, n.Driver)
	}
	// The subnet is that of a network outside, so the host has a route to it.
	return completeSubnets(n, nil, false)
}

func completeSubnets(n Network, used []netip.Prefix, gateway bool) (Network, error) {
	n.Subnets = slices.Clone(n.Subnets)
	for i := range n.Subnets {
		s := &n.Subnets[i]
		if !s.Subnet.IsValid() {
			return n, fmt.Errorf("%w: subnet %d is not in CIDR form", spec.ErrConfig, i+1)
		}
		s.Subnet = s.Subnet.Masked()
		if s.Subnet.Addr().Is4() && s.Subnet.Bits() > 30 || s.Subnet.Addr().Is6() && s.Subnet.Bits() > 126 {
			return n, fmt.Errorf("%w: subnet %s is too small", spec.ErrConfig, s.Subnet)
		}
		for _, u := range used {
			if u.Overlaps(s.Subnet) {
				return n, fmt.Errorf("%w: subnet %s overlaps %s, which this host already uses", spec.ErrConfig, s.Subnet, u)
			}
		}
		used = append(used, s.Subnet)
		if gateway && !s.Gateway.IsValid() {
			s.Gateway = s.Subnet.Addr().Next()
		}
		if s.Gateway.IsValid() && !s.Subnet.Contains(s.Gateway) {
			return n, fmt.Errorf("%w: gateway %s is not in subnet %s", spec.ErrConfig, s.Gateway, s.Subnet)
		}
		if err := checkRange(s); err != nil {
			return n, err
		}
	}
	return n, nil
}

func checkRange(s *Subnet) error {
	if s.LeaseRange == nil {
		return nil
	}
	r := *s.LeaseRange
	for _, ip := range []netip.Addr{r.StartIP, r.EndIP} {
		if ip.IsValid() && !s.Subnet.Contains(ip) {
			return fmt.Errorf("%w: %s of the range is not in subnet %s", spec.ErrConfig, ip, s.Subnet)
		}
	}
	if r.StartIP.IsValid() && r.EndIP.IsValid() && r.EndIP.Less(r.StartIP) {
		return fmt.Errorf("%w: the range %s to %s is empty", spec.ErrConfig, r.StartIP, r.EndIP)
	}
	s.LeaseRange = &r
	return nil
}

// freeInterface is the first name of ours that neither a link nor a network has.
func (m *Manager) freeInterface(others []Network, links []string) string {
	base := m.prefix // at most 11 characters
	for i := 0; ; i++ {
		name := base + strconv.Itoa(i)
		taken := slices.ContainsFunc(others, func(o Network) bool { return o.Interface == name })
		if !taken && !slices.Contains(links, name) {
			return name
		}
	}
}

func checkOptions(n Network) error {
	var errs []error
	bad := func(key, want string) {
		errs = append(errs, fmt.Errorf("%w: option %s=%q: want %s", spec.ErrConfig, key, n.Options[key], want))
	}
	for key, value := range n.Options {
		number, err := strconv.Atoi(value)
		switch key {
		case "mtu":
			if err != nil || number < 68 && number != 0 || number > 65535 {
				bad(key, "a number of bytes from 68 to 65535")
			}
		case "vlan":
			if err != nil || number < 0 || number > 4094 {
				bad(key, "a VLAN ID from 0 to 4094")
			}
		case "metric":
			if err != nil || number < 0 {
				bad(key, "a number")
			}
		case "isolate":
			if !slices.Contains([]string{"true", "false", "strict", "1", "0"}, value) {
				bad(key, "true, false or strict")
			}
		case "no_default_route":
			if _, err := strconv.ParseBool(value); err != nil {
				bad(key, "true or false")
			}
		case "mode":
			if !slices.Contains(modesOf(n.Driver), value) {
				bad(key, strings.Join(modesOf(n.Driver), ", "))
			}
		default:
			errs = append(errs, fmt.Errorf("%w: option %q is unknown: mtu, vlan, metric, isolate, no_default_route and mode are", spec.ErrConfig, key))
		}
	}
	return errors.Join(errs...)
}

func modesOf(driver string) []string {
	switch driver {
	case DriverMacvlan:
		return []string{"bridge", "private", "vepa", "passthru"}
	case DriverIPvlan:
		return []string{"l2", "l3", "l3s"}
	}
	return []string{"managed", "unmanaged"}
}

func checkServers(n Network) error {
	var errs []error
	for _, s := range n.DNSServers {
		if _, err := netip.ParseAddr(s); err != nil {
			errs = append(errs, fmt.Errorf("%w: DNS server %q is not an address", spec.ErrConfig, s))
		}
	}
	return errors.Join(errs...)
}

func linkNames() ([]string, error) {
	links, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list the host's interfaces: %w", err)
	}
	names := make([]string, len(links))
	for i, l := range links {
		names[i] = l.Name
	}
	return names, nil
}
