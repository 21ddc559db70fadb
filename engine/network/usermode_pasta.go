package network

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"sync"

	"berth/engine/spec"
	"berth/internal/hostexec"
)

// Addresses that podman gives pods, of the range for links.
const (
	pastaServer = "169.254.1.1" // answers for the host's name server
	pastaHost   = "169.254.1.2" // is the host
)

// planPasta makes pasta's command line, as podman-run(1) describes it.
func (m *Manager) planPasta(ctx context.Context, u *UserModeLease, options []spec.UserModeOption, pod Pod) error {
	knows, err := m.pastaKnows(ctx, u.Path)
	if err != nil {
		return err
	}
	given := map[string]bool{}
	u.Args = []string{"--config-net"}
	for _, o := range options {
		given[o.Name] = true
		flag, _, _ := strings.Cut(o.Words[0], "=")
		switch {
		case o.Name == "" && !knows[flag]:
			return fmt.Errorf("%w: this host's pasta has no option %s", spec.ErrConfig, flag)
		case o.Name == "map-gw", o.Name == "config-net", o.Name == "no-netns-quit", o.Name == "quiet":
		default:
			u.Args = append(u.Args, o.Words...)
		}
	}
	usual := func(name string, words ...string) {
		if !given[name] {
			u.Args = append(u.Args, words...)
		}
	}
	for _, f := range []struct{ protocol, flag, name string }{{"tcp", "-t", "tcp-ports"}, {"udp", "-u", "udp-ports"}} {
		forward := pastaPorts(pod.Ports, f.protocol)
		for _, ports := range forward {
			u.Args = append(u.Args, f.flag, ports)
		}
		if len(forward) == 0 {
			usual(f.name, f.flag, "none")
		}
	}
	usual("dns-forward", "--dns-forward", pastaServer)
	usual("tcp-ns", "-T", "none")
	usual("udp-ns", "-U", "none")
	if !given["map-gw"] {
		usual("no-map-gw", "--no-map-gw")
	}
	if knows["--map-guest-addr"] {
		usual("map-guest-addr", "--map-guest-addr", pastaHost)
	}
	// Only root may enter the pod's namespace; pasta drops what it does not need.
	u.Args = append(u.Args, "--quiet", "--runas", "0", "--no-netns-quit", "--netns", pod.Namespace)

	u.Tapless, u.MapsGateway = given["splice-only"], given["map-gw"]
	u.Servers = addresses(options, "dns-forward", pastaServer)
	if knows["--map-guest-addr"] {
		u.Hosts = addresses(options, "map-guest-addr", pastaHost)
	}
	return nil
}

// addresses are the values of an option, the last one of each family, IPv4 first;
// otherwise where it was not given.
func addresses(options []spec.UserModeOption, name, otherwise string) []netip.Addr {
	if _, given := spec.LastOption(options, name); !given {
		return []netip.Addr{netip.MustParseAddr(otherwise)}
	}
	var v4, v6 []netip.Addr
	for _, o := range options {
		ip, err := netip.ParseAddr(o.Value)
		switch {
		case o.Name != name:
		case err != nil: // "none"
			v4, v6 = nil, nil
		case ip.Is4():
			v4 = []netip.Addr{ip}
		default:
			v6 = []netip.Addr{ip}
		}
	}
	return append(v4, v6...)
}

// pastaPorts are the published ports of a protocol as -t and -u take them:
// [address/]first-last:first-last, the host's before the pod's. Neighbours make
// one range.
func pastaPorts(ports []spec.PortMapping, protocol string) []string {
	type span struct {
		ip         string
		host, port uint16
		more       uint16
	}
	var spans []span
	for _, p := range ports {
		if protocolOf(p) != protocol {
			continue
		}
		if n := len(spans); n > 0 {
			s := &spans[n-1]
			if s.ip == p.HostIP && s.host+s.more+1 == p.HostPort && s.port+s.more+1 == p.ContainerPort {
				s.more++
				continue
			}
		}
		spans = append(spans, span{ip: p.HostIP, host: p.HostPort, port: p.ContainerPort})
	}
	var out []string
	for _, s := range spans {
		ports := fmt.Sprintf("%d-%d:%d-%d", s.host, s.host+s.more, s.port, s.port+s.more)
		if ip := strings.Trim(s.ip, "[]"); ip != "" {
			ports = ip + "/" + ports
		}
		out = append(out, ports)
	}
	return out
}

// helpFlag is an option in what pasta says of its options.
var helpFlag = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)(?:^|\s)(--?[A-Za-z0-9][a-z0-9-]*)`)
})

// pastaKnows are the options of this host's pasta, asked for once for each file.
func (m *Manager) pastaKnows(ctx context.Context, path string) (map[string]bool, error) {
	t, err := m.ask(ctx, path, func(ctx context.Context) (tool, error) {
		var said bytes.Buffer
		_, err := hostexec.Run(ctx, hostexec.Cmd{
			Path: path, Args: []string{"--help"}, Stdout: &said, Stderr: &said, Timeout: m.helperTimeout,
		})
		var exit *hostexec.ExitError
		if err != nil && !errors.As(err, &exit) { // older versions say what they know and fail
			return tool{}, fmt.Errorf("ask %s for its options: %w", path, err)
		}
		return tool{path: path, options: said.String()}, nil
	})
	if err != nil {
		return nil, err
	}
	knows := map[string]bool{}
	for _, found := range helpFlag().FindAllStringSubmatch(t.options, -1) {
		knows[found[1]] = true
	}
	if !knows["--netns"] {
		return nil, fmt.Errorf("%s does not say that it knows --netns: is it pasta?", path)
	}
	return knows, nil
}

// startPasta starts pasta, which returns when its child in the background is ready.
func (m *Manager) startPasta(ctx context.Context, lease Lease) error {
	u := lease.UserMode
	var said bytes.Buffer
	err := m.inOwnCgroup(ctx, m.userModeCgroup(lease.Namespace), hostexec.Cmd{
		Path: u.Path, Args: u.Args, Dir: "/", Stderr: &said, Session: true, Timeout: m.helperTimeout,
	})
	if why := pastaSaid(said.String()); err != nil && why != "" {
		err = fmt.Errorf("%w: %s", err, strings.TrimPrefix(why, u.Path+": "))
	}
	return err
}

// pastaNoise are lines that say nothing of why pasta ended: those of a host without
// a system log.
var pastaNoise = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^Failed to send \d+ bytes to syslog\n`)
})

// pastaSaid is why pasta ended, without the list of its options.
func pastaSaid(said string) string {
	said, _, _ = strings.Cut(pastaNoise().ReplaceAllString(said, ""), "\nUsage: ")
	return strings.ReplaceAll(strings.TrimSpace(said), "\n", "; ")
}
