package network

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"berth/engine/spec"
)

func createNetwork(t *testing.T, m *Manager, n Network) Network {
	t.Helper()
	n, err := m.Create(testContext(t), n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func subnets(prefixes ...string) []Subnet {
	var out []Subnet
	for _, p := range prefixes {
		out = append(out, Subnet{Subnet: netip.MustParsePrefix(p)})
	}
	return out
}

func TestManyReserveAtOnceAndNoAddressIsGivenTwice(t *testing.T) {
	m := testManager(t, map[string]string{"netavark": version})
	createNetwork(t, m, Network{Name: "n", Subnets: subnets("10.231.0.0/24", "fd31::/64")})
	const pods = 100
	leases := make([]Lease, pods)
	var wg sync.WaitGroup
	for i := range pods {
		wg.Go(func() {
			var err error
			if leases[i], err = m.Reserve(t.Context(), testPod(i, "n")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, l := range leases {
		if len(l.IPs()) != 2 {
			t.Errorf("lease has addresses %v, want one of each subnet", l.IPs())
		}
		for _, ip := range l.IPs() {
			if seen[ip] {
				t.Errorf("%s was given twice", ip)
			}
			seen[ip] = true
		}
	}
	for _, l := range leases {
		for range 2 { // a second time is success too
			if err := m.Release(t.Context(), l); err != nil {
				t.Error(err)
			}
		}
	}
	if taken, _ := m.taken("n"); len(taken) != 0 {
		t.Errorf("still reserved after release: %v", taken)
	}
}

func TestAddressesAreNotReusedAtOnce(t *testing.T) {
	m := testManager(t, map[string]string{"netavark": version})
	createNetwork(t, m, Network{Name: "n", Subnets: subnets("10.231.0.0/29")})
	var got []string
	for i := range 7 {
		l, err := m.Reserve(t.Context(), testPod(i, "n"))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, l.IPs()...)
		if err := m.Release(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"10.231.0.2", "10.231.0.3", "10.231.0.4", "10.231.0.5", "10.231.0.6", "10.231.0.2", "10.231.0.3"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAFullSubnetIsRefusedAndNothingStaysReserved(t *testing.T) {
	m := testManager(t, map[string]string{"netavark": version})
	createNetwork(t, m, Network{Name: "wide", Subnets: subnets("10.231.1.0/24")})
	createNetwork(t, m, Network{Name: "full", Subnets: subnets("10.231.0.0/30")})
	if _, err := m.Reserve(t.Context(), testPod(0, "full")); err != nil {
		t.Fatal(err)
	}
	_, err := m.Reserve(t.Context(), testPod(1, "wide", "full"))
	if !errors.Is(err, spec.ErrConfig) || !strings.Contains(err.Error(), `"full" has no free address`) {
		t.Errorf("err %v", err)
	}
	if taken, _ := m.taken("wide"); len(taken) != 0 {
		t.Errorf("addresses %v stay reserved", taken)
	}
}

func TestRangeLimitsWhatIsHandedOut(t *testing.T) {
	m := testManager(t, map[string]string{"netavark": version})
	s := subnets("10.231.0.0/24")
	s[0].LeaseRange = &LeaseRange{StartIP: netip.MustParseAddr("10.231.0.10"), EndIP: netip.MustParseAddr("10.231.0.11")}
	createNetwork(t, m, Network{Name: "n", Subnets: s})
	var got []string
	for i := range 2 {
		l, err := m.Reserve(t.Context(), testPod(i, "n"))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, l.IPs()...)
	}
	if diff := cmp.Diff([]string{"10.231.0.10", "10.231.0.11"}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := m.Reserve(t.Context(), testPod(2, "n")); err == nil {
		t.Error("a third address was given out of two")
	}
}

// unseen is what only reserving finds out.
func unseen(what string) bool { return what == "a taken one" || what == "an unbound port" }

func TestCheckingAPodReservesNothing(t *testing.T) {
	m := testManager(t, map[string]string{"netavark": version})
	if err := m.CheckPod(t.Context(), testPod(0, DefaultNetwork)); err != nil {
		t.Errorf("before the default network is there: %v", err)
	}
	if list, err := m.List(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("made %v, %v", list, err)
	}
	createNetwork(t, m, Network{Name: "n", Subnets: subnets("10.231.0.0/24")})
	if err := m.CheckPod(t.Context(), testPod(0, "n")); err != nil {
		t.Error(err)
	}
	if taken, _ := m.taken("n"); len(taken) != 0 {
		t.Errorf("reserved %v", taken)
	}
}

func TestWhatIsAskedForIsGivenOrRefused(t *testing.T) {
	for name, c := range map[string]struct {
		attachment spec.NetworkAttachment
		ports      []spec.PortMapping
		class      error
		says       string
	}{
		"an address":          {attachment: spec.NetworkAttachment{IPs: []string{"10.231.0.77"}, MAC: "02:aa:bb:cc:dd:ee"}},
		"a taken one":         {attachment: spec.NetworkAttachment{IPs: []string{"10.231.0.50"}}, class: spec.ErrInUse, says: "10.231.0.50"},
		"one elsewhere":       {attachment: spec.NetworkAttachment{IPs: []string{"10.9.9.9"}}, class: spec.ErrConfig, says: "not in a subnet"},
		"the gateway":         {attachment: spec.NetworkAttachment{IPs: []string{"10.231.0.1"}}, class: spec.ErrConfig, says: "gateway"},
		"the broadcast one":   {attachment: spec.NetworkAttachment{IPs: []string{"10.231.0.255"}}, class: spec.ErrConfig, says: "broadcast"},
		"two of one subnet":   {attachment: spec.NetworkAttachment{IPs: []string{"10.231.0.8", "10.231.0.9"}}, class: spec.ErrConfig, says: "both"},
		"no address":          {attachment: spec.NetworkAttachment{IPs: []string{"ten"}}, class: spec.ErrConfig, says: `"ten"`},
		"a group's MAC":       {attachment: spec.NetworkAttachment{MAC: "01:00:5e:00:00:01"}, class: spec.ErrConfig, says: "MAC"},
		"a name with a space": {attachment: spec.NetworkAttachment{Aliases: []string{"a b"}}, class: spec.ErrConfig, says: `"a b"`},
		"lo":                  {attachment: spec.NetworkAttachment{Name: "lo"}, class: spec.ErrConfig, says: `"lo"`},
		"an unknown network":  {attachment: spec.NetworkAttachment{Network: "other"}, class: spec.ErrNotFound, says: `"other"`},
		"an unbound port":     {ports: []spec.PortMapping{{ContainerPort: 80}}, class: spec.ErrConfig, says: "port 80"},
		"an IPv6 port on IPv4": {ports: []spec.PortMapping{{HostIP: "2001:db8::1", HostPort: 80, ContainerPort: 80}},
			class: spec.ErrConfig, says: "family"},
		"the IPv6 loopback": {ports: []spec.PortMapping{{HostIP: "::1", HostPort: 80, ContainerPort: 80}},
			class: spec.ErrConfig, says: "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			m := testManager(t, map[string]string{"netavark": version})
			createNetwork(t, m, Network{Name: "n", Subnets: subnets("10.231.0.0/24")})
			other := testPod(9, "n")
			other.Attachments[0].IPs = []string{"10.231.0.50"}
			if _, err := m.Reserve(t.Context(), other); err != nil {
				t.Fatal(err)
			}
			pod := testPod(1)
			if c.attachment.Network == "" {
				c.attachment.Network = "n"
			}
			pod.Attachments, pod.Ports = []spec.NetworkAttachment{c.attachment}, c.ports
			if err := m.CheckPod(t.Context(), pod); c.class == nil && err != nil || c.class != nil && !unseen(name) && !errors.Is(err, c.class) {
				t.Errorf("checked before: %v", err)
			}
			lease, err := m.Reserve(t.Context(), pod)
			if c.class == nil {
				if err != nil || lease.IPs()[0] != c.attachment.IPs[0] || lease.Networks[0].MAC != c.attachment.MAC {
					t.Errorf("lease %+v, %v", lease, err)
				}
				return
			}
			if !errors.Is(err, c.class) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("err %v, want one that says %q", err, c.says)
			}
			if taken, _ := m.taken("n"); len(taken) != 1 {
				t.Errorf("reserved are %v, want the other pod's only", taken)
			}
		})
	}
}

func TestAPodIsNotKnownByNamesTooLongToAskFor(t *testing.T) {
	m := testManager(t, map[string]string{"netavark": version})
	createNetwork(t, m, Network{Name: "n", Subnets: subnets("10.231.0.0/24")})
	dotted := strings.Repeat(strings.Repeat("x", 49)+".", 5)
	for i, name := range []string{strings.Repeat("x", 253), dotted + "yyy", dotted + "yy", "web"} {
		pod := testPod(i, "n")
		pod.Key.Name, pod.Names = name, []string{"other"}
		lease, err := m.Reserve(testContext(t), pod)
		if err != nil {
			t.Fatal(err)
		}
		want := [][]string{{"other"}, {dotted + "yyy", "other"}, {dotted + "yy", "other"}, {"web.default", "web", "other"}}[i]
		if diff := cmp.Diff(want, lease.Names); diff != "" {
			t.Errorf("%d letters (-want +got):\n%s", len(name), diff)
		}
	}
}

func TestALeaseSurvivesJSON(t *testing.T) {
	m := testManager(t, map[string]string{"netavark": version})
	createNetwork(t, m, Network{Name: "n", Subnets: subnets("10.231.0.0/24", "fd31::/64"), Options: map[string]string{"mtu": "1400"}})
	pod := testPod(0, "n")
	pod.Names = []string{"web", "Pod0"}
	pod.Ports = []spec.PortMapping{{HostPort: 80, ContainerPort: 8080, Protocol: "tcp"}}
	lease, err := m.Reserve(t.Context(), pod)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(lease)
	if err != nil {
		t.Fatal(err)
	}
	var back Lease
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(lease, back, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"pod0.default", "pod0", "web"}, lease.namesOn(lease.Networks[0])); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"10.231.0.1", "fd31::1"}, lease.Gateways()); diff != "" {
		t.Error(diff)
	}
}

func TestAPodWithoutNetworksNeedsNothing(t *testing.T) {
	m := testManager(t, map[string]string{"netavark": "exit 1"})
	pod := testPod(0)
	lease, err := m.Reserve(t.Context(), pod)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Setup(t.Context(), pod, lease); err != nil {
		t.Error(err)
	}
	if err := errors.Join(m.Teardown(t.Context(), pod, lease), m.Release(t.Context(), lease)); err != nil {
		t.Error(err)
	}
}

func TestIPvlanNeedsANewerNetavark(t *testing.T) {
	for version, ok := range map[string]bool{"1.4.0": false, "1.5.0": true, "1.17.1": true, `2.0.0","default_fw_driver":"nftables`: true} {
		m := testManager(t, map[string]string{"netavark": `echo '{"version":"` + version + `"}'`})
		createNetwork(t, m, Network{Name: "n", Driver: DriverIPvlan, Interface: "lo", Subnets: subnets("10.231.0.0/24")})
		lease, err := m.Reserve(t.Context(), testPod(0, "n"))
		if ok != (err == nil) || !ok && !errors.Is(err, spec.ErrConfig) || ok && lease.Networks[0].MAC != "" {
			t.Errorf("%s: %+v, %v", version, lease, err)
		}
		if taken, _ := m.taken("n"); !ok && len(taken) != 0 {
			t.Errorf("%v stay reserved", taken)
		}
	}
}

func TestTheConfiguredFirewallDriver(t *testing.T) {
	for _, test := range []struct{ version, configured, want string }{
		{`{"version":"1.4.0"}`, "", "iptables"},
		{`{"version":"1.4.0"}`, "nftables", ""}, // it does not have it
		{`{"version":"1.17.2","default_fw_driver":"nftables"}`, "", "nftables"},
		{`{"version":"1.17.2","default_fw_driver":"nftables"}`, "iptables", "iptables"},
		{`{"version":"1.17.2","default_fw_driver":"nftables"}`, "none", ""},
		{`{"version":"1.17.2","default_fw_driver":"none"}`, "", ""},
		{`{"version":"2.0.0","default_fw_driver":"nftables"}`, "", "nftables"},
		{`{"version":"2.0.0","default_fw_driver":"nftables"}`, "iptables", ""}, // nor this
	} {
		m := testManager(t, map[string]string{"netavark": "echo '" + test.version + "'"})
		m.driver = test.configured
		lease, err := m.Reserve(t.Context(), testPod(0, ""))
		if lease.Firewall != test.want || (err == nil) != (test.want != "") || err != nil && !errors.Is(err, spec.ErrConfig) {
			t.Errorf("%s, configured %q: %q, %v", test.version, test.configured, lease.Firewall, err)
		}
	}
}

func TestANetworkInUseStays(t *testing.T) {
	m := testManager(t, map[string]string{"netavark": version})
	created := createNetwork(t, m, Network{Name: "n", Subnets: subnets("10.231.0.0/24")})
	lease, err := m.Reserve(t.Context(), testPod(0, "n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Remove(t.Context(), "n"); !errors.Is(err, spec.ErrInUse) || !strings.Contains(err.Error(), podNumber(0).Short()) {
		t.Errorf("err %v, want in use by the pod", err)
	}
	got, err := m.Inspect(t.Context(), "n")
	if err != nil || got.ID != created.ID {
		t.Errorf("the network is damaged: %+v, %v", got, err)
	}
	if err := m.Release(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	if err := m.Remove(t.Context(), "n"); err != nil {
		t.Error(err)
	}
	if err := m.Remove(t.Context(), "n"); !errors.Is(err, spec.ErrNotFound) {
		t.Errorf("err %v", err)
	}
	if err := m.Remove(t.Context(), DefaultNetwork); !errors.Is(err, spec.ErrInUse) {
		t.Errorf("the default network: err %v", err)
	}
}

func TestRemovingRacesWithReserving(t *testing.T) {
	m := testManager(t, map[string]string{"netavark": version})
	for i := range 200 {
		name := fmt.Sprintf("n%d", i)
		createNetwork(t, m, Network{Name: name, Interface: fmt.Sprintf("x%d", i), Subnets: subnets(fmt.Sprintf("10.231.%d.0/24", i))})
		var reserved, removed error
		var wg sync.WaitGroup
		wg.Go(func() { _, reserved = m.Reserve(t.Context(), testPod(i, name)) })
		wg.Go(func() { removed = m.Remove(t.Context(), name) })
		wg.Wait()
		_, err := os.Stat(m.path(name))
		if reserved == nil && err != nil {
			t.Fatalf("round %d: an address was reserved on a network that is gone (removing said %v)", i, removed)
		}
		if err == nil {
			if taken, _ := m.taken(name); removed == nil || reserved == nil && len(taken) != 1 {
				t.Fatalf("round %d: removed %v, reserved %v, taken %v", i, removed, reserved, taken)
			}
		}
	}
}
