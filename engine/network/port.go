package network

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
)

// BindPorts binds every published port on the host and returns the sockets,
// for somebody to hold as long as the pod lives, and the ports with a host port
// chosen where none was given. Traffic never reaches the sockets: the firewall
// redirects it before. They only keep the port from everybody else.
//
// A port that somebody holds is a *spec.PortTakenError. On error nothing stays bound.
func BindPorts(ports []spec.PortMapping) (held []*os.File, resolved []spec.PortMapping, err error) {
	defer func() {
		if err != nil {
			closeFiles(held)
			held, resolved = nil, nil
		}
	}()
	for _, port := range ports {
		files, p, err := bindPort(port)
		if err != nil {
			return held, nil, err
		}
		held = append(held, files...)
		resolved = append(resolved, p)
	}
	return held, resolved, nil
}

// freePortTries is how often a free port is looked for that is free in IPv4
// and IPv6.
const freePortTries = 32

func bindPort(port spec.PortMapping) ([]*os.File, spec.PortMapping, error) {
	port.Protocol = strings.ToLower(port.Protocol)
	if port.Protocol == "" {
		port.Protocol = "tcp"
	}
	addrs, wildcard, err := hostAddrs(port.HostIP)
	if err != nil {
		return nil, port, err
	}
	if port.HostPort != 0 {
		files, _, err := bindAll(port, addrs, wildcard)
		return files, port, err
	}
	for range freePortTries {
		var files []*os.File
		var chosen uint16
		if files, chosen, err = bindAll(port, addrs, wildcard); err == nil {
			port.HostPort = chosen
			return files, port, nil
		}
		var taken *spec.PortTakenError
		if !errors.As(err, &taken) {
			break
		}
	}
	return nil, port, fmt.Errorf("choose a free host port for port %d/%s: %w", port.ContainerPort, port.Protocol, err)
}

func hostAddrs(hostIP string) (addrs []netip.Addr, wildcard bool, err error) {
	if hostIP == "" {
		return []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}, true, nil
	}
	ip, err := netip.ParseAddr(strings.Trim(hostIP, "[]"))
	if err != nil {
		return nil, false, fmt.Errorf("%w: host address %q is not an IP address", spec.ErrConfig, hostIP)
	}
	return []netip.Addr{ip.Unmap()}, false, nil
}

// bindAll binds one port on all addresses; a port 0 becomes, for the others,
// what the first address got.
func bindAll(port spec.PortMapping, addrs []netip.Addr, wildcard bool) (files []*os.File, number uint16, err error) {
	defer func() {
		if err != nil {
			closeFiles(files)
			files = nil
		}
	}()
	number = port.HostPort
	for _, addr := range addrs {
		fd, err := bindSocket(port.Protocol, netip.AddrPortFrom(addr, number))
		if err != nil && wildcard && addr.Is6() && noIPv6(err) {
			continue
		}
		if err != nil {
			return files, 0, bindError(port, addr, number, err)
		}
		name := port.Protocol + " " + netip.AddrPortFrom(addr, number).String()
		files = append(files, os.NewFile(uintptr(fd), name))
		if number == 0 {
			if number, err = boundPort(fd); err != nil {
				return files, 0, fmt.Errorf("choose a free host port: %w", err)
			}
		}
	}
	return files, number, nil
}

func bindError(port spec.PortMapping, addr netip.Addr, number uint16, err error) error {
	port.HostPort = number
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return &spec.PortTakenError{Port: port, Err: err}
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return fmt.Errorf("%w: host port %d/%s: this host has no address %s", spec.ErrConfig, number, port.Protocol, addr)
	case errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, errNoProtocol):
		return fmt.Errorf("%w: host port %d: this kernel has no support for protocol %q", spec.ErrConfig, number, port.Protocol)
	}
	return fmt.Errorf("bind host port %s/%s: %w", netip.AddrPortFrom(addr, number), port.Protocol, err)
}

func noIPv6(err error) bool {
	return errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL)
}

var errNoProtocol = errors.New("unknown protocol")

func bindSocket(protocol string, at netip.AddrPort) (int, error) {
	if protocol == "tcp" && at.Addr().Is6() {
		return bindSilent(at)
	}
	switch protocol {
	case "tcp":
		return openSocket(unix.SOCK_STREAM, unix.IPPROTO_TCP, at, true, true)
	case "udp":
		// Without SO_REUSEADDR: for UDP it would let others have the port too.
		return openSocket(unix.SOCK_DGRAM, unix.IPPROTO_UDP, at, false, false)
	case "sctp":
		return openSocket(unix.SOCK_STREAM, unix.IPPROTO_SCTP, at, true, true)
	}
	return -1, errNoProtocol
}

// bindSilent holds a TCP port over IPv6 without listening. Where a pod has no
// IPv6 address the firewall redirects nothing, and a socket that listens but
// never accepts would keep clients of "localhost" waiting that try ::1 first;
// refused, they go on to 127.0.0.1. Bound without SO_REUSEADDR the port is
// still nobody else's.
func bindSilent(at netip.AddrPort) (int, error) {
	fd, err := openSocket(unix.SOCK_STREAM, unix.IPPROTO_TCP, at, false, false)
	if !errors.Is(err, unix.EADDRINUSE) {
		return fd, err
	}
	// Only connections that are about to end may be in the way: who can listen
	// with SO_REUSEADDR has the port.
	probe, err := openSocket(unix.SOCK_STREAM, unix.IPPROTO_TCP, at, true, true)
	if err != nil {
		return -1, err
	}
	_ = unix.Close(probe)
	return openSocket(unix.SOCK_STREAM, unix.IPPROTO_TCP, at, true, false)
}

func openSocket(kind, protocol int, at netip.AddrPort, reuse, listen bool) (fd int, err error) {
	family := unix.AF_INET
	if at.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, kind|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	defer func() {
		if err != nil {
			_ = unix.Close(fd)
			fd = -1
		}
	}()
	if family == unix.AF_INET6 {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return fd, os.NewSyscallError("setsockopt", err)
		}
	}
	if reuse {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return fd, os.NewSyscallError("setsockopt", err)
		}
	}
	sa, err := sockaddr(at)
	if err != nil {
		return fd, err
	}
	if err := unix.Bind(fd, sa); err != nil {
		return fd, os.NewSyscallError("bind", err)
	}
	if listen {
		if err := unix.Listen(fd, 1); err != nil {
			return fd, os.NewSyscallError("listen", err)
		}
	}
	return fd, nil
}

func sockaddr(at netip.AddrPort) (unix.Sockaddr, error) {
	if at.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}, nil
	}
	sa := &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
	if zone := at.Addr().Zone(); zone != "" {
		id, err := zoneID(zone)
		if err != nil {
			return nil, fmt.Errorf("%w: %q is not an interface", spec.ErrConfig, zone)
		}
		sa.ZoneId = id
	}
	return sa, nil
}

func zoneID(zone string) (uint32, error) {
	data, err := os.ReadFile("/sys/class/net/" + zone + "/ifindex")
	if err != nil {
		return 0, err
	}
	id, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 32)
	return uint32(id), err
}

func boundPort(fd int) (uint16, error) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return 0, os.NewSyscallError("getsockname", err)
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return uint16(sa.Port), nil
	case *unix.SockaddrInet6:
		return uint16(sa.Port), nil
	}
	return 0, fmt.Errorf("socket address of type %T", sa)
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}
