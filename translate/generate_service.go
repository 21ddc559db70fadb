package translate

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"berth/kube"
)

// Ports a cluster gives to Services of type NodePort.
const (
	firstNodePort = 30000
	lastNodePort  = 32767
)

// service is a Service for all ports that the pod's containers declare, as
// podman makes it: every node of the cluster answers on a port that the cluster
// chooses, or on the hostPort where it is one of those.
func (g *generator) service(pod map[string]any) []Generated {
	name := g.out.Name
	if g.options.Kind == g.pod.Origin.Kind {
		name = g.pod.Origin.Name
	}
	ports := g.servicePorts()
	if len(ports) == 0 {
		g.lost("no container declares a port, so there is nothing for a Service to lead to")
		return nil
	}
	meta := pod["metadata"].(map[string]any)
	labels, _ := meta["labels"].(map[string]any)
	selector := maps.Clone(labels)
	delete(selector, templateHashLabel)
	if len(selector) == 0 { // podman's
		selector = map[string]any{"app": name}
		if labels == nil {
			labels = map[string]any{}
			meta["labels"] = labels
		}
		labels["app"] = name
	}
	objectMeta := map[string]any{"name": name}
	if ns, ok := meta["namespace"]; ok {
		objectMeta["namespace"] = ns
	}
	return []Generated{{kube.Key{Kind: "Service", Namespace: g.pod.Namespace, Name: name}, map[string]any{
		"apiVersion": "v1", "kind": "Service", "metadata": objectMeta,
		"spec": map[string]any{"type": string(corev1.ServiceTypeNodePort), "selector": selector, "ports": ports},
	}}}
}

func (g *generator) servicePorts() []any {
	var ports []any
	names, seen := map[string]bool{}, map[string]bool{}
	for _, c := range slices.Concat(g.out.Spec.InitContainers, g.out.Spec.Containers) {
		for _, p := range c.Ports {
			number, name := fmt.Sprint(p.ContainerPort), p.Name
			if name == "" {
				name = number
			}
			port := map[string]any{"port": int64(p.ContainerPort), "targetPort": int64(p.ContainerPort)}
			proto := protocol(p)
			if proto != "tcp" {
				port["protocol"] = string(p.Protocol)
				if name == number {
					name += "-" + proto
				}
			}
			if seen[number+proto] {
				continue
			}
			if names[name] { // of another container's port
				name = number + "-" + proto
			}
			seen[number+proto], names[name] = true, true
			port["name"] = name
			if p.HostPort >= firstNodePort && p.HostPort <= lastNodePort {
				port["nodePort"] = int64(p.HostPort)
			}
			ports = append(ports, port)
		}
	}
	return ports
}
