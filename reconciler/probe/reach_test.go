package probe_test

import (
	"context"
	"errors"
	"net"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"berth/engine/spec"
	"berth/reconciler/probe"
)

// here is a pod whose network namespace is this process's; run is what commands
// do in its container.
type here struct {
	run func(ctx context.Context, command []string) (spec.ExecResult, error)
}

func (h here) RunInContainer(ctx context.Context, id spec.PodID, name string, command []string) (spec.ExecResult, error) {
	if id != "pod" || name != "c" {
		return spec.ExecResult{}, errors.New("another container: " + string(id) + "/" + name)
	}
	return h.run(ctx, command)
}

func (h here) DialPod(ctx context.Context, id spec.PodID, network, address string) (net.Conn, error) {
	if id != "pod" {
		return nil, errors.New("another pod: " + string(id))
	}
	if _, err := netip.ParseAddrPort(address); err != nil {
		return nil, err // the engine takes no names
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

func target() probe.Target {
	return probe.Target{Reach: here{}, Pod: "pod", Container: "c", IP: "127.0.0.1"}
}

// portOf is the port of a server's URL or address.
func portOf(t testing.TB, address string) uint16 {
	t.Helper()
	address = address[strings.LastIndex(address, "//")+1:]
	at, err := netip.ParseAddrPort(strings.TrimPrefix(address, "/"))
	if err != nil {
		t.Fatal(err)
	}
	return at.Port()
}

// closed is a port nobody listens on.
func closed(t testing.TB) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return portOf(t, l.Addr().String())
}

// mute listens, accepts and never says a word. send is what it says at once.
func mute(t testing.TB, send string) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte(send))
			t.Cleanup(func() { conn.Close() })
		}
	}()
	return portOf(t, l.Addr().String())
}

// replaced puts what differs from run to run into an expectation.
func replaced(want string, s *httptest.Server, port uint16) string {
	if s != nil {
		want = strings.ReplaceAll(want, "ADDR", s.Listener.Addr().String())
	}
	return strings.ReplaceAll(want, "PORT", netip.AddrPortFrom(netip.IPv4Unspecified(), port).String()[len("0.0.0.0:"):])
}
