package network

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/engine/spec"
)

func onNetworks(names ...string) Lease {
	l := Lease{Pod: "p"}
	for i, name := range names {
		n := NetworkLease{Network: Network{Name: name, Driver: DriverBridge}, Interface: interfaceName(spec.NetworkAttachment{}, i), IPs: []netip.Addr{netip.MustParseAddr("10.0.0.2")}}
		n.Network.Internal = name == "inside"
		l.Networks = append(l.Networks, n)
	}
	return l
}

func TestTheNextInterfaceIsTheFirstFree(t *testing.T) {
	l := onNetworks("a", "b", "c")
	if got := l.freeInterface(); got != "eth3" {
		t.Errorf("after eth2: %s", got)
	}
	l.Networks = l.Networks[1:]
	if got := l.freeInterface(); got != "eth0" {
		t.Errorf("eth0 is free: %s", got)
	}
}

func TestWhatLeavingANetworkUnpublishes(t *testing.T) {
	published := []spec.PortMapping{{HostPort: 80, ContainerPort: 80}}
	for name, c := range map[string]struct {
		lease Lease
		leave string
		ports []spec.PortMapping
		lost  bool
	}{
		"nothing is published": {onNetworks("a"), "a", nil, false},
		"the only network":     {onNetworks("a"), "a", published, true},
		"one of two":           {onNetworks("a", "b"), "a", published, false},
		"the way out":          {onNetworks("a", "inside"), "a", published, true},
		"another":              {onNetworks("a", "inside"), "inside", published, false},
	} {
		c.lease.Ports = c.ports
		if err := c.lease.Unpublishes(c.leave); (err != nil) != c.lost {
			t.Errorf("%s: %v", name, err)
		}
		if len(c.lease.Networks) != len(onNetworks("a").Networks) && len(c.lease.Networks) != 2 {
			t.Errorf("%s: the lease was changed", name)
		}
	}
}

func TestAPartIsAboutOneNetwork(t *testing.T) {
	l := onNetworks("a", "b")
	part := l.only(l.Networks[1])
	if len(part.Networks) != 1 || !part.on("b") || !part.Part || l.Part || len(l.Networks) != 2 {
		t.Errorf("part %+v of %+v", part, l)
	}
	want := []spec.JoinedNetwork{{Network: "b", Interface: "eth1", IPs: []string{"10.0.0.2"}}}
	if diff := cmp.Diff(want, part.Joined()); diff != "" {
		t.Error(diff)
	}
}
