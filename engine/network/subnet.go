package network

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"

	"berth/engine/spec"
)

// pool is where a subnet is chosen from when none was asked for.
type pool struct {
	first netip.Prefix
	count int
}

// The default network has room for a host full of pods; podman takes its own
// from 10.88 and 10.89 upwards in steps of a /24.
var (
	defaultPool = pool{netip.MustParsePrefix("10.89.0.0/16"), 100}
	userPool    = pool{netip.MustParsePrefix("10.189.0.0/24"), 64 * 256}
)

// free is the first subnet of the pool that overlaps nothing in use.
func (p pool) free(used []netip.Prefix) (netip.Prefix, error) {
	candidate := p.first
	for range p.count {
		if !overlapsAny(candidate, used) {
			return candidate, nil
		}
		candidate = nextPrefix(candidate)
	}
	return netip.Prefix{}, fmt.Errorf("%w: no free subnet from %s on: give one", spec.ErrConfig, p.first)
}

// freeULA is a random unique local IPv6 subnet (RFC 4193).
func freeULA(used []netip.Prefix) (netip.Prefix, error) {
	for range 16 {
		var b [16]byte
		_, _ = rand.Read(b[1:8]) // never fails
		b[0] = 0xfd
		candidate := netip.PrefixFrom(netip.AddrFrom16(b), 64).Masked()
		if !overlapsAny(candidate, used) {
			return candidate, nil
		}
	}
	return netip.Prefix{}, fmt.Errorf("%w: no free IPv6 subnet: give one", spec.ErrConfig)
}

func overlapsAny(p netip.Prefix, used []netip.Prefix) bool {
	for _, u := range used {
		if u.Overlaps(p) {
			return true
		}
	}
	return false
}

// nextPrefix is the prefix of the same length that follows an IPv4 one.
func nextPrefix(p netip.Prefix) netip.Prefix {
	b := p.Addr().As4()
	n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	n += 1 << (32 - p.Bits())
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}), p.Bits())
}

// podmanNetworks is where podman keeps its networks. One that no container
// uses just now has no route, and still its subnet must stay free.
const podmanNetworks = "/etc/containers/networks"

// usedSubnets lists what a new network must not overlap: our networks,
// podman's, and every route of the host but the default ones.
func usedSubnets(ours []Network) ([]netip.Prefix, error) {
	used := []netip.Prefix{netip.MustParsePrefix("10.88.0.0/16")} // podman's default, which no file names
	for _, n := range ours {
		if !n.bridge() {
			continue
		}
		for _, s := range n.Subnets {
			used = append(used, s.Subnet)
		}
	}
	used = append(used, subnetsIn(podmanNetworks)...)
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := netlink.RouteList(nil, family)
		if err != nil {
			return nil, fmt.Errorf("list the host's routes: %w", err)
		}
		for _, r := range routes {
			if p, ok := prefixOfNet(r.Dst); ok && p.Bits() > 0 && !p.Addr().IsLinkLocalUnicast() {
				used = append(used, p)
			}
		}
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list the host's addresses: %w", err)
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			if p, ok := prefixOfNet(n); ok && !p.Addr().IsLinkLocalUnicast() {
				used = append(used, p)
			}
		}
	}
	return used, nil
}

// subnetsIn reads the subnets of network definitions in a folder, as far as
// they can be read.
func subnetsIn(dir string) []netip.Prefix {
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	var found []netip.Prefix
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		var n struct {
			Subnets []struct {
				Subnet netip.Prefix `json:"subnet"`
			} `json:"subnets"`
		}
		if json.Unmarshal(data, &n) != nil {
			continue
		}
		for _, s := range n.Subnets {
			if s.Subnet.IsValid() {
				found = append(found, s.Subnet)
			}
		}
	}
	return found
}

func prefixOfNet(n *net.IPNet) (netip.Prefix, bool) {
	if n == nil {
		return netip.Prefix{}, false
	}
	addr, ok := netip.AddrFromSlice(n.IP)
	if !ok {
		return netip.Prefix{}, false
	}
	ones, bits := n.Mask.Size()
	addr = addr.Unmap()
	if addr.Is4() && bits == 128 {
		ones -= 96
	}
	return netip.PrefixFrom(addr, ones).Masked(), true
}

func parseSubnet(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("%w: %q is not a subnet in CIDR form", spec.ErrConfig, s)
	}
	return p.Masked(), nil
}
