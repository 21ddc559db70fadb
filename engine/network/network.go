package network

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"time"

	"berth/engine/spec"
)

// Network is the definition of a network, in netavark's words (the same JSON
// podman keeps).
type Network struct {
	Name      string    `json:"name"`
	ID        string    `json:"id"`
	Driver    string    `json:"driver"` // "bridge", "macvlan", "ipvlan"
	Interface string    `json:"network_interface,omitempty"`
	Created   time.Time `json:"created"`
	Subnets   []Subnet  `json:"subnets,omitempty"`
	Routes    []Route   `json:"routes,omitempty"`
	IPv6      bool      `json:"ipv6_enabled"`
	Internal  bool      `json:"internal"` // no way out of the host
	DNS       bool      `json:"dns_enabled"`
	// DNSServers answer what aardvark-dns does not know; empty: the host's.
	DNSServers []string          `json:"network_dns_servers,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
	// Options are "mtu" (bytes), "isolate" (true, strict), "vlan" (ID), "mode"
	// (of macvlan and ipvlan), "metric" (of the default route), "no_default_route".
	Options map[string]string `json:"options,omitempty"`
	IPAM    map[string]string `json:"ipam_options,omitempty"`
	// Owner is who had it made; empty: not known. It is in our file alone.
	Owner spec.Owner `json:"-"`
}

// Subnet is one address range of a network.
type Subnet struct {
	Subnet  netip.Prefix `json:"subnet"`
	Gateway netip.Addr   `json:"gateway,omitzero"`
	// LeaseRange limits what is handed out; asked-for addresses may lie outside.
	LeaseRange *LeaseRange `json:"lease_range,omitempty"`
}

// LeaseRange is an inclusive range of addresses.
type LeaseRange struct {
	StartIP netip.Addr `json:"start_ip,omitzero"`
	EndIP   netip.Addr `json:"end_ip,omitzero"`
}

// Route is a static route that pods on the network get.
type Route struct {
	Destination netip.Prefix `json:"destination"`
	Gateway     netip.Addr   `json:"gateway"`
	Metric      *uint32      `json:"metric,omitempty"`
}

// The drivers that netavark brings along.
const (
	DriverBridge  = "bridge"
	DriverMacvlan = "macvlan"
	DriverIPvlan  = "ipvlan"
)

func (n Network) bridge() bool { return n.Driver == DriverBridge }

// ownBridge reports whether the network's bridge is made and removed with it.
func (n Network) ownBridge() bool { return n.bridge() && n.Options["mode"] != "unmanaged" }

// ruled reports whether there are firewall rules for the network.
func (n Network) ruled() bool { return n.bridge() && !n.Internal && len(n.Subnets) > 0 }

// servesNames reports whether aardvark-dns answers on the network's gateways.
// Only a bridge has an address of ours to listen on.
func (n Network) servesNames() bool { return n.DNS && n.bridge() && len(n.gateways()) > 0 }

func (n Network) gateways() []netip.Addr {
	var addrs []netip.Addr
	for _, s := range n.Subnets {
		if s.Gateway.IsValid() {
			addrs = append(addrs, s.Gateway)
		}
	}
	return addrs
}

func (n Network) subnetOf(ip netip.Addr) (Subnet, bool) {
	for _, s := range n.Subnets {
		if s.Subnet.Contains(ip) {
			return s, true
		}
	}
	return Subnet{}, false
}

// idOf gives a network its ID: always the same for a name, so that rules can
// be told ours by it even when the definition is lost.
func idOf(hostName string) string {
	sum := sha256.Sum256([]byte(hostName))
	return hex.EncodeToString(sum[:])
}

// hostName is the name under which netavark and aardvark-dns know a network.
// netavark names its chains by it, so it must differ from podman's.
func (m *Manager) hostName(network string) string {
	if network == DefaultNetwork {
		return m.prefix
	}
	return m.prefix + "-" + network
}
