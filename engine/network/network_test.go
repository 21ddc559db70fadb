package network

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/engine/spec"
)

func TestTheDefaultNetworkIsMadeOnce(t *testing.T) {
	m := testManager(t, nil)
	got := make([]Network, 20)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			var err error
			if got[i], err = m.EnsureDefault(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, n := range got {
		if n.ID != got[0].ID || !n.Created.Equal(got[0].Created) || n.Subnets[0] != got[0].Subnets[0] {
			t.Fatalf("two default networks: %+v and %+v", n, got[0])
		}
	}
	n := got[0]
	if !n.DNS || n.Internal || n.Driver != DriverBridge || !strings.HasPrefix(n.Interface, m.prefix) ||
		n.Subnets[0].Gateway != n.Subnets[0].Subnet.Addr().Next() {
		t.Errorf("network %+v", n)
	}
	entries, _ := os.ReadDir(m.configDir)
	if len(entries) != 1 {
		t.Errorf("files %v, want the network's only", entries)
	}
}

func routes(gateway string) []Route {
	return []Route{{Destination: netip.MustParsePrefix("10.240.0.0/16"), Gateway: netip.MustParseAddr(gateway)}}
}

func TestNetworksAreCheckedAndCompleted(t *testing.T) {
	gateway := func(s string) []Subnet {
		return []Subnet{{Subnet: netip.MustParsePrefix("10.231.0.0/24"), Gateway: netip.MustParseAddr(s)}}
	}
	for name, c := range map[string]struct {
		network Network
		says    string // of the error; empty: none
	}{
		"nothing said":           {network: Network{Name: "x"}},
		"IPv6":                   {network: Network{Name: "x", IPv6: true}},
		"everything said":        {network: Network{Name: "x", Subnets: gateway("10.231.0.254"), Options: map[string]string{"mtu": "1400", "isolate": "true"}}},
		"a bad name":             {network: Network{Name: "../x"}, says: "name"},
		"no name":                {network: Network{}, says: "name"},
		"a bad driver":           {network: Network{Name: "x", Driver: "cni"}, says: `"cni"`},
		"a gateway elsewhere":    {network: Network{Name: "x", Subnets: gateway("10.0.0.1")}, says: "gateway"},
		"a tiny subnet":          {network: Network{Name: "x", Subnets: subnets("10.231.0.0/31")}, says: "too small"},
		"a subnet in use":        {network: Network{Name: "x", Subnets: subnets("10.230.0.0/16")}, says: "overlaps"},
		"loopback":               {network: Network{Name: "x", Subnets: subnets("127.0.0.0/24")}, says: "overlaps"},
		"its own subnet twice":   {network: Network{Name: "x", Subnets: subnets("10.231.0.0/24", "10.231.0.0/25")}, says: "overlaps"},
		"a bad MTU":              {network: Network{Name: "x", Options: map[string]string{"mtu": "big"}}, says: "mtu"},
		"an unknown option":      {network: Network{Name: "x", Options: map[string]string{"colour": "red"}}, says: "colour"},
		"macvlan by DHCP":        {network: Network{Name: "x", Driver: DriverMacvlan}, says: "DHCP"},
		"macvlan":                {network: Network{Name: "x", Driver: DriverMacvlan, Interface: "lo", Subnets: subnets("10.231.0.0/24")}},
		"macvlan on nothing":     {network: Network{Name: "x", Driver: DriverMacvlan, Interface: "nope0", Subnets: subnets("10.231.0.0/24")}, says: "nope0"},
		"DHCP":                   {network: Network{Name: "x", IPAM: map[string]string{"driver": "dhcp"}}, says: "DHCP proxy"},
		"no addresses":           {network: Network{Name: "x", DNS: true, IPAM: map[string]string{"driver": "none"}}},
		"none, in a subnet":      {network: Network{Name: "x", IPAM: map[string]string{"driver": "none"}, Subnets: subnets("10.231.0.0/24")}, says: "no subnet"},
		"who gives addresses":    {network: Network{Name: "x", IPAM: map[string]string{"driver": "plugin"}}, says: "host-local or none"},
		"macvlan, no addresses":  {network: Network{Name: "x", Driver: DriverMacvlan, Interface: "lo", IPAM: map[string]string{"driver": "none"}}},
		"a route":                {network: Network{Name: "x", Subnets: subnets("10.231.0.0/24"), Routes: routes("10.231.0.9")}},
		"a route astray":         {network: Network{Name: "x", Subnets: subnets("10.231.0.0/24"), Routes: routes("10.232.0.9")}, says: "gateway 10.232.0.9 of the route"},
		"somebody's bridge":      {network: Network{Name: "x", Interface: "taken0"}, says: "taken0"},
		"a long interface":       {network: Network{Name: "x", Interface: "sixteen-letters-"}, says: "15"},
		"a DNS server by name":   {network: Network{Name: "x", DNSServers: []string{"dns.example"}}, says: "dns.example"},
		"a range outside":        {network: Network{Name: "x", Subnets: []Subnet{{Subnet: netip.MustParsePrefix("10.231.0.0/24"), LeaseRange: &LeaseRange{StartIP: netip.MustParseAddr("10.0.0.1")}}}}, says: "range"},
		"an unmasked subnet":     {network: Network{Name: "x", Subnets: subnets("10.231.0.7/24")}},
		"a name there already":   {network: Network{Name: "there"}, says: "already exists"},
		"the default's own name": {network: Network{Name: DefaultNetwork}, says: "already exists"},
	} {
		t.Run(name, func(t *testing.T) {
			m := testManager(t, nil)
			createNetwork(t, m, Network{Name: "there", Interface: "taken0", Subnets: subnets("10.230.0.0/24")})
			n, err := m.Create(t.Context(), c.network)
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("err %v, want one that says %q", err, c.says)
				}
				if c.network.Name == "x" {
					if _, err := m.Inspect(t.Context(), "x"); !errors.Is(err, spec.ErrNotFound) {
						t.Errorf("a refused network was kept: %v", err)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range n.Subnets {
				if s.Subnet != s.Subnet.Masked() || n.bridge() && !s.Gateway.IsValid() {
					t.Errorf("subnet %+v", s)
				}
			}
			if c.network.IPv6 != (len(n.Subnets) == 2) {
				t.Errorf("subnets %+v", n.Subnets)
			}
			if again, err := m.Inspect(t.Context(), n.Name); err != nil || again.ID != n.ID || !again.Created.Equal(n.Created) {
				t.Errorf("read back %+v, %v", again, err)
			}
		})
	}
}

func TestSubnetsAreChosenApart(t *testing.T) {
	m := testManager(t, nil)
	var used []netip.Prefix
	for _, name := range []string{"a", "b", "c"} {
		n := createNetwork(t, m, Network{Name: name})
		if overlapsAny(n.Subnets[0].Subnet, used) {
			t.Errorf("%s overlaps one of %v", n.Subnets[0].Subnet, used)
		}
		used = append(used, n.Subnets[0].Subnet)
	}
	networks, err := m.List(t.Context())
	if err != nil || len(networks) != 3 || networks[0].Name != "a" || networks[0].Interface == networks[1].Interface {
		t.Errorf("networks %+v, %v", networks, err)
	}
}

func TestFreeSubnet(t *testing.T) {
	p := pool{netip.MustParsePrefix("10.89.0.0/16"), 3}
	for _, c := range []struct {
		used []string
		want string
	}{
		{nil, "10.89.0.0/16"},
		{[]string{"10.88.0.0/16"}, "10.89.0.0/16"},
		{[]string{"10.89.3.0/24"}, "10.90.0.0/16"},
		{[]string{"10.88.0.0/14"}, ""},
		{[]string{"10.89.0.0/16", "10.90.1.1/32", "fd00::/8"}, "10.91.0.0/16"},
		{[]string{"10.0.0.0/8"}, ""},
	} {
		var used []netip.Prefix
		for _, u := range c.used {
			used = append(used, netip.MustParsePrefix(u))
		}
		got, err := p.free(used)
		if c.want == "" {
			if !errors.Is(err, spec.ErrConfig) {
				t.Errorf("used %v: got %v, %v", c.used, got, err)
			}
			continue
		}
		if err != nil || got.String() != c.want {
			t.Errorf("used %v: got %v, %v; want %s", c.used, got, err, c.want)
		}
	}
}

func TestBounds(t *testing.T) {
	for subnet, want := range map[string][2]string{
		"10.0.0.0/24":   {"10.0.0.1", "10.0.0.254"},
		"10.0.0.0/16":   {"10.0.0.1", "10.0.255.254"},
		"10.0.0.128/27": {"10.0.0.129", "10.0.0.158"},
		"10.0.0.0/30":   {"10.0.0.1", "10.0.0.2"},
		"fd00::/64":     {"fd00::1", "fd00::ffff:ffff:ffff:ffff"},
	} {
		first, last := bounds(Subnet{Subnet: netip.MustParsePrefix(subnet)})
		if diff := cmp.Diff(want, [2]string{first.String(), last.String()}); diff != "" {
			t.Errorf("%s: %s", subnet, diff)
		}
	}
}

func TestEachEngineRootHasNamesOfItsOwn(t *testing.T) {
	if got := prefixOf("/run/berth"); got != "berth" {
		t.Errorf("prefix %q", got)
	}
	a, b := prefixOf("/srv/a/berth"), prefixOf("/srv/b/berth")
	if a == b || a == "berth" || len(a+"999") > 15 {
		t.Errorf("prefixes %q and %q", a, b)
	}
}

func TestANetworkGoesWithItsOwner(t *testing.T) {
	m := testManager(t, nil)
	for name, owner := range map[string]spec.Owner{"mine": "unit:net-network.service", "another": spec.OwnerRun} {
		if _, err := m.Create(t.Context(), Network{Name: name, Driver: DriverBridge, Owner: owner}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"mine", "another", "nothing"} {
		if err := m.RemoveOwned(t.Context(), name, "unit:net-network.service"); err != nil {
			t.Error(err)
		}
	}
	left, err := m.List(t.Context())
	if err != nil || len(left) != 1 || left[0].Name != "another" || left[0].Owner != spec.OwnerRun {
		t.Errorf("left are %+v, %v", left, err)
	}
}
