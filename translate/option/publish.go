package option

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"berth/engine/spec"
	"berth/internal/source"
)

// ParsePublish reads a value of --publish,
// [[ip:][hostPort]:]containerPort[/protocol]. Ports may be ranges (8000-8009) of
// equal length on both sides; an IPv6 address stands in brackets. Without a host
// port the next free one is chosen at start.
func ParsePublish(s string) ([]spec.PortMapping, error) {
	fail := func(format string, args ...any) ([]spec.PortMapping, error) {
		return nil, fmt.Errorf("--publish %q: %s", s, fmt.Sprintf(format, args...))
	}
	ports, protocol, given := strings.Cut(s, "/")
	if !given {
		protocol = "tcp"
	}
	protocol = strings.ToLower(protocol)
	if known := []string{"tcp", "udp", "sctp"}; !slices.Contains(known, protocol) {
		return fail("unknown protocol %q%s", protocol, oneOf(protocol, known))
	}
	ip, rest, err := cutIP(ports)
	if err != nil {
		return fail("%v", err)
	}
	host, container, hasHost := strings.Cut(rest, ":")
	if !hasHost {
		host, container = "", rest
	}
	from, to, err := parseRange(container)
	if err != nil {
		return fail("container port %v", err)
	}
	var first, last int
	if host != "" {
		first, last, err = parseRange(host)
		if err != nil {
			return fail("host port %v", err)
		}
		if last-first != to-from {
			return fail("%d host ports for %d container ports: give ranges of equal length", last-first+1, to-from+1)
		}
	}
	var out []spec.PortMapping
	for i := range to - from + 1 {
		m := spec.PortMapping{HostIP: ip, ContainerPort: uint16(from + i), Protocol: protocol}
		if host != "" {
			m.HostPort = uint16(first + i)
		}
		out = append(out, m)
	}
	return out, nil
}

// cutIP splits "ip:" or "[ip]:" off.
func cutIP(s string) (ip, rest string, err error) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		ip, rest, ok = strings.Cut(inner, "]:")
		if !ok {
			return "", "", fmt.Errorf("no port after the address: write [ip]:hostPort:containerPort")
		}
	} else {
		if strings.Count(s, ":") < 2 {
			return "", s, nil
		}
		ip, rest, _ = strings.Cut(s, ":")
	}
	if strings.Count(rest, ":") != 1 {
		return "", "", fmt.Errorf("write [[ip:][hostPort]:]containerPort[/protocol], an IPv6 address in brackets")
	}
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return "", "", fmt.Errorf("%q is not an IP address", ip)
	}
	return addr.String(), rest, nil
}

// parseRange reads "80" or "80-89".
func parseRange(s string) (first, last int, err error) {
	low, high, isRange := strings.Cut(s, "-")
	first, err = parsePort(low)
	if err != nil || !isRange {
		return first, first, err
	}
	last, err = parsePort(high)
	if err == nil && last < first {
		err = fmt.Errorf("range %q ends before it begins", s)
	}
	return first, last, err
}

func parsePort(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not a port from 1 to 65535", s)
	}
	return int(n), nil
}

// oneOf is a suggestion, or else all there is to choose from.
func oneOf(word string, known []string) string {
	if hint := source.DidYouMean(word, known); hint != "" {
		return hint
	}
	return ": use one of " + strings.Join(known, ", ")
}
