package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"berth/engine/spec"
)

// LabelMap prints as "a=1,b=2" and can still be indexed in templates.
type LabelMap map[string]string

// String is "a=1,b=2", sorted.
func (m LabelMap) String() string {
	parts := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, k+"="+m[k])
	}
	return strings.Join(parts, ",")
}

// PortsText is a list of ports as ps shows it, neighbours drawn together:
// "0.0.0.0:8080->80/tcp, 0.0.0.0:9000-9003->9000-9003/tcp".
func PortsText(ports []Port) string {
	parts := make([]string, len(ports))
	for i, p := range ports {
		host, more := p.HostIP, p.Range-1
		if host == "" {
			host = "0.0.0.0"
		}
		if more > 0 {
			parts[i] = fmt.Sprintf("%s:%d-%d->%d-%d/%s", host, p.HostPort, p.HostPort+more, p.ContainerPort, p.ContainerPort+more, p.Protocol)
		} else {
			parts[i] = fmt.Sprintf("%s:%d->%d/%s", host, p.HostPort, p.ContainerPort, p.Protocol)
		}
	}
	return strings.Join(parts, ", ")
}

// ports joins published ports that follow one another into ranges.
func ports(p *spec.PodStatus) []Port {
	mappings := p.Ports
	if len(mappings) == 0 && p.Sandbox != spec.SandboxReady {
		mappings = p.Pod.Ports
	}
	list := []Port{}
	for _, m := range mappings {
		if n := len(list); n > 0 {
			l := &list[n-1]
			if l.HostIP == m.HostIP && l.Protocol == m.Protocol && l.HostPort+l.Range == m.HostPort && l.ContainerPort+l.Range == m.ContainerPort {
				l.Range++
				continue
			}
		}
		list = append(list, Port{HostIP: m.HostIP, HostPort: m.HostPort, ContainerPort: m.ContainerPort, Protocol: m.Protocol, Range: 1})
	}
	return list
}

func networks(p *spec.PodStatus) []string {
	if p.Pod.HostNet {
		return []string{"host"}
	}
	if p.Pod.UserMode != nil {
		return []string{p.Pod.UserMode.Program}
	}
	return p.Networks()
}
