package option

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"berth/engine/spec"
	"berth/translate"
)

// network is the network of a container that stands alone, or of a pod.
type network struct {
	networks, aliases, publish, expose, dns, dnsSearch, dnsOptions, hosts []string
	ip, ip6, mac, hostname, domain, hostsFile                             string
	publishAll, noHosts, noHostname                                       bool
}

func (n *network) shared(f *pflag.FlagSet) {
	f.StringArrayVar(&n.networks, "network", nil, "join a `network`: bridge, host, none, container:NAME, ns:PATH, pasta, slirp4netns, or a name, with :ip=…,mac=…,alias=…")
	f.StringSliceVar(&n.aliases, "network-alias", nil, "further `name` on the networks")
	f.StringVar(&n.ip, "ip", "", "static IPv4 `address`")
	f.StringVar(&n.ip6, "ip6", "", "static IPv6 `address`")
	f.StringVar(&n.mac, "mac-address", "", "static MAC `address`")
	f.StringSliceVarP(&n.publish, "publish", "p", nil, "publish a `port`: [[ip:][hostPort]:]containerPort[/protocol]")
	f.StringSliceVar(&n.dns, "dns", nil, "ask this `server` for names; none: leave the image's /etc/resolv.conf alone")
	f.StringSliceVar(&n.dnsSearch, "dns-search", nil, "complete names with this `domain`; . for none")
	f.StringSliceVar(&n.dnsOptions, "dns-option", nil, "`option` of /etc/resolv.conf, such as ndots:2")
	f.StringSliceVar(&n.hosts, "add-host", nil, "add a line to /etc/hosts (`name[;name…]:ip`); host-gateway is the host's address")
	f.StringVar(&n.hostsFile, "hosts-file", "", "begin /etc/hosts with this `file`; image: the image's, none: nothing")
	f.BoolVar(&n.noHosts, "no-hosts", false, "leave the image's /etc/hosts alone")
	f.StringVarP(&n.hostname, "hostname", "h", "", "`hostname` (default: the ID's first twelve digits)")
	f.StringVar(&n.domain, "domainname", "", "`domain` that getdomainname(2) says")
	f.BoolVar(&n.noHostname, "no-hostname", false, "leave the image's /etc/hostname alone")
}

// register adds what only a container has, too.
func (n *network) register(f *pflag.FlagSet) {
	n.shared(f)
	f.BoolVarP(&n.publishAll, "publish-all", "P", false, "publish every port the image exposes on a free one of the host")
	f.StringSliceVar(&n.expose, "expose", nil, "expose a `port[/protocol]` for --publish-all")
	f.StringSlice("link-local-ip", nil, "cannot be honoured")
	_ = f.MarkHidden("link-local-ip")
}

// ofPod are the flags that say something of the pod, and are refused where it
// is there already.
func (n *network) ofPod() []string {
	return []string{
		"ip", "ip6", "mac-address", "publish", "publish-all", "network-alias", "dns", "dns-search", "dns-option", "add-host", "hosts-file", "no-hosts", "no-hostname",
		"domainname",
	}
}

func (n *network) apply(m *maker) {
	n.exposed(m)
	if m.given("link-local-ip") {
		m.note(errors.New("--link-local-ip cannot be honoured: netavark gives out no such addresses; --ip and --ip6 do"))
	}
	if m.added() {
		n.inPod(m)
		return
	}
	n.join(m)
	n.addresses(m)
	n.ports(m)
	n.names(m)
	n.resolve(m)
}

// inPod is for a container of a pod that is there: it may have a network of its
// own, but not change the pod's.
func (n *network) inPod(m *maker) {
	for _, flag := range n.ofPod() {
		if m.given(flag) {
			m.note(fmt.Errorf("--%s is for the pod, not for one of its containers: give it to pod create", flag))
		}
	}
	for _, s := range n.networks {
		join, ok := m.join("network", s)
		switch {
		case ok:
			m.hand.Namespaces.Net = join
		case s == "host":
			m.hand.Namespaces.Net.Host = true
		case s == "none":
			m.hand.Namespaces.Net.Private = true
		case s == "pod":
		default:
			m.failf("network", s, "the pod's networks are those of its containers: give it to pod create, or none, host, container:NAME")
		}
	}
	if uts, err := m.flags.GetString("uts"); m.given("hostname") && (err != nil || uts != "private") {
		m.note(errors.New("--hostname is for the pod, whose name its containers share: give it to pod create, or add --uts private"))
	} else if m.given("hostname") {
		m.hand.Hostname = n.hostname
		m.noteFlag("hostname", n.hostname, checkOwnHostname(n.hostname))
	}
}

// join says which networks there are, or whose.
func (n *network) join(m *maker) {
	var rest []string
	for _, s := range n.networks {
		if join, ok := m.join("network", s); ok {
			m.pod.Join.Net = join
			continue
		}
		rest = append(rest, s)
	}
	if m.pod.Join.Net != (spec.Join{}) {
		if len(n.networks) > 1 {
			m.note(fmt.Errorf("--network %s cannot be combined with other networks", n.networks[0]))
		}
		return
	}
	networks, err := ParseNetworks(rest)
	m.note(err)
	m.pod.HostNet = networks.Mode == translate.NetworkHost
	m.pod.Networks, m.pod.UserMode = networks.Joined, networks.UserMode
	if err == nil && networks.Mode == translate.NetworkBridge && m.pod.Isolated() {
		m.pod.Networks = []spec.NetworkAttachment{{Network: translate.DefaultNetwork}}
	}
}

func (n *network) addresses(m *maker) {
	var want spec.NetworkAttachment
	for _, given := range []struct{ flag, value, kind string }{{"ip", n.ip, "IPv4"}, {"ip6", n.ip6, "IPv6"}} {
		if given.value == "" {
			continue
		}
		ip, err := netip.ParseAddr(given.value)
		if err != nil || ip.Is4() != (given.kind == "IPv4") {
			m.failf(given.flag, given.value, "not an %s address", given.kind)
			continue
		}
		want.IPs = append(want.IPs, ip.String())
	}
	slices.Sort(want.IPs)
	if n.mac != "" {
		macs, err := parseMACs([]string{n.mac})
		m.note(err)
		want.MAC = strings.Join(macs, "")
	}
	given := len(want.IPs) > 0 || want.MAC != ""
	list := m.pod.Networks
	switch {
	case len(list) == 1:
		list[0].IPs = append(list[0].IPs, want.IPs...)
		if want.MAC != "" && list[0].MAC != "" {
			m.failf("mac-address", n.mac, "--network gives another one: drop one of them")
		}
		if want.MAC != "" {
			list[0].MAC = want.MAC
		}
	case given && len(list) > 1:
		m.note(errors.New("--ip, --ip6 and --mac-address do not say which of several networks they are for: write --network name:ip=…,mac=…"))
	case given:
		m.note(errors.New("--ip, --ip6 and --mac-address are for a network of ours: drop them, or give --network another value"))
	}
	for _, name := range n.aliases {
		m.noteFlag("network-alias", name, checkHostname(name))
		for i := range list {
			list[i].Aliases = append(list[i].Aliases, name)
		}
	}
	if len(n.aliases) > 0 && len(list) == 0 {
		m.note(errors.New("--network-alias is a name on a network of ours: drop it, or give --network another value"))
	}
}

// exposed notes which ports the container exposes.
func (n *network) exposed(m *maker) {
	for _, s := range n.expose {
		ports, err := ParsePublish(s)
		switch {
		case strings.Contains(s, ":"):
			m.failf("expose", s, "write port[/protocol], or from-to[/protocol]")
		case err != nil:
			m.note(errors.New(strings.Replace(err.Error(), "--publish", "--expose", 1)))
		}
		for _, p := range ports {
			m.hand.Expose = append(m.hand.Expose, fmt.Sprintf("%d/%s", p.ContainerPort, p.Protocol))
		}
	}
}

func (n *network) ports(m *maker) {
	for _, s := range n.publish {
		ports, err := ParsePublish(s)
		m.note(err)
		m.noteFlag("publish", s, m.publish(ports))
	}
	m.hand.PublishAll = n.publishAll
	if len(n.publish) == 0 && !n.publishAll {
		return
	}
	switch {
	case m.pod.Join.Net.Container != nil:
		m.note(errors.New("--publish and --publish-all cannot be honoured with --network container: the ports are those of the other container"))
	case m.pod.Join.Net.Path != "":
		m.note(errors.New("--publish and --publish-all cannot be honoured with --network ns: the network is another's: drop them, or give --network another value"))
	case m.pod.HostNet: // podman throws them away, and says so
		m.pod.Ports, m.hand.PublishAll = nil, false
		m.made.Warnings = append(m.made.Warnings, "the ports of --publish are those of the host already: --network host has no others")
	case m.pod.Isolated():
		m.note(errors.New("--publish and --publish-all cannot be honoured without a network of ours: give --network another value"))
	}
}

// publish adds ports. One that is published already in the same words adds nothing.
func (m *maker) publish(ports []spec.PortMapping) error {
	for _, p := range ports {
		if slices.Contains(m.pod.Ports, p) && p.HostPort != 0 {
			continue
		}
		if slices.ContainsFunc(m.pod.Ports, func(o spec.PortMapping) bool { return samePort(o, p) }) {
			return fmt.Errorf("port %d/%s of the host is published already: give another one", p.HostPort, p.Protocol)
		}
		m.pod.Ports = append(m.pod.Ports, p)
	}
	return nil
}

// samePort reports whether two mappings take the same port of the host.
func samePort(a, b spec.PortMapping) bool {
	if a.HostPort == 0 || a.HostPort != b.HostPort || a.Protocol != b.Protocol {
		return false
	}
	x, y := listening(a), listening(b)
	return x == y || x.Is4() == y.Is4() && (x.IsUnspecified() || y.IsUnspecified())
}

// listening is the address that a port is published on.
func listening(p spec.PortMapping) netip.Addr {
	if ip, err := netip.ParseAddr(p.HostIP); err == nil {
		return ip
	}
	return netip.IPv4Unspecified()
}

// names are hostname and /etc/hosts.
func (n *network) names(m *maker) {
	p := m.pod
	if n.hostname != "" {
		m.noteFlag("hostname", n.hostname, checkOwnHostname(n.hostname))
	}
	if n.domain != "" {
		m.noteFlag("domainname", n.domain, checkOwnHostname(n.domain))
	}
	p.Domainname = n.domain
	p.Hostname, p.NoHostname, p.NoHosts = n.hostname, n.noHostname, n.noHosts
	for _, s := range n.hosts {
		alias, err := parseHost(s)
		m.noteFlag("add-host", s, err)
		p.Hosts = append(p.Hosts, alias)
	}
	if n.noHosts && len(n.hosts) > 0 {
		m.note(errors.New("--add-host cannot be honoured with --no-hosts: drop one of them"))
	}
	if n.noHosts && n.hostsFile != "" {
		m.note(errors.New("--hosts-file cannot be honoured with --no-hosts: drop one of them"))
	}
	if c := p.Join.Net.Container; c != nil && len(n.hosts) > 0 {
		m.note(errors.New("--add-host cannot be honoured with --network container: /etc/hosts is that of the other container"))
	}
	p.HostsFile = n.hostsFile
	if n.hostsFile != "" && n.hostsFile != "image" && n.hostsFile != "none" {
		p.HostsFile = m.host.Abs(n.hostsFile)
	}
}

// parseHost reads name[;name…]:ip.
func parseHost(s string) (spec.HostAlias, error) {
	names, ip, ok := strings.Cut(s, ":")
	if !ok || names == "" || ip == "" {
		return spec.HostAlias{}, errors.New("write name:ip, or name:host-gateway")
	}
	alias := spec.HostAlias{IP: ip, Names: strings.Split(names, ";")}
	for _, name := range alias.Names {
		if err := checkHostname(name); err != nil {
			return alias, err
		}
	}
	if ip == spec.HostGateway {
		return alias, nil
	}
	addr, err := netip.ParseAddr(strings.Trim(ip, "[]"))
	if err != nil {
		return alias, fmt.Errorf("%q is not an IP address", ip)
	}
	alias.IP = addr.String()
	return alias, nil
}

func checkHostname(name string) error {
	if name == "" || len(name) > 253 || strings.ContainsAny(name, " \t\n/\\:;#\x00") {
		return fmt.Errorf("%q is not a hostname", name)
	}
	return nil
}

// checkOwnHostname is for names that sethostname(2) is to take.
func checkOwnHostname(name string) error {
	if len(name) > 64 {
		return fmt.Errorf("it has %d bytes, and a hostname at most 64", len(name))
	}
	return checkHostname(name)
}

// usualResolver takes containers.conf's servers where no flag names any, and its
// domains and options after those of flags: of two options of a name the first counts.
func (n *network) usualResolver(m *maker) {
	if slices.Contains(n.dns, "none") {
		return
	}
	if !m.given("dns") && len(m.conf["dns_servers"]) > 0 {
		n.dns, m.filled["dns"] = m.conf["dns_servers"], "dns_servers"
	}
	if slices.Contains(n.dns, "none") {
		if m.given("dns-search") || m.given("dns-option") {
			n.dns = nil // the flags ask for a file of ours
		}
		return
	}
	if !slices.Contains(n.dnsSearch, ".") {
		n.dnsSearch = slices.Concat(n.dnsSearch, m.conf["dns_searches"])
	}
	n.dnsOptions = slices.Concat(n.dnsOptions, m.conf["dns_options"])
	m.filled["dns-search"], m.filled["dns-option"] = "dns_searches", "dns_options"
}

// resolve is /etc/resolv.conf.
func (n *network) resolve(m *maker) {
	d := &m.pod.DNS
	none := m.pod.Isolated()
	if !none && m.pod.Join.Net.Container == nil {
		n.usualResolver(m)
	}
	for _, s := range n.dns {
		if s == "none" {
			d.Mode = spec.DNSImage
			continue
		}
		ip, err := netip.ParseAddr(s)
		if err != nil || ip.Zone() != "" {
			m.failf("dns", s, "not an IP address, or none")
			continue
		}
		d.Servers = append(d.Servers, ip.String())
	}
	for _, s := range n.dnsSearch {
		if s == "" || len(s) > 253 || strings.ContainsAny(s, " \t\n") {
			m.failf("dns-search", s, "not a domain")
		}
	}
	if slices.Contains(n.dnsSearch, ".") && len(n.dnsSearch) > 1 {
		m.failf("dns-search", ".", "it is for no domains: drop it, or the others")
	}
	for _, s := range n.dnsOptions {
		if s == "" || strings.ContainsAny(s, " \t\n") {
			m.failf("dns-option", s, "not an option such as ndots:2")
		}
	}
	d.Searches, d.Options = n.dnsSearch, n.dnsOptions
	asked := len(n.dns)+len(n.dnsSearch)+len(n.dnsOptions) > 0
	if d.Mode == spec.DNSImage && len(n.dns)+len(n.dnsSearch)+len(n.dnsOptions) > 1 {
		m.note(errors.New("--dns none leaves /etc/resolv.conf alone: drop the other --dns flags"))
	}
	if asked && m.pod.Join.Net.Container != nil {
		m.note(errors.New("--dns, --dns-option and --dns-search cannot be honoured with --network container: /etc/resolv.conf is that of the other container"))
	}
	if asked && none && slices.Contains(n.networks, "none") {
		m.note(errors.New("--dns, --dns-option and --dns-search say nothing with --network none: drop them"))
	}
}
