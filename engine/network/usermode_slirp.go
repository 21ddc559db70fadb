package network

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"berth/engine/spec"
	"berth/internal/hostexec"
)

// What slirp4netns(1) and podman-run(1) have by default.
const (
	slirpMTU  = "65520"
	slirpCIDR = "10.0.2.0/24"
	slirpTap  = "tap0"
)

const (
	slirpByPath = "--netns-type=path" // the namespace follows
	slirpLog    = ".log"
	slirpSocket = ".sock"
)

// planSlirp makes slirp4netns's command line, as podman-run(1) describes it.
func planSlirp(u *UserModeLease, options []spec.UserModeOption, pod Pod) {
	value := func(name, otherwise string) string {
		if v, given := spec.LastOption(options, name); given {
			return v
		}
		return otherwise
	}
	on := func(name, otherwise string) bool {
		yes, _ := strconv.ParseBool(value(name, otherwise)) // it was read before
		return yes
	}
	if !on("allow_host_loopback", "false") {
		u.Args = append(u.Args, "--disable-host-loopback")
	}
	u.Args = append(u.Args, "--mtu="+value("mtu", slirpMTU), "--enable-sandbox", "--enable-seccomp")
	if on("enable_ipv6", "true") {
		u.Args = append(u.Args, "--enable-ipv6")
	}
	cidr := netip.MustParsePrefix(value("cidr", slirpCIDR)).Masked()
	if cidr.String() != slirpCIDR {
		u.Args = append(u.Args, "--cidr="+cidr.String())
	}
	if addr := value("outbound_addr", ""); addr != "" {
		u.Args = append(u.Args, "--outbound-addr="+addr)
	}
	if addr := value("outbound_addr6", ""); addr != "" {
		u.Args = append(u.Args, "--outbound-addr6="+addr)
	}
	if len(pod.Ports) > 0 {
		// Below its working folder: the path of a socket must not be long.
		u.Args = append(u.Args, "--api-socket="+userModeKey(pod.Namespace)+slirpSocket)
	}
	u.Args = append(u.Args, "--configure", "--ready-fd=3", slirpByPath, pod.Namespace, slirpTap)
	u.Forward = pod.Ports
	u.IPs, u.Servers = []netip.Addr{nthOf(cidr, 100)}, []netip.Addr{nthOf(cidr, 3)}
}

// nthOf is the address that many after a network's own.
func nthOf(network netip.Prefix, n int) netip.Addr {
	ip := network.Addr()
	for range n {
		ip = ip.Next()
	}
	return ip
}

// startSlirp starts slirp4netns, waits until it is ready and tells it of the ports.
func (m *Manager) startSlirp(ctx context.Context, lease Lease) error {
	u := lease.UserMode
	dir, err := m.makeRunDir("usermode")
	if err != nil {
		return err
	}
	// A file, not a pipe: nobody is left to read that.
	log, err := os.OpenFile(m.userModeNote(lease.Namespace)+slirpLog, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return fmt.Errorf("start %s: %w", u.Program, err)
	}
	defer log.Close()
	ready, tell, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start %s: %w", u.Program, err)
	}
	defer ready.Close()
	err = m.startInOwnCgroup(m.userModeCgroup(lease.Namespace), hostexec.Cmd{
		Path: u.Path, Args: u.Args, Dir: dir, Stdout: log, Stderr: log, ExtraFiles: []*os.File{tell}, Session: true,
		OwnMounts: true, // its sandbox takes down all mounts that it shares with the host
	})
	_ = tell.Close()
	if err != nil {
		return err
	}
	if err := awaitReady(ctx, ready, m.helperTimeout); err != nil {
		said, _ := os.ReadFile(log.Name())
		return fmt.Errorf("start %s: %w: %s", u.Program, err, bytes.TrimSpace(said[max(0, len(said)-4096):]))
	}
	for _, p := range u.Forward {
		if err := m.forward(ctx, lease, p); err != nil {
			return err
		}
	}
	if err := os.Remove(m.userModeNote(lease.Namespace) + slirpSocket); err != nil && len(u.Forward) > 0 {
		return fmt.Errorf("close the socket of %s: %w", u.Program, err)
	}
	return nil
}

// awaitReady waits until a helper writes to its end of the pipe.
func awaitReady(ctx context.Context, ready *os.File, limit time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer context.AfterFunc(limited, func() { _ = ready.SetReadDeadline(time.Unix(1, 0)) })()
	n, err := ready.Read(make([]byte, 1))
	switch {
	case n > 0:
		return nil
	case limited.Err() != nil:
		return limited.Err()
	case errors.Is(err, io.EOF):
		return errors.New("it ended at once")
	}
	return err
}

// forward has a running slirp4netns publish a port (slirp4netns(1), API SOCKET).
func (m *Manager) forward(ctx context.Context, lease Lease, p spec.PortMapping) error {
	fail := func(err error) error {
		return fmt.Errorf("%s: publish port %d/%s: %w", lease.UserMode.Program, p.HostPort, protocolOf(p), err)
	}
	request := map[string]any{"execute": "add_hostfwd", "arguments": map[string]any{
		"proto": protocolOf(p), "host_addr": hostIPv4(p), "host_port": p.HostPort,
		"guest_addr": lease.UserMode.IPs[0].String(), "guest_port": p.ContainerPort,
	}}
	conn, err := m.dialSlirp(ctx, lease)
	if err != nil {
		return fail(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(m.helperTimeout))
	if err := json.NewEncoder(conn).Encode(request); err != nil {
		return fail(err)
	}
	if err := conn.CloseWrite(); err != nil { // it answers only then
		return fail(err)
	}
	var answer struct {
		Error *struct {
			Desc string `json:"desc"`
		} `json:"error"`
	}
	if err := json.NewDecoder(io.LimitReader(conn, 1<<16)).Decode(&answer); err != nil {
		return fail(err)
	}
	if answer.Error != nil {
		return fail(errors.New(answer.Error.Desc))
	}
	return nil
}

func hostIPv4(p spec.PortMapping) string {
	if p.HostIP == "" {
		return netip.IPv4Unspecified().String()
	}
	return p.HostIP
}

// dialSlirp connects to the socket through its folder: its own path may be longer
// than sockets' may be.
func (m *Manager) dialSlirp(ctx context.Context, lease Lease) (*net.UnixConn, error) {
	dir, err := os.Open(m.userModeDir())
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", filepath.Join("/proc/self/fd", strconv.Itoa(int(dir.Fd())), userModeKey(lease.Namespace)+slirpSocket))
	if err != nil {
		return nil, err
	}
	return conn.(*net.UnixConn), nil
}
