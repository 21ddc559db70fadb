package translate

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"berth/engine/spec"
	"berth/internal/source"
)

// portClaim is a host port that a pod wants and the field that says so.
type portClaim struct {
	spec.PortMapping
	builder *builder
	field   string
}

// ports publishes, in rising order of what wins, a containerPort with
// --publish-all, a hostPort, and --publish.
func (b *builder) ports() {
	switch {
	case len(b.options.Publish) == 0:
	case b.from.HostNetwork:
		b.errorf("spec.hostNetwork", "--publish cannot be honoured for a pod on the host's network: its ports are the host's already")
		return
	case b.options.NetworkMode != NetworkBridge:
		b.errorf("spec", "--publish cannot be honoured with --network %s: drop one of them", b.options.NetworkMode)
		return
	}
	publish := b.replicaPorts()
	used := make([]bool, len(publish))
	for i, c := range b.from.Containers {
		for j, p := range c.Ports {
			field := fmt.Sprintf("spec.containers[%d].ports[%d]", i, j)
			overridden := false
			for k, m := range publish {
				if samePort(p, m) {
					overridden = true
					if !used[k] {
						used[k] = true
						m.Container = c.Name
						b.publish(m, field)
					}
				}
			}
			if !overridden {
				b.publishDeclared(c.Name, p, field)
			}
		}
	}
	for k, m := range publish {
		if !used[k] {
			b.publish(m, "spec.containers")
		}
	}
}

// publishDeclared publishes what the YAML says of a port.
func (b *builder) publishDeclared(container string, p corev1.ContainerPort, field string) {
	m := spec.PortMapping{
		HostIP:        p.HostIP,
		HostPort:      uint16(p.HostPort),
		ContainerPort: uint16(p.ContainerPort),
		Protocol:      protocol(p),
		Container:     container,
	}
	if m.HostPort == 0 && (b.options.PublishAll || b.pod.HostNet) {
		m.HostPort = m.ContainerPort
	}
	if m.HostPort != 0 {
		b.publish(m, field)
	}
}

// publish adds a port. On the host's network nothing is mapped, but the port is
// still taken from all others.
func (b *builder) publish(m spec.PortMapping, field string) {
	if m.HostIP != "" {
		if _, err := netip.ParseAddr(m.HostIP); err != nil {
			b.errorf(field+".hostIP", "%q is not an IP address", m.HostIP)
		}
	}
	if b.pod.HostNet {
		m.HostPort = m.ContainerPort
	} else {
		b.pod.Ports = append(b.pod.Ports, m)
	}
	b.claims = append(b.claims, portClaim{m, b, field})
}

// replicaPorts are the --publish ports of this replica: of the fixed host ports
// given for one container port, each replica gets the one of its ordinal.
func (b *builder) replicaPorts() []spec.PortMapping {
	if b.replicas == 1 {
		return b.options.Publish
	}
	type port struct {
		number   uint16
		protocol string
	}
	var mine []spec.PortMapping
	seen := map[port]int{}
	for _, m := range b.options.Publish {
		key := port{m.ContainerPort, m.Protocol}
		if m.HostPort == 0 || seen[key] == b.pod.Origin.Ordinal {
			mine = append(mine, m)
		}
		if m.HostPort != 0 {
			seen[key]++
		}
	}
	for key, count := range seen {
		if count != b.replicas {
			b.errorf("spec.containers", "--publish gives %d host ports for container port %d/%s of %d replicas: give one for each", count, key.number, key.protocol, b.replicas)
		}
	}
	return mine
}

func samePort(p corev1.ContainerPort, m spec.PortMapping) bool {
	return uint16(p.ContainerPort) == m.ContainerPort && protocol(p) == m.Protocol
}

func protocol(p corev1.ContainerPort) string {
	return strings.ToLower(cmp.Or(string(p.Protocol), "tcp"))
}

// findClash returns the earlier claim of the same host port.
func findClash(claims []portClaim, c portClaim) (portClaim, bool) {
	for _, other := range claims {
		if c.HostPort != 0 && other.HostPort == c.HostPort && other.Protocol == c.Protocol && overlap(other.HostIP, c.HostIP) {
			return other, true
		}
	}
	return portClaim{}, false
}

func overlap(a, b string) bool { return a == b || isWildcard(a) || isWildcard(b) }

func isWildcard(ip string) bool { return ip == "" || ip == "0.0.0.0" || ip == "::" }

func (c portClaim) clash(other portClaim) source.Diagnostic {
	owner := fmt.Sprintf("pod %s", other.builder.pod.Key())
	switch {
	case other.builder == c.builder:
		owner = fmt.Sprintf("%s of this pod", other.field)
	case other.builder.object == c.builder.object:
		return c.builder.diagnostic(c.field, "host port %d/%s can be held by only one of %d replicas: remove hostPort or set replicas: 1",
			c.HostPort, c.Protocol, c.builder.replicas)
	}
	return c.builder.diagnostic(c.field, "host port %d/%s is already taken by %s: choose another", c.HostPort, c.Protocol, owner)
}
