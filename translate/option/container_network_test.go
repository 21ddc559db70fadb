package option

import "berth/engine/spec"

func networkGood() []good {
	on := func(list ...spec.NetworkAttachment) edit {
		return func(m *Made, _ *spec.Container, _ *spec.ByHand) { m.Pod.Networks = list }
	}
	pod := func(change func(p *spec.Pod)) edit {
		return func(m *Made, _ *spec.Container, _ *spec.ByHand) { change(m.Pod) }
	}
	return []good{
		{"--network lan --net wan:alias=w img", on(spec.NetworkAttachment{Network: "lan"}, spec.NetworkAttachment{Network: "wan", Aliases: []string{"w"}})},
		{"--network lan,wan img", on(spec.NetworkAttachment{Network: "lan"}, spec.NetworkAttachment{Network: "wan"})},
		{"--network lan:host_interface_name=v0,interface_name=e0 img", on(spec.NetworkAttachment{Network: "lan", Name: "e0", HostName: "v0"})},
		{"--network host img", pod(func(p *spec.Pod) { p.Networks, p.HostNet = nil, true })},
		{"--network none img", pod(func(p *spec.Pod) { p.Networks = nil })},
		{"--network container:db img", pod(func(p *spec.Pod) {
			p.Networks, p.Join.Net.Container = nil, &spec.ContainerRef{Pod: "id-of-db", Name: "db"}
		})},
		{"--network ns:/run/netns/x img", pod(func(p *spec.Pod) { p.Networks, p.Join.Net.Path = nil, "/run/netns/x" })},
		{"--ip 10.0.0.9 --ip6 fd00::9 --mac-address 92:D0:C6:0A:29:33 --network-alias a,b img", on(spec.NetworkAttachment{
			Network: "berth", IPs: []string{"10.0.0.9", "fd00::9"}, MAC: "92:d0:c6:0a:29:33", Aliases: []string{"a", "b"},
		})},
		{"--publish 8080:80,53/udp --publish [::1]:443:443 img", pod(func(p *spec.Pod) {
			p.Ports = []spec.PortMapping{
				{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}, {ContainerPort: 53, Protocol: "udp"}, {HostIP: "::1", HostPort: 443, ContainerPort: 443, Protocol: "tcp"},
			}
		})},
		{"-p 8080:80 -p 8080:80 -p 80 -p 80 -p 8080:80/udp -p 127.0.0.1:81:80 -p 127.0.0.2:81:80 img", pod(func(p *spec.Pod) {
			p.Ports = []spec.PortMapping{
				{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}, {ContainerPort: 80, Protocol: "tcp"}, {ContainerPort: 80, Protocol: "tcp"},
				{HostPort: 8080, ContainerPort: 80, Protocol: "udp"}, {HostIP: "127.0.0.1", HostPort: 81, ContainerPort: 80, Protocol: "tcp"},
				{HostIP: "127.0.0.2", HostPort: 81, ContainerPort: 80, Protocol: "tcp"},
			}
		})},
		{"--publish-all --expose 80-81 --expose 53/udp img", func(_ *Made, _ *spec.Container, h *spec.ByHand) {
			h.PublishAll, h.Expose = true, []string{"80/tcp", "81/tcp", "53/udp"}
		}},
		{"--network host -p 80:80 img", func(m *Made, _ *spec.Container, _ *spec.ByHand) {
			m.Pod.Networks, m.Pod.HostNet = nil, true
			m.Warnings = []string{"the ports of --publish are those of the host already: --network host has no others"}
		}},
		{"--dns 1.1.1.1,fd00::1 --dns-search a.example --dns-option ndots:2 --dns-opt edns0 img", pod(func(p *spec.Pod) {
			p.DNS = spec.DNS{Servers: []string{"1.1.1.1", "fd00::1"}, Searches: []string{"a.example"}, Options: []string{"ndots:2", "edns0"}}
		})},
		{"--dns none img", pod(func(p *spec.Pod) { p.DNS.Mode = spec.DNSImage })},
		{"--add-host a;b:10.0.0.1,c:[fd00::1] --add-host d:fd00::2 --add-host gw:host-gateway img", pod(func(p *spec.Pod) {
			p.Hosts = []spec.HostAlias{
				{IP: "10.0.0.1", Names: []string{"a", "b"}}, {IP: "fd00::1", Names: []string{"c"}}, {IP: "fd00::2", Names: []string{"d"}},
				{IP: spec.HostGateway, Names: []string{"gw"}},
			}
		})},
		{"--hosts-file hosts img", pod(func(p *spec.Pod) { p.HostsFile = "/home/me/hosts" })},
		{"--hosts-file image img", pod(func(p *spec.Pod) { p.HostsFile = "image" })},
		{"--no-hosts --no-hostname img", pod(func(p *spec.Pod) { p.NoHosts, p.NoHostname = true, true })},
		{"--hostname web.example --domainname example img", pod(func(p *spec.Pod) { p.Hostname, p.Domainname = "web.example", "example" })},
		{"--pod web --network none img", func(m *Made, _ *spec.Container, h *spec.ByHand) {
			added(m)
			m.Into, h.Namespaces.Net.Private = "web", true
		}},
		{"--network pasta:--map-gw,-m,1500 -p 8080:80 img", func(m *Made, _ *spec.Container, _ *spec.ByHand) {
			m.Pod.Networks, m.Pod.UserMode = nil, &spec.UserMode{Program: spec.Pasta, Options: []string{"--map-gw", "-m", "1500"}}
			m.Pod.Ports = []spec.PortMapping{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}}
		}},
		{"--network slirp4netns img", func(m *Made, _ *spec.Container, _ *spec.ByHand) {
			m.Pod.Networks, m.Pod.UserMode = nil, &spec.UserMode{Program: spec.Slirp4netns}
		}},
		{"--pod web --network container:db --expose 80 img", func(m *Made, _ *spec.Container, h *spec.ByHand) {
			added(m)
			m.Into, h.Expose = "web", []string{"80/tcp"}
			h.Namespaces.Net.Container = &spec.ContainerRef{Pod: "id-of-db", Name: "db"}
		}},
	}
}

func networkBad() bad {
	return bad{
		"-p 8080:80 -p 8080:81 img":                   `--publish "8080:81": port 8080/tcp of the host is published already`,
		"-p 127.0.0.1:8080:80 -p 8079-8081:79-81 img": "port 8080/tcp of the host is published already",
		"-p 80:80 --network ns:/run/netns/x img":      "--publish and --publish-all cannot be honoured with --network ns",
		"--network pasta:mtu=3 img":                   `"mtu=3" is no option of pasta(1)`,
		"--network pasta --network lan img":           "--network pasta cannot be combined",
		"--network pasta --ip 10.0.0.1 img":           "are for a network of ours",
		"--network slirp4netns:mtu=x img":             "option mtu=x of slirp4netns",
		"--network container: img":                    "the name of a container is missing",
		"--network container:gone img":                `--network "container:gone": there is no such container`,
		"--network ns:x img":                          "give the absolute path of a namespace",
		"--network container:db --network lan img":    "cannot be combined",
		"--network lan:ipp=1 img":                     `unknown option "ipp", did you mean "ip"?`,
		"--ip fd00::1 img":                            `--ip "fd00::1": not an IPv4 address`,
		"--ip6 10.0.0.1 img":                          `--ip6 "10.0.0.1": not an IPv6 address`,
		"--mac-address x img":                         `--mac-address "x": not a MAC address`,
		"--mac-address 92:d0:c6:0a:29:33 --network lan:mac=92:d0:c6:0a:29:34 img": "--network gives another one",
		"--network a --network b --ip 10.0.0.1 img":                               "do not say which of several networks",
		"--network none --ip 10.0.0.1 img":                                        "are for a network of ours",
		"--network-alias a/b img":                                                 `"a/b" is not a hostname`,
		"--network host --network-alias a img":                                    "--network-alias is a name on a network of ours",
		"--publish x img":                                                         `--publish "x"`,
		"--network none -p 80:80 img":                                             "without a network of ours",
		"--network container:db -P img":                                           "the ports are those of the other container",
		"--expose 80:80 img":                                                      "write port[/protocol]",
		"--expose x img":                                                          `--expose "x": container port "x" is not a port`,
		"--dns one img":                                                           `--dns "one": not an IP address, or none`,
		"--dns none --dns-search x img":                                           "--dns none leaves /etc/resolv.conf alone",
		"--network none --dns-search x img":                                       "say nothing with --network none",
		"--network container:db --dns-option x img":                               "/etc/resolv.conf is that of the other container",
		"--dns-search a~b img":                                                    `--dns-search "a b": not a domain`,
		"--dns-option a~b img":                                                    `--dns-option "a b": not an option`,
		"--dns fe80::1%eth0 img":                                                  `--dns "fe80::1%eth0": not an IP address`,
		"--dns-search . --dns-search a img":                                       `--dns-search ".": it is for no domains: drop it, or the others`,
		"--userns auto --domainname example img":                                  `--domainname "example": only root of the host may set it`,
		"--uts host --domainname example img":                                     "--domainname cannot be honoured with --uts",
		"--add-host a img":                                                        `--add-host "a": write name:ip`,
		"--add-host a:b img":                                                      `"b" is not an IP address`,
		"--add-host a/b:10.0.0.1 img":                                             `"a/b" is not a hostname`,
		"--no-hosts --add-host a:10.0.0.1 img":                                    "--add-host cannot be honoured with --no-hosts",
		"--no-hosts --hosts-file image img":                                       "--hosts-file cannot be honoured with --no-hosts",
		"--hostname a/b img":                                                      `--hostname "a/b": "a/b" is not a hostname`,
		"--domainname a/b img":                                                    `--domainname "a/b"`,
		"--link-local-ip 169.254.1.1 img":                                         "--link-local-ip cannot be honoured",
		"--pod web --network lan img":                                             "the pod's networks are those of its containers",
		"--pod web --hostname x img":                                              "--hostname is for the pod",
	}
}
