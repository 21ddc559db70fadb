package report

import (
	"slices"
	"strconv"

	"berth/engine/network"
	"berth/engine/spec"
)

// Network is a network as templates see it. Its methods are the names that
// podman's templates have for the same.
type Network struct{ network.Network }

// NetworkInspect is a network as `network inspect` prints it.
type NetworkInspect struct {
	Network
	Containers map[string]NetworkContainer `json:"containers"` // by ID of the infra container, or of one that stands alone
}

// NetworkContainer is who has joined a network.
type NetworkContainer struct {
	Name string   `json:"name"` // of that container
	Pod  string   `json:"pod"`  // namespace/name; podman has none
	IPs  []string `json:"ips"`  // of the pod there

	Interfaces map[string]NetworkPlace `json:"interfaces"` // by name in the pod; none while it is down
}

// NetworkPlace is an interface of a pod on a network.
type NetworkPlace struct {
	Subnets []NetworkAddressOf `json:"subnets"`
	MAC     string             `json:"mac_address"`
}

// NetworkAddressOf is an address on a subnet.
type NetworkAddressOf struct {
	IPNet   string `json:"ipnet"` // "10.90.0.2/24"
	Gateway string `json:"gateway,omitempty"`
}

// InspectNetwork is everything known of a network.
func InspectNetwork(n network.Network, pods []spec.PodStatus) NetworkInspect {
	r := NetworkInspect{Network: Network{n}, Containers: map[string]NetworkContainer{}}
	for i := range pods {
		p := &pods[i]
		id, name := p.Infra.ID, p.Pod.InfraName()
		if p.Pod.Bare && len(p.Containers) > 0 {
			id, name = p.Containers[0].ID, p.Pod.ContainerName(p.Containers[0].Name)
		}
		if id == "" {
			continue
		}
		if slices.Contains(p.Networks(), n.Name) {
			r.Containers[string(id)] = NetworkContainer{name, p.Pod.Key().String(), orEmpty(ipsOn(p, n.Name)), placesOn(p, n)}
		}
	}
	return r
}

// placesOn are a pod's interfaces on a network.
func placesOn(p *spec.PodStatus, n network.Network) map[string]NetworkPlace {
	places := map[string]NetworkPlace{}
	for _, j := range p.Joined {
		if j.Network != n.Name {
			continue
		}
		place := NetworkPlace{Subnets: []NetworkAddressOf{}, MAC: j.MAC}
		for _, ip := range j.IPs {
			via, bits := gateway(n, ip)
			place.Subnets = append(place.Subnets, NetworkAddressOf{ip + "/" + strconv.Itoa(bits), via})
		}
		places[j.Interface] = place
	}
	return places
}

// ipsOn are a pod's addresses on a network; where that is not known, all.
func ipsOn(p *spec.PodStatus, network string) []string {
	for _, j := range p.Joined {
		if j.Network == network {
			return j.IPs
		}
	}
	return p.IPs
}

// NetworkInterface is the name of the bridge or parent.
func (n Network) NetworkInterface() string { return n.Interface }

// IPv6Enabled reports whether IPv6 addresses are given.
func (n Network) IPv6Enabled() bool { return n.IPv6 }

// DNSEnabled reports whether pods have names on the network.
func (n Network) DNSEnabled() bool { return n.DNS }

// NetworkDNSServers are the name servers for what is no pod's name.
func (n Network) NetworkDNSServers() []string { return n.DNSServers }

// IPAMOptions say how addresses are given.
func (n Network) IPAMOptions() map[string]string { return n.IPAM }
