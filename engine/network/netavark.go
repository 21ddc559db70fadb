package network

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"berth/engine/spec"
	"berth/internal/hostexec"
)

// tool is a helper whose version was asked for.
type tool struct {
	path, version string
	firewall      string // the driver netavark is told to use
	options       string // what pasta says of those it knows
	changed       int64  // when the file was last changed, to notice an upgrade
}

// Names of netavark's firewall drivers, as NETAVARK_FW takes them.
const (
	firewallIptables = "iptables"
	firewallNftables = "nftables"
)

// Backend is the netavark in use: its path and version.
func (m *Manager) Backend(ctx context.Context) (path, version string, err error) {
	t, err := m.netavark(ctx)
	return t.path, t.version, err
}

// netavark finds netavark and asks its version, once for each file it finds.
func (m *Manager) netavark(ctx context.Context) (tool, error) {
	path, err := hostexec.Find("netavark", m.helperDirs)
	if err != nil {
		return tool{}, fmt.Errorf("pod networks need netavark: %w", err)
	}
	return m.ask(ctx, path, func(ctx context.Context) (tool, error) {
		t, err := m.askVersion(ctx, path)
		if err != nil {
			return tool{}, fmt.Errorf("ask netavark's version: %w", err)
		}
		return t, nil
	})
}

// ask has a helper asked about itself, once for each file.
func (m *Manager) ask(ctx context.Context, path string, ask func(context.Context) (tool, error)) (tool, error) {
	info, err := os.Stat(path)
	if err != nil {
		return tool{}, fmt.Errorf("find %s: %w", path, err)
	}
	m.mu.Lock()
	known, ok := m.tools[path]
	m.mu.Unlock()
	if ok && known.changed == info.ModTime().UnixNano() {
		return known, nil
	}
	// Many pods start at once; whoever gives up must not spoil it for the others.
	asked := m.asking.DoChan(path, func() (any, error) {
		t, err := ask(context.WithoutCancel(ctx))
		if err != nil {
			return tool{}, err
		}
		t.changed = info.ModTime().UnixNano()
		m.mu.Lock()
		m.tools[path] = t
		m.mu.Unlock()
		return t, nil
	})
	select {
	case answer := <-asked:
		t, _ := answer.Val.(tool)
		return t, answer.Err
	case <-ctx.Done():
		return tool{}, ctx.Err()
	}
}

func (m *Manager) askVersion(ctx context.Context, path string) (tool, error) {
	out, err := hostexec.Run(ctx, hostexec.Cmd{Path: path, Args: []string{"version"}, Timeout: m.helperTimeout})
	if err != nil {
		return tool{}, err
	}
	t, err := parseVersion(out)
	t.path, t.firewall = path, cmp.Or(m.driver, t.firewall)
	return t, err
}

// parseVersion reads what "netavark version" prints. Versions before 1.11 do
// not say which firewall driver they prefer: it is iptables.
func parseVersion(out []byte) (tool, error) {
	var v struct {
		Version  string `json:"version"`
		Firewall string `json:"default_fw_driver"`
	}
	if err := json.Unmarshal(out, &v); err != nil {
		return tool{}, fmt.Errorf("read %q: %w", out, err)
	}
	if _, err := majorOf(v.Version); err != nil {
		return tool{}, err
	}
	if v.Firewall == "" {
		v.Firewall = firewallIptables
	}
	return tool{version: v.Version, firewall: v.Firewall}, nil
}

func majorOf(version string) (int, error) {
	major, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(major)
	if err != nil {
		return 0, fmt.Errorf("version %q of netavark is not a version", version)
	}
	return n, nil
}

// supports refuses what this version of netavark does not have, and what we
// cannot do with it.
func (t tool) supports(l NetworkLease) error {
	n := l.Network
	if err := t.drives(t.firewall); err != nil {
		return err
	}
	if n.Driver == DriverIPvlan && t.before(5) {
		return fmt.Errorf("%w: network %q is an ipvlan, which netavark %s cannot make: it takes 1.5", spec.ErrConfig, n.Name, t.version)
	}
	if l.HostName != "" && t.before(14) {
		return fmt.Errorf("%w: netavark %s cannot name the host's end of an interface %q: it takes 1.14", spec.ErrConfig, t.version, l.HostName)
	}
	return nil
}

// drives refuses a firewall driver that this version does not have: nftables is
// there since 1.10, iptables until 2.0.
func (t tool) drives(driver string) error {
	major, err := majorOf(t.version)
	switch {
	case err != nil:
		return err
	case driver != firewallIptables && driver != firewallNftables:
		return fmt.Errorf("%w: firewall driver %q: set firewall_driver in the table [network] of containers.conf to iptables or nftables", spec.ErrConfig, driver)
	case driver == firewallNftables && t.before(10), driver == firewallIptables && major >= 2:
		return fmt.Errorf("%w: firewall driver %s, which netavark %s does not have", spec.ErrConfig, driver, t.version)
	}
	return nil
}

// before reports whether the version is older than 1.minor.
func (t tool) before(minor int) bool {
	rest, ok := strings.CutPrefix(t.version, "1.")
	first, _, _ := strings.Cut(rest, ".")
	v, err := strconv.Atoi(first)
	return ok && err == nil && v < minor
}

// request is what netavark reads on its standard input.
type request struct {
	ContainerID   string             `json:"container_id"`
	ContainerName string             `json:"container_name"`
	Hostname      string             `json:"container_hostname,omitempty"`
	Ports         []requestPort      `json:"port_mappings,omitempty"`
	Networks      any                `json:"networks"` // 1.x: map by name; 2.x: list
	Info          map[string]Network `json:"network_info"`
}

type requestNetwork struct {
	Name      string       `json:"name,omitempty"` // 2.x only
	IPs       []netip.Addr `json:"static_ips"`
	MAC       string       `json:"static_mac,omitempty"`
	Aliases   []string     `json:"aliases,omitempty"`
	Interface string       `json:"interface_name"`

	Options map[string]string `json:"options,omitempty"` // since 1.14
}

type requestPort struct {
	HostIP        string `json:"host_ip"`
	ContainerPort uint16 `json:"container_port"`
	HostPort      uint16 `json:"host_port"`
	Range         uint16 `json:"range"`
	Protocol      string `json:"protocol"`
}

// requestFor puts a lease into the words of one version of netavark. Up to 1.x
// "networks" is a map, from 2.0 on a list, which says the order too
// (containers/netavark#1369).
func (m *Manager) requestFor(version string, lease Lease) ([]byte, error) {
	major, err := majorOf(version)
	if err != nil {
		return nil, err
	}
	req := request{
		ContainerID: string(lease.Pod), ContainerName: lease.Key.Namespace + "_" + lease.Key.Name,
		Hostname: lease.Key.Name, Info: map[string]Network{},
	}
	list, byName := []requestNetwork{}, map[string]requestNetwork{}
	for _, n := range lease.Networks {
		info := n.Network
		info.Name, info.Labels = m.hostName(n.Network.Name), nil
		req.Info[info.Name] = info
		r := requestNetwork{IPs: n.IPs, MAC: n.MAC, Aliases: lease.namesOn(n), Interface: n.Interface}
		if n.HostName != "" {
			r.Options = map[string]string{"host_interface_name": n.HostName}
		}
		byName[info.Name] = r
		r.Name = info.Name
		list = append(list, r)
	}
	req.Networks = byName
	if major >= 2 {
		req.Networks = list
	}
	for _, p := range lease.Ports {
		req.Ports = append(req.Ports, requestPort{
			HostIP: hostIPFor(p, lease), ContainerPort: p.ContainerPort, HostPort: p.HostPort, Range: 1, Protocol: protocolOf(p),
		})
	}
	return json.Marshal(req)
}

// withoutDNS is a lease as a tear-down is told of it: of networks that serve
// names, newer versions of netavark look for aardvark-dns's files, which are not
// where they look, and fail. The firewall rule that lets pods ask for names is
// then ours to remove, with the network's last pod.
func (l Lease) withoutDNS() Lease {
	l.Networks = slices.Clone(l.Networks)
	for i := range l.Networks {
		l.Networks[i].Network.DNS = false
	}
	return l
}

// hostIPFor is the host address netavark is told. 1.4 takes 0.0.0.0 and :: for
// addresses like any other, so where they say nothing, because the pod has
// addresses of that family only, they are left out.
func hostIPFor(p spec.PortMapping, lease Lease) string {
	host, err := netip.ParseAddr(p.HostIP)
	if err != nil || !host.IsUnspecified() {
		return p.HostIP
	}
	for _, n := range lease.Networks {
		for _, ip := range n.IPs {
			if ip.Is6() != host.Is6() {
				return p.HostIP
			}
		}
	}
	return ""
}

func protocolOf(p spec.PortMapping) string {
	if p.Protocol == "" {
		return "tcp"
	}
	return p.Protocol
}

// runNetavark has netavark do its part for a lease in the namespace at path.
func (m *Manager) runNetavark(ctx context.Context, t *turn, verb, namespace string, pod Pod, lease Lease) error {
	nv, err := m.netavark(ctx)
	if err != nil {
		return err
	}
	if verb == "teardown" {
		lease = lease.withoutDNS()
	}
	input, err := m.requestFor(nv.version, lease)
	if err != nil {
		return fmt.Errorf("netavark %s: %w", verb, err)
	}
	dir, err := m.makeRunDir("netavark", "config")
	if err != nil {
		return err
	}
	var stdout bytes.Buffer
	_, err = hostexec.Run(ctx, hostexec.Cmd{
		Path: nv.path,
		// Without the path of aardvark-dns netavark leaves DNS alone (doc.go).
		Args:       []string{"--config", dir, "--aardvark-binary=", verb, namespace},
		Env:        append(os.Environ(), "NETAVARK_FW="+lease.Firewall),
		Stdin:      bytes.NewReader(input),
		Stdout:     &stdout,
		ExtraFiles: append([]*os.File{t.file}, pod.Locks...),
		Timeout:    m.helperTimeout,
	})
	if err == nil {
		return nil
	}
	// It prints its error as JSON on standard output.
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(stdout.Bytes(), &said) == nil && said.Error != "" {
		return fmt.Errorf("netavark %s: %s: %w", verb, said.Error, err)
	}
	return fmt.Errorf("netavark %s: %w", verb, err)
}
