package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/internal/hostexec"
)

// UserModeLease is what a pod has in place of networks: a process that is its
// network stack, and how that is started, now and when it has to be again.
type UserModeLease struct {
	Program string   `json:"program"`
	Path    string   `json:"path"` // of the program, as it was found
	Args    []string `json:"args"`
	// Forward are ports that the process is told of once it runs (slirp4netns).
	Forward []spec.PortMapping `json:"forward,omitempty"`

	// Addresses of the pod's interface; those of pasta are known only when it runs.
	IPs []netip.Addr `json:"ips,omitempty"`
	// Servers are addresses at which the process answers for the host's name server,
	// Hosts those by which the pod reaches its host.
	Servers []netip.Addr `json:"servers,omitempty"`
	Hosts   []netip.Addr `json:"hosts,omitempty"`
	// MapsGateway: the pod's gateway is its host, too.
	MapsGateway bool `json:"mapsGateway,omitempty"`
	// Tapless: there is no interface but loopback.
	Tapless bool `json:"tapless,omitempty"`
}

// Host is the address by which the pod reaches its host; "" if the process has none
// for that.
func (u UserModeLease) Host() string {
	if len(u.Hosts) == 0 {
		return ""
	}
	return u.Hosts[0].String()
}

// servers are the addresses of name servers that the pod can ask: those of a family
// that it has an address of.
func (u UserModeLease) servers() []string {
	var servers []string
	for _, s := range u.Servers {
		if slices.ContainsFunc(u.IPs, func(ip netip.Addr) bool { return ip.Is4() == s.Is4() }) {
			servers = append(servers, s.String())
		}
	}
	return servers
}

// planUserMode says how a pod's network stack is to be started.
func (m *Manager) planUserMode(ctx context.Context, pod Pod) (*UserModeLease, error) {
	name := pod.UserMode.Program
	fail := func(err error) (*UserModeLease, error) { return nil, fmt.Errorf("network %s: %w", name, err) }
	if err := checkUserModePorts(pod); err != nil {
		return fail(err)
	}
	given, err := pod.UserMode.Parse()
	if err != nil {
		return fail(fmt.Errorf("%w: %w", spec.ErrConfig, err))
	}
	usual, err := m.usualOptions(name)
	if err != nil {
		return fail(err)
	}
	path, err := m.userModeProgram(name)
	if err != nil {
		return fail(err)
	}
	options := slices.Concat(usual, given)
	u := &UserModeLease{Program: name, Path: path}
	if name == spec.Slirp4netns {
		planSlirp(u, options, pod)
		return u, nil
	}
	if err := m.planPasta(ctx, u, options, pod); err != nil {
		return fail(err)
	}
	return u, nil
}

// usualOptions are those that containers.conf(5) has for every pod.
func (m *Manager) usualOptions(program string) ([]spec.UserModeOption, error) {
	words, key := m.pastaOptions, "pasta_options"
	if program == spec.Slirp4netns {
		words, key = m.slirpOptions, "network_cmd_options"
	}
	options, err := spec.UserMode{Program: program, Options: words}.Parse()
	if err != nil {
		return nil, fmt.Errorf("%w: %s of containers.conf: %w", spec.ErrConfig, key, err)
	}
	return options, nil
}

func (m *Manager) userModeProgram(name string) (string, error) {
	if name == spec.Slirp4netns && m.slirpPath != "" {
		return m.slirpPath, nil
	}
	return hostexec.Find(name, m.helperDirs)
}

// checkUserModePorts refuses ports that the process cannot publish.
func checkUserModePorts(pod Pod) error {
	var errs []error
	for _, p := range pod.Ports {
		ip, err := netip.ParseAddr(strings.Trim(p.HostIP, "[]"))
		switch {
		case protocolOf(p) != "tcp" && protocolOf(p) != "udp":
			errs = append(errs, fmt.Errorf("%w: port %d/%s cannot be published: only tcp and udp can", spec.ErrConfig, p.ContainerPort, p.Protocol))
		case pod.UserMode.Program == spec.Slirp4netns && err == nil && ip.Is6():
			errs = append(errs, fmt.Errorf("%w: port %d cannot be published on %s: it publishes on IPv4 addresses only", spec.ErrConfig, p.ContainerPort, ip))
		}
	}
	return errors.Join(errs...)
}

// SetupUserMode has the process run that is a pod's network stack, and returns the
// lease with what was observed then. One that runs already is success. Nobody may
// hold the pod's ports on the host: the process binds them itself.
func (m *Manager) SetupUserMode(ctx context.Context, pod Pod, lease Lease) (Lease, error) {
	u := *lease.UserMode
	fail := func(err error) (Lease, error) {
		return lease, fmt.Errorf("network of pod %s: %w", lease.Key, err)
	}
	if !NamespaceAlive(lease.Namespace) {
		return fail(fmt.Errorf("no network namespace at %s", lease.Namespace))
	}
	running, err := m.userModeRuns(lease)
	if err != nil {
		return fail(err)
	}
	if !running {
		err = m.startUserMode(ctx, lease)
	}
	if err == nil {
		u.IPs, err = m.observeUserMode(lease)
	}
	if err != nil {
		undo, cancel := m.undoContext(ctx)
		defer cancel()
		return fail(errors.Join(err, m.endUserMode(undo, lease.Namespace)))
	}
	if len(u.Hosts) == 0 && u.MapsGateway {
		u.Hosts = gatewaysIn(lease.Namespace)
	}
	lease.UserMode = &u
	return lease, nil
}

// startUserMode starts the process anew.
func (m *Manager) startUserMode(ctx context.Context, lease Lease) error {
	if err := m.endUserMode(ctx, lease.Namespace); err != nil {
		return fmt.Errorf("clear what an earlier set-up left: %w", err)
	}
	if lease.UserMode.Program == spec.Slirp4netns {
		return m.startSlirp(ctx, lease)
	}
	return m.startPasta(ctx, lease)
}

// observeUserMode looks whether the process runs and the pod has an interface, and
// returns the addresses of that, IPv4 first.
func (m *Manager) observeUserMode(lease Lease) ([]netip.Addr, error) {
	p, err := m.findUserMode(lease.Namespace)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, fmt.Errorf("%s ended at once", lease.UserMode.Program)
	}
	defer p.close()
	if err := m.noteUserMode(lease.Namespace, p.pid); err != nil {
		return nil, err
	}
	var ips []netip.Addr
	found := lease.UserMode.Tapless
	err = inNamespace(lease.Namespace, func(h *netlink.Handle) error {
		links, err := h.LinkList()
		if err != nil {
			return fmt.Errorf("list the pod's interfaces: %w", err)
		}
		for _, link := range links {
			if link.Attrs().Flags&net.FlagLoopback != 0 || link.Attrs().RawFlags&unix.IFF_UP == 0 {
				continue
			}
			found = true
			addrs, err := h.AddrList(link, netlink.FAMILY_ALL)
			if err != nil {
				return fmt.Errorf("list the addresses of %s: %w", link.Attrs().Name, err)
			}
			for _, a := range addrs {
				if ip, ok := netip.AddrFromSlice(a.IP); ok && ip.Unmap().IsGlobalUnicast() {
					ips = append(ips, ip.Unmap())
				}
			}
		}
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("%s runs, but made no interface", lease.UserMode.Program)
	}
	slices.SortStableFunc(ips, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	if lease.UserMode.Program == spec.Slirp4netns {
		return lease.UserMode.IPs, err // those of IPv6 come later, and are advertised anew
	}
	return ips, err
}

// gatewaysIn are the gateways of a namespace's default routes, IPv4 first.
func gatewaysIn(namespace string) []netip.Addr {
	var gateways []netip.Addr
	_ = inNamespace(namespace, func(h *netlink.Handle) error { // one that just ended has none
		for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
			routes, err := h.RouteList(nil, family)
			if err != nil {
				return err
			}
			for _, r := range routes {
				if ip, ok := netip.AddrFromSlice(r.Gw); ok && (r.Dst == nil || r.Dst.IP.IsUnspecified()) {
					gateways = append(gateways, ip.Unmap())
				}
			}
		}
		return nil
	})
	return gateways
}

// userModeRuns reports whether the process of a lease runs.
func (m *Manager) userModeRuns(lease Lease) (bool, error) {
	p, err := m.findUserMode(lease.Namespace)
	if p == nil || err != nil {
		return false, err
	}
	p.close()
	return true, nil
}

// healUserMode starts a process again that ended. Open connections are lost.
func (m *Manager) healUserMode(ctx context.Context, lease Lease) error {
	if runs, err := m.userModeRuns(lease); runs || err != nil {
		return err
	}
	_, err := m.SetupUserMode(ctx, Pod{}, lease)
	return err
}
