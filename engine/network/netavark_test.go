package network

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"berth/engine/spec"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func goldenLease() Lease {
	addr, prefix := netip.MustParseAddr, netip.MustParsePrefix
	return Lease{
		Pod: podNumber(0), Key: spec.PodKey{Namespace: "shop", Name: "web"}, Names: []string{"web.shop"},
		Networks: []NetworkLease{
			{
				Network: Network{
					Name: "zebra", ID: "ec79dd0cad82083c8ac5cc23e9542e4ddea813dff60d68258d36e84f6393b63b", Driver: DriverBridge,
					Interface: "berth1", DNS: true, IPv6: true, Options: map[string]string{"mtu": "1400"}, Labels: map[string]string{"a": "b"},
					Subnets: []Subnet{
						{Subnet: prefix("10.90.0.0/24"), Gateway: addr("10.90.0.1"), LeaseRange: &LeaseRange{StartIP: addr("10.90.0.9")}},
						{Subnet: prefix("fd00:90::/64"), Gateway: addr("fd00:90::1")},
					},
					IPAM: map[string]string{"driver": "host-local"},
				},
				Interface: "eth0", IPs: []netip.Addr{addr("10.90.0.9"), addr("fd00:90::2")}, MAC: "02:00:00:00:00:01", Names: []string{"shop"},
			},
			{
				Network: Network{
					Name: "berth", ID: idOf("berth"), Driver: DriverBridge, Interface: "berth0", DNS: true,
					Subnets: []Subnet{{Subnet: prefix("10.89.0.0/16"), Gateway: addr("10.89.0.1")}},
				},
				Interface: "eth1", HostName: "shop0", IPs: []netip.Addr{addr("10.89.0.2")}, MAC: "02:00:00:00:00:02",
			},
		},
		Ports: []spec.PortMapping{
			{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"},
			{HostIP: "127.0.0.1", HostPort: 53, ContainerPort: 5353, Protocol: "udp"},
		},
	}
}

func TestRequestsInBothForms(t *testing.T) {
	m := New(Options{RunDir: ordinaryRunDir})
	for version, file := range map[string]string{"1.4.0": "request-1.json", "1.17.2": "request-1.json", "2.0.0": "request-2.json"} {
		data, err := m.requestFor(version, goldenLease())
		if err != nil {
			t.Fatal(err)
		}
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, data, "", "  "); err != nil {
			t.Fatal(err)
		}
		pretty.WriteByte('\n')
		golden := filepath.Join("testdata", file)
		if *update {
			if err := os.WriteFile(golden, pretty.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), pretty.String()); diff != "" {
			t.Errorf("netavark %s: %s", version, diff)
		}
	}
}

func TestVersions(t *testing.T) {
	for out, want := range map[string]tool{
		`{"version": "1.4.0","commit": ""}`:                        {version: "1.4.0", firewall: "iptables"},
		`{"version": "1.17.0", "default_fw_driver": "nftables"}`:   {version: "1.17.0", firewall: "nftables"},
		`{"version": "2.0.0-dev", "default_fw_driver":"nftables"}`: {version: "2.0.0-dev", firewall: "nftables"},
	} {
		got, err := parseVersion([]byte(out))
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", out, got, err)
		}
	}
	for _, out := range []string{"", "netavark 1.4.0", `{"version":"x"}`} {
		if _, err := parseVersion([]byte(out)); err == nil {
			t.Errorf("%q was taken for a version", out)
		}
	}
}

func TestTheVersionIsAskedOnceForEachProgram(t *testing.T) {
	m := testManager(t, map[string]string{"netavark": `echo x >> "$(dirname "$0")/asked"; echo '{"version":"1.4.0"}'`})
	for range 3 {
		if _, err := m.netavark(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	asked, _ := os.ReadFile(filepath.Join(m.helperDirs[0], "asked"))
	if string(asked) != "x\n" {
		t.Errorf("asked %q", asked)
	}
	path := filepath.Join(m.helperDirs[0], "netavark")
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	if _, err := m.netavark(t.Context()); err != nil {
		t.Fatal(err)
	}
	if asked, _ := os.ReadFile(filepath.Join(m.helperDirs[0], "asked")); string(asked) != "x\nx\n" {
		t.Errorf("asked %q after an upgrade", asked)
	}
}

func TestTheHostsEndIsNamedWhereItCanBe(t *testing.T) {
	want := spec.NetworkAttachment{Network: "lan", HostName: "shop0"}
	l, _, err := begin(Network{Name: "lan", Driver: DriverBridge}, want, 0)
	if err != nil || l.HostName != "shop0" {
		t.Fatalf("%+v, %v", l, err)
	}
	for version, ok := range map[string]bool{"1.4.0": false, "1.13.1": false, "1.14.0": true, "2.0.0": true} {
		driver := firewallIptables
		if version == "2.0.0" {
			driver = firewallNftables
		}
		if err := (tool{version: version, firewall: driver}).supports(l); (err == nil) != ok {
			t.Errorf("netavark %s: %v", version, err)
		}
	}
	if _, _, err := begin(Network{Name: "lan", Driver: DriverMacvlan}, want, 0); err == nil || !strings.Contains(err.Error(), "no other end") {
		t.Errorf("macvlan: %v", err)
	}
}
