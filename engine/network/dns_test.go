package network

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"berth/engine/spec"
	"berth/internal/testhost"
)

func TestNamesFiles(t *testing.T) {
	m := New(Options{RunDir: t.TempDir()})
	if _, err := m.makeRunDir("netavark", "aardvark-dns"); err != nil {
		t.Fatal(err)
	}
	lease := goldenLease()
	zebra := lease.Networks[0]
	path := m.namesPath(zebra.Network)
	add := func(l Lease) func(namesFile) namesFile {
		return func(f namesFile) namesFile {
			f = f.without(l.Pod)
			f.header, f.lines = namesHeader(zebra.Network), append(f.lines, namesLine(l, zebra))
			return f
		}
	}
	other := lease
	other.Pod, other.Names = podNumber(1), []string{"other"}
	zebra.Network.DNSServers = []string{"192.0.2.53"}
	for _, edit := range []struct {
		what    func(namesFile) namesFile
		changed bool
		want    []string
	}{
		{add(lease), true, []string{namesLine(lease, zebra)}},
		{add(lease), false, []string{namesLine(lease, zebra)}},
		{add(other), true, []string{namesLine(lease, zebra), namesLine(other, zebra)}},
		{func(f namesFile) namesFile { return f.without(lease.Pod) }, true, []string{namesLine(other, zebra)}},
		{func(f namesFile) namesFile { return f.without(lease.Pod) }, false, []string{namesLine(other, zebra)}},
		{func(f namesFile) namesFile { return f.without(other.Pod) }, true, nil},
	} {
		changed, err := m.editFile(path, edit.what)
		if err != nil || changed != edit.changed {
			t.Errorf("changed %v, %v; want %v", changed, err, edit.changed)
		}
		f, err := readNames(path)
		if diff := cmp.Diff(edit.want, f.lines); err != nil || diff != "" {
			t.Error(diff, err)
		}
	}
	if files, err := m.namesFiles(); err != nil || len(files) != 0 {
		t.Errorf("files %v, %v stay although nobody is in them", files, err)
	}
	want := string(lease.Pod) + " 10.90.0.9 fd00:90::2 web.shop,shop 192.0.2.53"
	if got := namesLine(lease, zebra); got != want {
		t.Errorf("line %q, want %q", got, want)
	}
	lease.Servers = []string{"192.0.2.54", "fd00::53"}
	want = string(lease.Pod) + " 10.90.0.9 fd00:90::2 web.shop,shop 192.0.2.54,fd00::53"
	if got := namesLine(lease, zebra); got != want {
		t.Errorf("line of a pod with servers of its own %q, want %q", got, want)
	}
}

func TestSocketAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"0100007F:0035":                         "127.0.0.1:53",
		"00000000:0050":                         "0.0.0.0:80",
		"00000000000000000000000001000000:0035": "[::1]:53",
	} {
		if got, ok := parseSocketAddr(text); !ok || got.String() != want {
			t.Errorf("%s: %v %v, want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "local_address", "0100007F", "xx:0035"} {
		if got, ok := parseSocketAddr(text); ok {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

func TestVerifyName(t *testing.T) {
	testhost.Need(t)
	conn, err := net.ListenPacket("udp", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		reply := new(dns.Msg).SetReply(q)
		switch question := q.Question[0]; {
		case question.Name != "known.":
			reply.Rcode = dns.RcodeNameError
		case question.Qtype == dns.TypeAAAA:
			rr, _ := dns.NewRR("known. AAAA fd00::7")
			reply.Answer = append(reply.Answer, rr)
		}
		_ = w.WriteMsg(reply)
	})}
	go func() { _ = server.ActivateAndServe() }()
	t.Cleanup(func() { _ = server.Shutdown() })
	m := testManager(t, nil)
	if err := m.VerifyName(t.Context(), "127.0.0.1", "known"); err != nil {
		t.Error(err)
	}
	m.dnsTimeout = 1 // nanosecond: one question at most
	if err := m.VerifyName(t.Context(), "127.0.0.1", "unknown"); err == nil {
		t.Error("an unknown name was verified")
	}
	if _, err := ask(testContext(t), netip.MustParseAddr("127.0.0.1"), "unknown", time.Second); !errors.Is(err, spec.ErrNotFound) {
		t.Errorf("err %v, want not found", err)
	}
	if holder, ours := m.holderOfPort53(netip.MustParseAddr("127.0.0.1")); holder == "" || ours {
		t.Errorf("port 53 is held by %q, ours %v", holder, ours)
	}
}
