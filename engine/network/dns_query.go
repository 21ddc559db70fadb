package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"berth/engine/spec"
)

const (
	dnsPort = "53"
	// How long an answer is waited for, longer each time: 1.4 makes its sockets
	// anew whenever it reads its files, and loses a question now and then.
	firstWait, longestWait = 40 * time.Millisecond, 640 * time.Millisecond
	// The pauses between two questions.
	firstPause, longestPause = 2 * time.Millisecond, 100 * time.Millisecond
)

// VerifyName asks the name server at an address for a name until it is
// answered or ctx ends. A name it does not know is spec.ErrNotFound.
func (m *Manager) VerifyName(ctx context.Context, server, name string) error {
	addr, err := netip.ParseAddr(server)
	if err != nil {
		return fmt.Errorf("look up %q: name server %q is not an address", name, server)
	}
	return m.askFor(ctx, m.dnsTimeout, addr, name, func(got []netip.Addr) bool { return len(got) > 0 })
}

// askUntil asks until enough says the answer is the right one.
func askUntil(ctx context.Context, server netip.Addr, name string, enough func([]netip.Addr) bool) error {
	var before error
	for pause, wait := firstPause, firstWait; ; pause, wait = min(2*pause, longestPause), min(2*wait, longestWait) {
		got, err := ask(ctx, server, name, wait)
		if err != nil && ctx.Err() != nil && before != nil {
			return before // cut short, this question says nothing new
		}
		if err == nil && enough(got) {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("%s answered %v for %q", server, got, name)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
			before = err
		}
	}
}

// ask asks once for the IPv4 and IPv6 addresses of a name, and waits so long
// for each answer.
func ask(ctx context.Context, server netip.Addr, name string, wait time.Duration) ([]netip.Addr, error) {
	var found []netip.Addr
	var errs []error
	for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
		q := new(dns.Msg)
		q.SetQuestion(dns.Fqdn(name), kind)
		client := dns.Client{Timeout: wait}
		reply, _, err := client.ExchangeContext(ctx, q, net.JoinHostPort(server.String(), dnsPort))
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("ask %s for %q: %w", server, name, err))
		case reply.Rcode == dns.RcodeNameError:
			errs = append(errs, fmt.Errorf("name %q at %s: %w", name, server, spec.ErrNotFound))
		case reply.Rcode != dns.RcodeSuccess:
			errs = append(errs, fmt.Errorf("ask %s for %q: %s", server, name, dns.RcodeToString[reply.Rcode]))
		default:
			found = append(found, addressesIn(reply)...)
		}
		if len(found) > 0 {
			return found, nil
		}
	}
	return nil, errors.Join(errs...)
}

func addressesIn(reply *dns.Msg) []netip.Addr {
	var found []netip.Addr
	for _, rr := range reply.Answer {
		var ip net.IP
		switch rr := rr.(type) {
		case *dns.A:
			ip = rr.A
		case *dns.AAAA:
			ip = rr.AAAA
		}
		if addr, ok := netip.AddrFromSlice(ip); ok {
			found = append(found, addr.Unmap())
		}
	}
	return found
}
