package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/internal/hostexec"
)

// withHelper puts a script before the host's own helpers. $REAL is the real
// one, $HERE the script's folder.
func (h host) withHelper(name, script string) host {
	h.t.Helper()
	real, err := hostexec.Find(name, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	dir := h.t.TempDir()
	script = fmt.Sprintf("#!/bin/sh\nREAL=%s HERE=%s\n%s", real, dir, script)
	if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
		h.t.Fatal(err)
	}
	h.helperDirs = append([]string{dir}, h.helperDirs...)
	return h
}

const versionOnly = `[ "$1" = version ] && exec "$REAL" "$@"
verb=$4
`

func TestAFailedSetupLeavesNothing(t *testing.T) {
	for name, script := range map[string]string{
		"before it begins":    versionOnly + `[ "$verb" = setup ] && { echo '{"error":"no luck"}'; exit 1; }; exec "$REAL" "$@"`,
		"after it was done":   versionOnly + `"$REAL" "$@"; rc=$?; [ "$verb" = setup ] && { echo '{"error":"no luck"}'; exit 1; }; exit $rc`,
		"without a word":      versionOnly + `[ "$verb" = setup ] && exit 1; exec "$REAL" "$@"`,
		"and says it is done": versionOnly + `[ "$verb" = setup ] && exit 0; exec "$REAL" "$@"`,
		"and so does its tear-down": versionOnly + `[ "$verb" = setup ] && "$REAL" "$@"
exit 1`,
		"halfway, at iptables": versionOnly + `[ "$verb" = setup ] && { mkdir -p $HERE/p; ln -s /bin/false $HERE/p/iptables; export PATH=$HERE/p; }; exec "$REAL" "$@"`,
		"by hanging":           versionOnly + `"$REAL" "$@"; [ "$verb" = setup ] && exec sleep 60`,
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t).withHelper("netavark", script)
			h.helperTimeout = 2 * time.Second
			s := h.reserve(1, withPort(testPod(1, ""), "", 18080, 80))
			_, err := h.Setup(testContext(t), s.pod, s.lease)
			if err == nil {
				t.Fatal("no error")
			}
			t.Log(err)
			if !strings.Contains(err.Error(), "pod1") {
				t.Errorf("err %v does not name the pod", err)
			}
			if err := errors.Join(h.Release(t.Context(), s.lease), h.RemoveNamespace(s.pod.Namespace)); err != nil {
				t.Error(err)
			}
			h.wantNoLeaks() // before any tear-down
		})
	}
}

func TestASetupThatIsCalledOffLeavesNothing(t *testing.T) {
	h := newHost(t).withHelper("netavark", versionOnly+`"$REAL" "$@"; [ "$verb" = setup ] && { echo > $HERE/done; exec sleep 60; }`)
	done := filepath.Join(h.helperDirs[0], "done")
	if err := unix.Mkfifo(done, 0o600); err != nil {
		t.Fatal(err)
	}
	s := h.reserve(1, withPort(testPod(1, ""), "", 18080, 80))
	ctx, cancel := context.WithCancel(testContext(t))
	go func() {
		_, _ = os.ReadFile(done) // waits for netavark to be done
		cancel()
	}()
	if _, err := h.Setup(ctx, s.pod, s.lease); !errors.Is(err, context.Canceled) {
		t.Errorf("err %v, want it called off", err)
	}
	if err := errors.Join(h.Release(t.Context(), s.lease), h.RemoveNamespace(s.pod.Namespace)); err != nil {
		t.Error(err)
	}
	h.wantNoLeaks()
}

func TestASetupThatFailsInCompanyIsTriedAlone(t *testing.T) {
	h := newHost(t)
	first := h.start(1, testPod(1, ""))
	h = h.withHelper("netavark", versionOnly+`[ "$verb" = setup ] && [ ! -e $HERE/failed ] && { touch $HERE/failed; exit 1; }; exec "$REAL" "$@"`)
	second := h.start(2, withPort(testPod(2, ""), "", 18080, 80))
	serve(t, second, 80, "second")
	wantFetch(t, hostNamespace, "127.0.0.1:18080", "second")
	wantFetch(t, first.pod.Namespace, second.lease.IPs()[0]+":80", "second")
}

func TestTeardownWithoutNetavark(t *testing.T) {
	for name, script := range map[string]string{
		"fails": versionOnly + `exit 1`,
		"hangs": versionOnly + `exec sleep 60`,
	} {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, namespace lost %v", name, lost), func(t *testing.T) {
				h := newHost(t)
				other := h.start(2, withPort(testPod(2, ""), "", 18082, 80))
				s := h.start(1, withPort(testPod(1, ""), "", 18080, 80))
				broken := h.withHelper("netavark", script)
				broken.helperTimeout = time.Second
				if lost {
					if err := h.RemoveNamespace(s.pod.Namespace); err != nil {
						t.Fatal(err)
					}
				}
				broken.stop(s)
				h.wantNoLeaks(other.lease)
				serve(t, other, 80, "other")
				wantFetch(t, hostNamespace, "127.0.0.1:18082", "other")
				broken.stop(other)
			})
		}
	}
}

// killServer ends the name server as a kill -9 does.
func (h host) killServer() {
	h.t.Helper()
	server, err := h.findServer()
	if err != nil || server == nil {
		h.t.Fatal(server, err)
	}
	defer server.close()
	if err := errors.Join(server.signal(unix.SIGKILL), server.ended(h.t.Context())); err != nil {
		h.t.Fatal(err)
	}
}

func TestTheNameServer(t *testing.T) {
	t.Run("is started again with a stale pid file", func(t *testing.T) {
		h := newHost(t)
		a := h.start(1, testPod(1, ""))
		h.killServer()
		// Now the ID in the pid file is somebody else's.
		bystander := exec.Command("sleep", "60")
		if err := bystander.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- bystander.Wait() }()
		pid := []byte(fmt.Sprint(bystander.Process.Pid))
		if err := os.WriteFile(filepath.Join(h.dnsDir(), pidFile), pid, 0o644); err != nil {
			t.Fatal(err)
		}
		b := h.start(2, testPod(2, ""))
		wantResolve(t, b, "pod1", a)
		h.stop(b)
		h.stop(a)
		select {
		case err := <-ended:
			t.Errorf("the bystander was hit: %v", err)
		default:
			_ = bystander.Process.Kill()
			<-ended
		}
	})
	t.Run("is started again by who misses its answer", func(t *testing.T) {
		h := newHost(t)
		a := h.start(1, testPod(1, ""))
		h.killServer()
		if err := h.verifyNames(t.Context(), a.lease); err != nil {
			t.Error(err)
		}
		h.stop(a)
	})
	t.Run("lives in a cgroup of its own and holds none of our descriptors", func(t *testing.T) {
		h := newHost(t)
		pod := testPod(1, "")
		lock, err := os.Create(filepath.Join(t.TempDir(), "lock"))
		if err != nil {
			t.Fatal(err)
		}
		defer lock.Close()
		pod.Locks = []*os.File{lock}
		h.start(1, pod)
		server, err := h.findServer()
		if err != nil || server == nil {
			t.Fatal(server, err)
		}
		defer server.close()
		groups, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", server.pid))
		if !strings.Contains(string(groups), "/"+h.dnsCgroup()) {
			t.Errorf("it is in %s", groups)
		}
		fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", server.pid))
		for _, fd := range fds {
			if target, _ := os.Readlink(fd); strings.HasSuffix(target, "lock") {
				t.Errorf("it holds %s", target)
			}
		}
	})
}

func TestANameServerThatCannotServe(t *testing.T) {
	for name, h := range map[string]func(*testing.T) host{
		"finds port 53 taken":           newHost,
		"ends because port 53 is taken": func(t *testing.T) host { return newHost(t).withHelper("aardvark-dns", "exit 1") }, // as newer versions do
	} {
		t.Run(name, func(t *testing.T) { wantPort53Held(t, h(t)) })
	}
	t.Run("is missing", func(t *testing.T) {
		h := newHost(t).withHelper("aardvark-dns", "exit 1")
		s := h.reserve(1, testPod(1, ""))
		if _, err := h.Setup(testContext(t), s.pod, s.lease); err == nil || !strings.Contains(err.Error(), "aardvark-dns") {
			t.Errorf("err %v", err)
		}
	})
}

func wantPort53Held(t *testing.T, h host) {
	h.dnsTimeout = 2 * time.Second
	conn, err := net.ListenPacket("udp4", "0.0.0.0:53")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s := h.reserve(1, testPod(1, ""))
	_, err = h.Setup(testContext(t), s.pod, s.lease)
	if !errors.Is(err, spec.ErrConfig) || !strings.Contains(err.Error(), "port 53") || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("err %v, want port 53 held by us", err)
	}
	if err := errors.Join(h.Release(t.Context(), s.lease), h.RemoveNamespace(s.pod.Namespace)); err != nil {
		t.Error(err)
	}
	h.wantNoLeaks()
}

// Newer versions of netavark look for aardvark-dns's files of networks that
// serve names when they tear down, and fail; they also note ports down.
func TestNetavarkNeedNotKnowOfNamesToTearDown(t *testing.T) {
	h := newHost(t).withHelper("netavark", versionOnly+`in=$(cat)
case $verb$in in
setup*'"dns_enabled":true'*) echo "$verb" >> $HERE/asked;;
teardown*'"dns_enabled":true'*) echo "$verb" >> $HERE/asked; exit 1;;
esac
echo "$in" | "$REAL" "$@"`)
	s := h.start(1, withPort(testPod(1, ""), "", 18080, 80))
	note := filepath.Join(h.netavarkDir(), "config", "firewall", "ports", s.lease.Networks[0].Network.ID+"_"+string(s.pod.ID))
	if err := errors.Join(os.MkdirAll(filepath.Dir(note), 0o755), os.WriteFile(note, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	h.stop(s)
	asked, err := os.ReadFile(filepath.Join(h.helperDirs[0], "asked"))
	if err != nil || string(asked) != "setup\n" {
		t.Errorf("told of names at %q, %v", asked, err)
	}
	if _, err := os.Lstat(note); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the note of the pod's ports is still there: %v", err)
	}
}

// A pod whose rules netavark cannot make any more keeps what it has of its
// network until it is restarted, and goes without a trace.
func TestTheDriverOfAPodsRulesIsGoneWithAnUpgrade(t *testing.T) {
	h := newHost(t)
	s := h.start(1, withPort(testPod(1, ""), "", 18080, 80))
	serve(t, s, 80, "still here")
	version := map[string]string{firewallIptables: "2.0.0", firewallNftables: "1.4.0"}[s.lease.firewall()]
	later := h.withHelper("netavark", `[ "$1" = version ] && exec echo '{"version":"`+version+`"}'
echo '{"error":"Must provide a valid firewall backend"}'; exit 1`)
	if _, err := later.Heal(t.Context(), s.pod, s.lease); !errors.Is(err, spec.ErrConfig) || !strings.Contains(err.Error(), "restart of the pod") {
		t.Errorf("err %v", err)
	}
	wantFetch(t, hostNamespace, "127.0.0.1:18080", "still here")
	later.stop(s)
	later.wantNoLeaks()
}

// One that is orphaned by our death still holds the pod's lock and its turn.
func TestNetavarkInheritsTheLocks(t *testing.T) {
	h := newHost(t).withHelper("netavark", versionOnly+`ls -l /proc/$$/fd > $HERE/fds; exec "$REAL" "$@"`)
	lock, err := os.Create(filepath.Join(t.TempDir(), "pod.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	pod := testPod(1, "")
	pod.Locks = []*os.File{lock}
	h.start(1, pod)
	fds, err := os.ReadFile(filepath.Join(h.helperDirs[0], "fds"))
	if err != nil || !strings.Contains(string(fds), "pod.lock") || !strings.Contains(string(fds), "berth.lock") {
		t.Errorf("it holds %s, %v", fds, err)
	}
}

func TestTheBridgeKeepsItsAddress(t *testing.T) {
	h := newHost(t)
	first := h.start(1, testPod(1, ""))
	bridge := first.lease.Networks[0].Network.Interface
	mac := func() string {
		link, err := netlink.LinkByName(bridge)
		if err != nil {
			t.Fatal(err)
		}
		return link.Attrs().HardwareAddr.String()
	}
	before := mac()
	for i := 2; i < 8; i++ {
		h.start(i, testPod(i, ""))
		if mac() != before {
			t.Fatalf("the address is %s, was %s", mac(), before)
		}
	}
	h.stop(first)
	if mac() != before {
		t.Errorf("the address is %s, was %s", mac(), before)
	}
}

func TestASysctlThatIsSetBackIsNamed(t *testing.T) {
	h := newHost(t).withHelper("netavark", versionOnly+`"$REAL" "$@"; rc=$?; [ "$verb" = setup ] && echo 0 > /proc/sys/net/ipv4/ip_forward; exit $rc`)
	s := h.reserve(1, testPod(1, ""))
	_, err := h.Setup(testContext(t), s.pod, s.lease)
	if !errors.Is(err, spec.ErrConfig) || !strings.Contains(err.Error(), "net.ipv4.ip_forward") {
		t.Errorf("err %v", err)
	}
}

func TestCheckFindsAndRemovesWhatIsPlanted(t *testing.T) {
	h := newHost(t)
	createNetwork(t, h.Manager, Network{Name: "back", DNS: true})
	live := h.start(1, withPort(testPod(1, ""), "", 18080, 80))
	// A pod whose record is lost, with all that it has.
	lost := h.start(2, withPort(testPod(2, "", "back"), "", 18082, 80))
	if err := h.EnsureNamespace(filepath.Join(h.netavarkDir(), "ns", string(podNumber(3)))); err != nil {
		t.Fatal(err)
	}
	leaks, err := h.Check(t.Context(), []Lease{live.lease})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, l := range leaks {
		t.Logf("%s: %s", l.Kind, l.Name)
		kinds = append(kinds, l.Kind)
	}
	for _, kind := range []string{"address", "attachment", "name", "rule", "interface", "bridge", "namespace"} {
		if !slices.Contains(kinds, kind) {
			t.Errorf("no leak of kind %s was found", kind)
		}
	}
	for _, l := range leaks {
		if err := l.Remove(t.Context()); err != nil {
			t.Errorf("remove %s %s: %v", l.Kind, l.Name, err)
		}
	}
	h.wantNoLeaks(live.lease)
	serve(t, live, 80, "live")
	wantFetch(t, hostNamespace, "127.0.0.1:18080", "live")
	_ = lost // its tear-down, at the end, finds everything gone
}

func TestWhatAPodTookIntoUseSinceTheCheckStays(t *testing.T) {
	h := newHost(t)
	live := h.start(1, withPort(testPod(1, ""), "", 18080, 80))
	leaks, err := h.Check(t.Context(), nil) // as if the pod had come after the records were read
	if err != nil {
		t.Fatal(err)
	}
	common := 0
	for _, l := range leaks {
		if l.Kind == "bridge" || l.Kind == "rule" && strings.Contains(l.Name, "rules and chains") {
			common++
			if err := l.Remove(t.Context()); err != nil {
				t.Errorf("remove %s %s: %v", l.Kind, l.Name, err)
			}
		}
	}
	if present, err := h.RulesPresent(t.Context(), live.lease); err != nil || !present || common < 2 {
		t.Errorf("of %d common leaks the pod lost its rules: %v, %v", common, present, err)
	}
}

func TestCheckLeavesOthersAlone(t *testing.T) {
	h := newHost(t)
	// podman's network and ours of another engine root, as netavark leaves them.
	other := newHost(t)
	foreign := other.start(1, withPort(testPod(1, ""), "", 18080, 80))
	rules := "*filter\n-A FORWARD -s 10.88.0.0/16 -j ACCEPT\nCOMMIT\n*nat\n:NETAVARK-1D8721804F16F -\n" +
		"-A POSTROUTING -s 10.88.0.0/16 -j NETAVARK-1D8721804F16F\n-A NETAVARK-1D8721804F16F -d 10.88.0.0/16 -j ACCEPT\nCOMMIT\n"
	restore(t, rules)
	t.Cleanup(func() { flushRules(t) })
	leaks, err := h.Check(t.Context(), nil)
	if err != nil || len(leaks) > 0 {
		t.Errorf("taken for ours: %v, %v", leaks, err)
	}
	mine := h.start(2, testPod(2, ""))
	h.stop(mine)
	if present, err := other.RulesPresent(t.Context(), foreign.lease); err != nil || !present {
		t.Errorf("the other's rules: %v, %v", present, err)
	}
	all, err := iptables{h.Manager}.list(t.Context())
	if err != nil || !slices.ContainsFunc(all, func(r rule) bool {
		return r.chain == "NETAVARK-1D8721804F16F" && r.dst == netip.MustParsePrefix("10.88.0.0/16")
	}) {
		t.Errorf("podman's rules are gone: %v", err)
	}
}

func restore(t *testing.T, rules string) {
	t.Helper()
	_, err := hostexec.Run(testContext(t), hostexec.Cmd{Path: "iptables-restore", Args: []string{"--noflush"}, Stdin: strings.NewReader(rules)})
	if err != nil {
		t.Fatal(err)
	}
}
