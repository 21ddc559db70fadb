package network

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/internal/hostexec"
	"berth/internal/testhost"
)

// host is a Manager on a test host with the host's own helpers.
type host struct {
	*Manager
	t *testing.T
}

// newHost starts on a bare host and ends with a look for leaks.
func newHost(t *testing.T) host {
	t.Helper()
	testhost.Need(t)
	if _, err := hostexec.Find("netavark", nil); err != nil {
		t.Skip(err)
	}
	dir, err := os.MkdirTemp("/run", "net-") // on a shared mount, with short names
	if err != nil {
		t.Fatal(err)
	}
	m := New(Options{
		ConfigDir: filepath.Join(dir, "networks"), RunDir: filepath.Join(dir, "berth"),
		Log: slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	h := host{m, t}
	t.Cleanup(func() {
		h.wantNoLeaks()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return h
}

// wantNoLeaks asks both ours and the host's own look.
func (h host) wantNoLeaks(live ...Lease) {
	h.t.Helper()
	leaks, err := h.Check(context.Background(), live)
	if err != nil {
		h.t.Error(err)
	}
	for _, l := range leaks {
		h.t.Errorf("leak: %s %s", l.Kind, l.Name)
	}
	if len(live) > 0 {
		return
	}
	others, err := testhost.Leaks(context.Background())
	if err != nil {
		h.t.Error(err)
	}
	for _, l := range others {
		h.t.Errorf("the host has a leak: %v", l)
	}
}

// started is a pod that was set up.
type started struct {
	pod   Pod
	lease Lease
}

func (h host) namespace(i int) string {
	path := filepath.Join(h.runDir, "pods", strconv.Itoa(i), "netns")
	if err := h.EnsureNamespace(path); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// reserve is all of a start but the set-up.
func (h host) reserve(i int, pod Pod) started {
	h.t.Helper()
	pod.Namespace = h.namespace(i)
	lease, err := h.Reserve(testContext(h.t), pod)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { h.stop(started{pod, lease}) })
	return started{pod, lease}
}

func (h host) start(i int, pod Pod) started {
	h.t.Helper()
	s := h.reserve(i, pod)
	if _, err := h.Setup(testContext(h.t), s.pod, s.lease); err != nil {
		h.t.Fatal(err)
	}
	return s
}

// stop may be called again.
func (h host) stop(s started) {
	h.t.Helper()
	ctx := context.Background()
	if err := errors.Join(h.Teardown(ctx, s.pod, s.lease), h.Release(ctx, s.lease), h.RemoveNamespace(s.pod.Namespace)); err != nil {
		h.t.Error(err)
	}
}

// within runs do on a thread in a network namespace that is thrown away.
func within(t *testing.T, namespace string, do func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		ns, err := os.Open(namespace)
		if err != nil {
			done <- err
			return
		}
		defer ns.Close()
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		done <- do()
	}()
	return <-done
}

// serve answers each connection in a pod with word.
func serve(t *testing.T, s started, port int, word string) {
	t.Helper()
	var l net.Listener
	err := within(t, s.pod.Namespace, func() (err error) {
		l, err = net.Listen("tcp", fmt.Sprintf(":%d", port))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() { // ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, word+"\n")
			c.Close()
		}
	}()
}

// fetch reads the word at an address from this thread's namespace.
func fetch(addr string) (string, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(line), err
}

func wantFetch(t *testing.T, namespace, addr, want string) {
	t.Helper()
	var got string
	err := within(t, namespace, func() (err error) { got, err = fetch(addr); return err })
	if err != nil || got != want {
		t.Errorf("fetch %s from %s: %q, %v; want %q", addr, namespace, got, err, want)
	}
}

const hostNamespace = "/proc/1/ns/net"

func wantResolve(t *testing.T, from started, name string, want started) {
	t.Helper()
	err := within(t, from.pod.Namespace, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return askUntil(ctx, netip.MustParseAddr(from.lease.NameServers()[0]), name, func(got []netip.Addr) bool {
			return len(got) == 1 && got[0].String() == want.lease.IPs()[0]
		})
	})
	if err != nil {
		t.Errorf("resolve %s: %v", name, err)
	}
}

func withPort(p Pod, hostIP string, hostPort, containerPort uint16) Pod {
	p.Ports = append(p.Ports, spec.PortMapping{HostIP: hostIP, HostPort: hostPort, ContainerPort: containerPort, Protocol: "tcp"})
	return p
}

func TestTwoPodsSeeEachOtherByNameAndTheHostSeesTheirPorts(t *testing.T) {
	h := newHost(t)
	web := withPort(testPod(1, DefaultNetwork), "", 18080, 80)
	web.Names, web.Key = []string{"nginx"}, spec.PodKey{Namespace: "shop", Name: "web"}
	a, b := h.start(1, web), h.start(2, testPod(2, ""))
	serve(t, a, 80, "hello")
	wantFetch(t, b.pod.Namespace, a.lease.IPs()[0]+":80", "hello")
	wantFetch(t, hostNamespace, "127.0.0.1:18080", "hello")
	wantFetch(t, b.pod.Namespace, a.lease.Gateways()[0]+":18080", "hello")
	wantFetch(t, a.pod.Namespace, a.lease.Gateways()[0]+":18080", "hello") // round a hairpin
	for _, from := range []started{a, b} {
		wantResolve(t, from, "web.shop", a)
		wantResolve(t, from, "nginx", a)
		wantResolve(t, from, "pod2", b)
		wantResolve(t, from, "pod2.default", b)
	}
	if err := h.VerifyName(t.Context(), a.lease.NameServers()[0], "web.shop"); err != nil {
		t.Error(err)
	}
	for _, s := range []started{a, b} {
		if present, err := h.RulesPresent(t.Context(), s.lease); err != nil || !present {
			t.Errorf("rules present: %v, %v", present, err)
		}
	}
	h.wantNoLeaks(a.lease, b.lease)
	h.stop(a)
	h.wantNoLeaks(b.lease)
	wantResolve(t, b, "pod2", b)
}

func TestSetupAgainIsSuccess(t *testing.T) {
	h := newHost(t)
	s := h.start(1, withPort(testPod(1, ""), "", 18080, 80))
	before := linkIndex(t, s)
	status, err := h.Setup(t.Context(), s.pod, s.lease)
	if err != nil || status.IPs[0] != s.lease.IPs()[0] || len(status.Interfaces) != 1 {
		t.Errorf("status %+v, %v", status, err)
	}
	if after := linkIndex(t, s); after != before {
		t.Errorf("the interface was made anew: index %d, was %d", after, before)
	}
	// One that was cut short before the rules were made.
	if err := removeInterfaces(s.pod.Namespace, s.lease); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Setup(t.Context(), s.pod, s.lease); err != nil {
		t.Error(err)
	}
	serve(t, s, 80, "again")
	wantFetch(t, hostNamespace, "127.0.0.1:18080", "again")
}

func linkIndex(t *testing.T, s started) int {
	t.Helper()
	index := 0
	err := inNamespace(s.pod.Namespace, func(n *netlink.Handle) error {
		link, err := n.LinkByName("eth0")
		if err == nil {
			index = link.Attrs().ParentIndex
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return index
}

func TestAPodOnTwoNetworksWithAddressesAskedFor(t *testing.T) {
	h := newHost(t)
	createNetwork(t, h.Manager, Network{Name: "back", DNS: true, IPv6: true, Internal: true, Subnets: subnets("10.231.7.0/24")})
	pod := withPort(testPod(1, "", "back"), "127.0.0.1", 18080, 80)
	pod.Attachments[1].IPs, pod.Attachments[1].MAC = []string{"10.231.7.77"}, "02:00:00:00:77:77"
	pod.Attachments[1].Aliases = []string{"db"}
	s := h.reserve(1, pod)
	status, err := h.Setup(t.Context(), s.pod, s.lease)
	if err != nil {
		t.Fatal(err)
	}
	if i := status.Interfaces[1]; i.Name != "eth1" || i.MAC != "02:00:00:00:77:77" || i.IPs[0].String() != "10.231.7.77" || len(i.IPs) != 2 {
		t.Errorf("second interface %+v", i)
	}
	other := h.start(2, testPod(2, "back"))
	wantResolve(t, other, "db", started{lease: Lease{Networks: s.lease.Networks[1:]}})
	serve(t, s, 80, "both")
	wantFetch(t, other.pod.Namespace, "10.231.7.77:80", "both")
	wantFetch(t, hostNamespace, "127.0.0.1:18080", "both")
	h.wantNoLeaks(s.lease, other.lease)
}

// TestTheFirewallDriverChanges has one pod of before and one of after an upgrade
// of netavark, or of a change of firewall_driver.
func TestTheFirewallDriverChanges(t *testing.T) {
	for _, oldFirst := range []bool{true, false} {
		h := newHost(t)
		nv, err := h.netavark(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(nv.drives(firewallIptables), nv.drives(firewallNftables)); err != nil {
			t.Skip(err)
		}
		with := func(driver string) host {
			m := New(Options{ConfigDir: h.configDir, RunDir: h.runDir, Log: h.log, Firewall: driver})
			return host{m, t}
		}
		old, now := with(firewallIptables), with(firewallNftables)
		a, b := old.start(1, withPort(testPod(1, ""), "", 18080, 80)), now.start(2, withPort(testPod(2, ""), "", 18081, 80))
		serve(t, a, 80, "old")
		serve(t, b, 80, "new")
		wantFetch(t, hostNamespace, "127.0.0.1:18080", "old")
		wantFetch(t, hostNamespace, "127.0.0.1:18081", "new")
		wantFetch(t, b.pod.Namespace, a.lease.Gateways()[0]+":18080", "old")
		wantFetch(t, a.pod.Namespace, a.lease.Gateways()[0]+":18081", "new")
		now.wantNoLeaks(a.lease, b.lease)
		if missing, err := now.MissingRules(t.Context(), []Lease{a.lease, b.lease}); err != nil || len(missing) > 0 {
			t.Errorf("missing rules of %v, %v", missing, err)
		}
		first, last := a, b
		if !oldFirst {
			first, last = b, a
		}
		now.stop(first)
		wantResolve(t, last, last.lease.Key.Name, last)
		now.wantNoLeaks(last.lease)
		now.stop(last)
		now.wantNoLeaks()
	}
}

func TestMacvlan(t *testing.T) {
	h := newHost(t)
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "out0"
	parent := &netlink.Veth{LinkAttrs: attrs, PeerName: "out1"}
	if err := netlink.LinkAdd(parent); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = removeHostLink("out0") }()
	probe := netlink.NewLinkAttrs()
	probe.Name, probe.ParentIndex = "probe0", parent.Attrs().Index
	if err := netlink.LinkAdd(&netlink.Macvlan{LinkAttrs: probe, Mode: netlink.MACVLAN_MODE_BRIDGE}); err != nil {
		t.Skip("this kernel has no macvlan:", err)
	}
	other, err := netlink.LinkByName("out1")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(removeHostLink("probe0"), netlink.LinkSetUp(parent), netlink.LinkSetUp(other)); err != nil {
		t.Fatal(err)
	}
	createNetwork(t, h.Manager, Network{Name: "out", Driver: DriverMacvlan, Interface: "out0", Subnets: subnets("10.231.0.0/24")})
	a, b := h.start(1, testPod(1, "out")), h.start(2, testPod(2, "out"))
	serve(t, a, 80, "outside")
	wantFetch(t, b.pod.Namespace, a.lease.IPs()[0]+":80", "outside")
	if err := h.RemoveNamespace(a.pod.Namespace); err != nil {
		t.Fatal(err)
	}
	h.stop(a)
	h.stop(b)
}

func TestHostAddressesOfPorts(t *testing.T) {
	for hostIP, reach := range map[string]string{"0.0.0.0": "127.0.0.1", "127.0.0.1": "127.0.0.1", "": "127.0.0.1", "127.0.0.2": "127.0.0.2"} {
		t.Run(hostIP, func(t *testing.T) {
			h := newHost(t)
			held, ports, err := BindPorts([]spec.PortMapping{{HostIP: hostIP, ContainerPort: 80}})
			if err != nil {
				t.Fatal(err)
			}
			defer closeFiles(held)
			pod := testPod(1, "")
			pod.Ports = ports
			s := h.start(1, pod)
			serve(t, s, 80, "here")
			wantFetch(t, hostNamespace, fmt.Sprintf("%s:%d", reach, ports[0].HostPort), "here")
			if present, err := h.RulesPresent(t.Context(), s.lease); err != nil || !present {
				t.Errorf("rules present: %v, %v", present, err)
			}
			h.wantNoLeaks(s.lease)
		})
	}
}

func TestTheNamespaceIsLost(t *testing.T) {
	for name, company := range map[string]bool{"alone": false, "in company": true} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			var live []Lease
			if company {
				live = append(live, h.start(2, testPod(2, "")).lease)
			}
			s := h.start(1, withPort(testPod(1, ""), "", 18080, 80))
			if err := h.RemoveNamespace(s.pod.Namespace); err != nil {
				t.Fatal(err)
			}
			if err := h.Teardown(t.Context(), s.pod, s.lease); err != nil {
				t.Error(err)
			}
			if err := h.Release(t.Context(), s.lease); err != nil {
				t.Error(err)
			}
			h.wantNoLeaks(live...)
		})
	}
}

// The kernel takes a lost namespace's interfaces away when it finds the time.
func TestALostNamespaceGoesSlowly(t *testing.T) {
	h := newHost(t)
	s := h.start(1, testPod(1, ""))
	bridge, err := netlink.LinkByName(s.lease.Networks[0].Network.Interface)
	if err != nil {
		t.Fatal(err)
	}
	slow := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "slow0", MasterIndex: bridge.Attrs().Index}, PeerName: "slow1"}
	if err := netlink.LinkAdd(slow); err != nil {
		t.Fatal(err)
	}
	if err := h.RemoveNamespace(s.pod.Namespace); err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	time.AfterFunc(100*time.Millisecond, func() { gone <- netlink.LinkDel(slow) })
	h.stop(s)
	if err := <-gone; err != nil {
		t.Error(err)
	}
	h.wantNoLeaks()
}

func TestWhatTeardownFindsGone(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, h host, s started){
		"the bridge": func(t *testing.T, _ host, s started) {
			if err := removeHostLink(s.lease.Networks[0].Network.Interface); err != nil {
				t.Fatal(err)
			}
		},
		"the interface": func(t *testing.T, _ host, s started) {
			if err := removeInterfaces(s.pod.Namespace, s.lease); err != nil {
				t.Fatal(err)
			}
		},
		"the rules":       func(t *testing.T, _ host, _ started) { flushRules(t) },
		"the name server": func(_ *testing.T, h host, _ started) { h.killServer() },
		"our folders": func(t *testing.T, h host, _ started) {
			h.killServer()
			if err := os.RemoveAll(h.netavarkDir()); err != nil {
				t.Fatal(err)
			}
		},
		"nothing": func(*testing.T, host, started) {},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			s := h.start(1, withPort(testPod(1, ""), "", 18080, 80))
			lose(t, h, s)
			for range 2 { // once more is success too
				h.stop(s)
			}
		})
	}
}

// flushRules does what somebody's firewall script does.
func flushRules(t *testing.T) {
	t.Helper()
	for _, program := range []string{"iptables", "ip6tables"} {
		for _, table := range []string{"nat", "filter"} {
			for _, verb := range []string{"-F", "-X"} {
				if _, err := hostexec.Run(context.Background(), hostexec.Cmd{Path: program, Args: []string{"-t", table, verb}}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if _, err := hostexec.Find("nft", nil); err == nil {
		nft(t, "flush", "ruleset")
	}
}

func TestAFlushIsNoticedAndHealed(t *testing.T) {
	h := newHost(t)
	a, b := h.start(1, withPort(testPod(1, ""), "", 18080, 80)), h.start(2, withPort(testPod(2, ""), "", 18081, 80))
	flushRules(t)
	missing, err := h.MissingRules(t.Context(), []Lease{a.lease, b.lease})
	if err != nil || len(missing) != 2 {
		t.Fatalf("missing rules of %v, %v; want of both", missing, err)
	}
	var wg sync.WaitGroup
	for _, s := range []started{a, b} {
		wg.Go(func() {
			status, err := h.Heal(testContext(t), s.pod, s.lease)
			if err != nil {
				t.Error(err)
			} else if status.Interfaces[0].MAC != s.lease.Networks[0].MAC || status.IPs[0] != s.lease.IPs()[0] {
				t.Errorf("healed to %+v", status)
			}
		})
	}
	wg.Wait()
	if missing, err := h.MissingRules(t.Context(), []Lease{a.lease, b.lease}); err != nil || len(missing) != 0 {
		t.Errorf("missing rules of %v, %v after healing", missing, err)
	}
	serve(t, a, 80, "a")
	serve(t, b, 80, "b")
	wantFetch(t, hostNamespace, "127.0.0.1:18080", "a")
	wantFetch(t, hostNamespace, "127.0.0.1:18081", "b")
	wantResolve(t, a, "pod2", b)
	h.wantNoLeaks(a.lease, b.lease)
}

func TestALostBridgeIsNoticedAndHealed(t *testing.T) {
	h := newHost(t)
	a, b := h.start(1, testPod(1, "")), h.start(2, testPod(2, ""))
	if err := removeHostLink(a.lease.Networks[0].Network.Interface); err != nil {
		t.Fatal(err)
	}
	for _, s := range []started{a, b} {
		if present, err := h.RulesPresent(t.Context(), s.lease); err != nil || present {
			t.Errorf("all is there: %v, %v", present, err)
		}
	}
	for _, s := range []started{a, b} {
		if _, err := h.Heal(t.Context(), s.pod, s.lease); err != nil {
			t.Error(err)
		}
	}
	serve(t, a, 80, "a")
	wantFetch(t, b.pod.Namespace, a.lease.IPs()[0]+":80", "a")
}

// listensForAll is an aardvark-dns that starts only where it can listen for all
// networks, as 1.17 does and 1.4 does not.
const listensForAll = `[ "$1" = --config ] && for file in "$2"/*; do
	[ -e "$file" ] && read -r addr rest < "$file" && case $(ip -o addr) in *" $addr/"*) ;; *) exit 1;; esac
done
exec "$REAL" "$@"`

func TestLostBridgesAreHealedAlsoWithoutTheNameServer(t *testing.T) {
	h := newHost(t).withHelper("aardvark-dns", listensForAll)
	createNetwork(t, h.Manager, Network{Name: "back", DNS: true, Subnets: subnets("10.231.7.0/24")})
	a, b := h.start(1, testPod(1, "")), h.start(2, testPod(2, "back"))
	h.killServer()
	for _, s := range []started{a, b} {
		if err := removeHostLink(s.lease.Networks[0].Network.Interface); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []started{a, b} {
		if _, err := h.Heal(testContext(t), s.pod, s.lease); err != nil {
			t.Error(err)
		}
	}
	wantResolve(t, a, "pod1", a)
	wantResolve(t, b, "pod2", b)
	h.wantNoLeaks(a.lease, b.lease)
}

func TestManyPodsAtOnce(t *testing.T) {
	h := newHost(t)
	const pods = 20
	all := make([]started, pods)
	for i := range all {
		all[i] = h.reserve(i, withPort(testPod(i, ""), "", uint16(18000+i), 80))
	}
	var wg sync.WaitGroup
	for _, s := range all {
		wg.Go(func() {
			if _, err := h.Setup(testContext(t), s.pod, s.lease); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var leases []Lease
	for _, s := range all {
		leases = append(leases, s.lease)
	}
	if missing, err := h.MissingRules(t.Context(), leases); err != nil || len(missing) != 0 {
		t.Errorf("missing rules of %v, %v", missing, err)
	}
	for i, s := range all {
		serve(t, s, 80, strconv.Itoa(i))
		wantFetch(t, hostNamespace, fmt.Sprintf("127.0.0.1:%d", 18000+i), strconv.Itoa(i))
		wantResolve(t, all[0], fmt.Sprintf("pod%d", i), s)
	}
	h.wantNoLeaks(leases...)
	// Half of them come down while the others are made anew.
	for i, s := range all {
		wg.Go(func() {
			if err := h.Teardown(testContext(t), s.pod, s.lease); err != nil {
				t.Error(err)
			}
			if i%2 == 0 {
				return
			}
			if _, err := h.Setup(testContext(t), s.pod, s.lease); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i, s := range all {
		if i%2 == 1 {
			wantFetch(t, hostNamespace, fmt.Sprintf("127.0.0.1:%d", 18000+i), strconv.Itoa(i))
			wantResolve(t, all[1], fmt.Sprintf("pod%d", i), s)
		}
	}
	for _, s := range all {
		wg.Go(func() { h.stop(s) })
	}
	wg.Wait()
}

func TestNamespaces(t *testing.T) {
	h := newHost(t)
	path := filepath.Join(h.runDir, "ns", "a")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := h.EnsureNamespace(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if !NamespaceAlive(path) {
		t.Fatal("not alive")
	}
	if err := within(t, path, func() error {
		l, err := net.Listen("tcp", "127.0.0.1:80") // the loopback is up and its own
		if err == nil {
			l.Close()
		}
		// A ping needs no capability: without the setting even root is refused.
		ping, pingErr := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_ICMP)
		if pingErr == nil {
			unix.Close(ping)
		}
		return errors.Join(err, pingErr)
	}); err != nil {
		t.Error(err)
	}
	ours, _ := os.Readlink("/proc/self/ns/net")
	if first, _ := os.Readlink(hostNamespace); first != ours {
		t.Errorf("we are in %s, not in the host's %s", ours, first)
	}
	for range 2 {
		if err := h.RemoveNamespace(path); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) || NamespaceAlive(path) {
		t.Errorf("still there: %v", err)
	}
	// A file left by one that was cut short.
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := h.EnsureNamespace(path); err != nil || !NamespaceAlive(path) {
		t.Errorf("not made: %v", err)
	}
	if err := h.RemoveNamespace(path); err != nil {
		t.Error(err)
	}
}
