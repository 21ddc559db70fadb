package network

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"berth/engine/spec"
	"berth/internal/atomicfile"
)

// Update adds and drops name servers of a network, which are asked for what is no
// pod's name. It holds at once, also for pods that are attached.
func (m *Manager) Update(ctx context.Context, name string, add, drop []string) (Network, error) {
	unlock, err := lockFile(ctx, m.configDir, exclusive)
	if err != nil {
		return Network{}, fmt.Errorf("network %q: %w", name, err)
	}
	defer unlock()
	n, err := m.Inspect(ctx, name)
	if err != nil {
		return Network{}, err
	}
	before := n.DNSServers
	if n.DNSServers, err = changeServers(before, add, drop); err != nil {
		return Network{}, fmt.Errorf("network %q: %w", name, err)
	}
	if !n.servesNames() {
		return Network{}, fmt.Errorf("network %q: %w: it has no name server, so it asks no others", name, spec.ErrConfig)
	}
	if err := atomicfile.WriteJSON(m.path(name), storedAs(n), 0o644); err != nil {
		return Network{}, fmt.Errorf("network %q: %w", name, err)
	}
	err = m.editNames(ctx, func() (bool, error) {
		return m.editFile(m.namesPath(n), func(f namesFile) namesFile { return f.asking(before, n.DNSServers) })
	})
	if err != nil {
		return Network{}, fmt.Errorf("network %q: %w", name, err)
	}
	return n, nil
}

// changeServers drops servers, of which some may be gone already, then adds those
// that are not there.
func changeServers(have, add, drop []string) ([]string, error) {
	list := slices.Clone(have)
	for _, s := range drop {
		ip, err := netip.ParseAddr(s)
		if err != nil {
			return nil, fmt.Errorf("%w: DNS server %q is not an address", spec.ErrConfig, s)
		}
		list = slices.DeleteFunc(list, func(have string) bool { return have == ip.String() })
	}
	for _, s := range add {
		ip, err := netip.ParseAddr(s)
		if err != nil {
			return nil, fmt.Errorf("%w: DNS server %q is not an address", spec.ErrConfig, s)
		}
		if !slices.Contains(list, ip.String()) {
			list = append(list, ip.String())
		}
	}
	return list, nil
}

// asking is the file with other name servers for all pods but those that have
// some of their own.
func (f namesFile) asking(before, servers []string) namesFile {
	out := namesFile{header: f.header}
	for _, line := range f.lines {
		fields := strings.Split(line, " ")
		if len(fields) > namesFields && fields[namesFields] != strings.Join(before, ",") {
			out.lines = append(out.lines, line)
			continue
		}
		fields = fields[:min(len(fields), namesFields)]
		if len(servers) > 0 {
			fields = append(fields, strings.Join(servers, ","))
		}
		out.lines = append(out.lines, strings.Join(fields, " "))
	}
	return out
}

// updated is a pod's place on a network with the name servers that the network
// has by now.
func (m *Manager) updated(ctx context.Context, n NetworkLease) NetworkLease {
	if now, err := m.Inspect(ctx, n.Network.Name); err == nil {
		n.Network.DNSServers = now.DNSServers
	}
	return n
}
