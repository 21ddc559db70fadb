package network

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"berth/engine/spec"
	"berth/internal/hostexec"
	"berth/internal/testhost"
)

// ruleLease is the lease whose rules are in testdata, as netavark made them.
func ruleLease(firewall string) Lease {
	addr, prefix := netip.MustParseAddr, netip.MustParsePrefix
	return Lease{
		Pod: podNumber(0), Key: spec.PodKey{Namespace: "default", Name: "web"}, Firewall: firewall,
		Networks: []NetworkLease{{
			Network: Network{
				Name: DefaultNetwork, ID: idOf("berth"), Driver: DriverBridge, Interface: "lo", // a link that is there
				Subnets: []Subnet{
					{Subnet: prefix("10.89.0.0/16"), Gateway: addr("10.89.0.1")},
					{Subnet: prefix("fd00:5::/64"), Gateway: addr("fd00:5::1")},
				},
			},
			Interface: "eth0", IPs: []netip.Addr{addr("10.89.0.5"), addr("fd00:5::5")},
		}},
		Ports: []spec.PortMapping{
			{HostPort: 8084, ContainerPort: 80, Protocol: "tcp"},
			{HostIP: "127.0.0.1", HostPort: 9090, ContainerPort: 90, Protocol: "udp"},
			{HostIP: "::1", HostPort: 9091, ContainerPort: 91, Protocol: "tcp"},
		},
	}
}

func TestRulesAreTheirOwners(t *testing.T) {
	m := New(Options{RunDir: ordinaryRunDir})
	lease := ruleLease(firewallIptables)
	var all []rule
	for name, ipv6 := range map[string]bool{"iptables-save.txt": false, "ip6tables-save.txt": true} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, parseIptables(string(data), ipv6)...)
	}
	o := m.ownerOf(lease.Networks[0].Network)
	links := []string{"lo"}
	if !m.rulesIn(all, links, lease) {
		t.Error("the lease's rules are not found")
	}
	for _, r := range all {
		foreign := strings.Contains(r.text, "podman") || strings.Contains(r.text, "10.88.") || strings.Contains(r.text, "1D8721804F16F")
		fixed := !foreign && !strings.Contains(r.text, "F2F75A88498C7") && !strings.Contains(r.text, "10.89.") &&
			!strings.Contains(r.text, "fd00:5::") && !strings.Contains(r.text, "berth0")
		if o.has(r) && (foreign || fixed) {
			t.Errorf("taken for ours: %s", r.text)
		}
		if o.podRule(r) && !publishes(r, lease, lease.Networks[0]) {
			t.Errorf("not taken for the pod's: %s", r.text)
		}
	}
	// Without any one of what publishes its ports, or of what all need, it is noticed.
	for i, r := range all {
		needed := o.podRule(r) && (r.dnat.IsValid() || r.target == o.dnat[0] && !r.ipv6)
		if needed && m.rulesIn(slices.Delete(slices.Clone(all), i, i+1), links, lease) && r.proto == "udp" {
			t.Errorf("not missed: %s", r.text)
		}
	}
	if m.rulesIn(nil, links, lease) || m.rulesIn(all, nil, lease) {
		t.Error("no rules or no bridge are not noticed")
	}
}

func TestIptablesScript(t *testing.T) {
	rules := parseIptables(`*nat
:NETAVARK-X - [0:0]
:PREROUTING ACCEPT [0:0]
-A POSTROUTING -s 10.89.0.0/16 -j NETAVARK-X
-A POSTROUTING -s 10.89.0.0/16 -j MINE
-A NETAVARK-X ! -d 224.0.0.0/4 -m comment --comment "a \"b\" c" -j MASQUERADE
COMMIT
*filter
-A NETAVARK_FORWARD -s 10.89.0.0/16 -j ACCEPT
COMMIT
`, false)
	want := `*nat
-D POSTROUTING -s 10.89.0.0/16 -j NETAVARK-X
-D NETAVARK-X ! -d 224.0.0.0/4 -m comment --comment "a \"b\" c" -j MASQUERADE
-F NETAVARK-X
-X NETAVARK-X
COMMIT
*filter
-D NETAVARK_FORWARD -s 10.89.0.0/16 -j ACCEPT
COMMIT
`
	if diff := cmp.Diff(want, iptablesScript(rules, false)); diff != "" {
		t.Error(diff)
	}
	if got := iptablesScript(rules, true); got != "" {
		t.Errorf("for IPv6: %s", got)
	}
	if c := rules[2].comment; c != `a "b" c` || rules[2].dst.IsValid() {
		t.Errorf("rule %+v", rules[2])
	}
}

// nft loads rules like those of a netavark with the nftables driver.
func nft(t *testing.T, args ...string) {
	t.Helper()
	if out, err := hostexec.Run(context.Background(), hostexec.Cmd{Path: "nft", Args: args}); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
}

func TestNftables(t *testing.T) {
	testhost.Need(t)
	m := testManager(t, nil)
	m.prefix = "berth"
	lease := ruleLease(firewallNftables)
	restoreForwarding(t)
	missing := func() bool {
		t.Helper()
		present, err := m.RulesPresent(t.Context(), lease)
		if err != nil {
			t.Fatal(err)
		}
		return !present
	}
	if !missing() {
		t.Error("rules are found where there is no table")
	}
	nft(t, "-f", "testdata/netavark.nft")
	t.Cleanup(func() { nft(t, "delete", "table", "inet", "netavark") })
	if missing() {
		t.Error("the rules are not found")
	}
	leaks, err := m.Check(t.Context(), []Lease{lease})
	if err != nil || len(leaks) != 0 {
		t.Errorf("leaks %v, %v", leaks, err)
	}

	other := lease
	other.Pod, other.Ports = podNumber(1), nil
	leaks, err = m.Check(t.Context(), []Lease{other})
	if err != nil || len(leaks) != 13 {
		t.Errorf("%d leaks, %v; want those of the pod's ports", len(leaks), err)
	}
	if want := "NETAVARK-HOSTPORT-DNAT tcp dport 8084 jump nv_5c2f64c7_10_89_0_0_nm16_dnat # handle "; !slices.ContainsFunc(leaks, func(l Leak) bool { return strings.HasPrefix(l.Name, want) }) {
		t.Errorf("leaks %+v, want one to begin with %q", leaks, want)
	}
	if err := m.removePodRules(t.Context(), lease); err != nil {
		t.Error(err)
	}
	if !missing() {
		t.Error("the pod's rules are still there")
	}
	if leaks, err := m.Check(t.Context(), []Lease{other}); err != nil || len(leaks) != 0 {
		t.Errorf("leaks %v, %v after the pod's rules were removed", leaks, err)
	}
	if err := m.removeNetworkRules(t.Context(), lease.Networks[0].Network, firewallNftables); err != nil {
		t.Error(err)
	}
	left, err := nftables{m}.list(t.Context())
	if err != nil {
		t.Error(err)
	}
	for _, r := range left {
		if m.ownerOf(lease.Networks[0].Network).has(r) {
			t.Errorf("still there: %+v", r)
		}
	}
	if !slices.ContainsFunc(left, func(r rule) bool { return r.chain == "nv_2f259bab_10_88_0_0_nm16" && !r.declares }) {
		t.Error("podman's rules are gone")
	}
}

// An upgrade of netavark may change its firewall driver while pods run.
func TestClosingANetworkRemovesTheRulesOfEachDriver(t *testing.T) {
	testhost.Need(t)
	m := testManager(t, nil)
	m.prefix = "berth"
	n := ruleLease("").Networks[0].Network
	n.Interface = "gone0"
	for _, driver := range []string{"", firewallNftables} {
		if err := m.noteDriver(Lease{Firewall: driver}); err != nil {
			t.Fatal(err)
		}
	}
	nft(t, "-f", "testdata/netavark.nft")
	t.Cleanup(func() { nft(t, "delete", "table", "inet", "netavark") })
	if err := m.closeNetwork(t.Context(), n); err != nil {
		t.Error(err)
	}
	left, err := nftables{m}.list(t.Context())
	if err != nil || slices.ContainsFunc(left, m.ownerOf(n).has) {
		t.Errorf("left %+v, %v", left, err)
	}
}

// restoreForwarding sets what netavark would have set.
func restoreForwarding(t *testing.T) {
	t.Helper()
	for _, name := range []string{"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding", "net/ipv4/conf/lo/route_localnet"} {
		if err := os.WriteFile(sysctlDir+name, []byte("1"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
