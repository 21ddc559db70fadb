package network

import (
	"net/netip"

	"berth/engine/spec"
)

// Lease is what a pod holds on its networks: all that is needed to set it up,
// heal it and tear it down, also when networks, helpers and rules have changed
// since. The caller keeps it as JSON.
type Lease struct {
	Version   int                `json:"version"`
	Pod       spec.PodID         `json:"pod"`
	Key       spec.PodKey        `json:"key"`
	Namespace string             `json:"namespace"`
	Names     []string           `json:"names,omitempty"`
	Servers   []string           `json:"servers,omitempty"` // as Pod has them
	Networks  []NetworkLease     `json:"networks,omitempty"`
	Ports     []spec.PortMapping `json:"ports,omitempty"`
	UserMode  *UserModeLease     `json:"userMode,omitempty"` // in place of networks
	// Netavark is the version that was there, Firewall the driver it was told
	// to use: after an upgrade the old rules must go by the old driver.
	Netavark string `json:"netavark,omitempty"`
	Firewall string `json:"firewall,omitempty"`

	// Part: of a pod that has joined other networks, too. It is never kept.
	Part bool `json:"-"`
}

const leaseVersion = 1

// NetworkLease is a pod's place on one network.
type NetworkLease struct {
	Network   Network      `json:"network"` // as it was
	Interface string       `json:"interface"`
	HostName  string       `json:"hostInterface,omitempty"` // of its other end; empty: netavark's choice
	IPs       []netip.Addr `json:"ips"`
	MAC       string       `json:"mac"`
	Names     []string     `json:"names,omitempty"` // further DNS names on this network
}

// IPs are the pod's addresses, those of its first network first.
func (l Lease) IPs() []string {
	var ips []string
	for _, n := range l.Networks {
		for _, ip := range n.IPs {
			ips = append(ips, ip.String())
		}
	}
	if l.UserMode != nil {
		for _, ip := range l.UserMode.IPs {
			ips = append(ips, ip.String())
		}
	}
	return ips
}

// Gateways are the gateways of the pod's networks.
func (l Lease) Gateways() []string {
	var gateways []string
	for _, n := range l.Networks {
		for _, g := range n.Network.gateways() {
			gateways = append(gateways, g.String())
		}
	}
	return gateways
}

// Empty reports whether there is nothing but loopback.
func (l Lease) Empty() bool { return len(l.Networks) == 0 && l.UserMode == nil }

// NameServers are the addresses at which aardvark-dns answers the pod, or the
// process that is its network stack.
func (l Lease) NameServers() []string {
	if l.UserMode != nil {
		return l.UserMode.servers()
	}
	var servers []string
	for _, n := range l.Networks {
		if !n.Network.servesNames() {
			continue
		}
		for _, g := range n.Network.gateways() {
			servers = append(servers, g.String())
		}
	}
	return servers
}

// namesOn lists the pod's DNS names on one of its networks, each once.
func (l Lease) namesOn(n NetworkLease) []string {
	seen := map[string]bool{}
	var names []string
	for _, list := range [][]string{l.Names, n.Names} {
		for _, name := range list {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// Status is a pod's network as it was observed after set-up.
type Status struct {
	Interfaces  []Interface `json:"interfaces,omitempty"`
	IPs         []string    `json:"ips,omitempty"`
	Gateways    []string    `json:"gateways,omitempty"`
	NameServers []string    `json:"nameServers,omitempty"`
}

// Interface is one interface in a pod's namespace.
type Interface struct {
	Network string       `json:"network"`
	Name    string       `json:"name"`
	MAC     string       `json:"mac"`
	IPs     []netip.Addr `json:"ips"`
}
