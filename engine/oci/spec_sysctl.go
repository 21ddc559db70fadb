package oci

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"berth/engine/spec"
)

// sysctls are set by the container that makes a pod's namespaces; one that
// joins them gets none. A sysctl must belong to a namespace of the pod's own:
// any other would change the host. Where users are mapped, those of the network are
// set before, by who made its namespace.
func sysctls(asked map[string]string, n Namespaces, mapped bool) (map[string]string, error) {
	set := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		key := strings.ReplaceAll(name, "/", ".")
		namespace, of := "", ""
		switch {
		case strings.HasPrefix(key, "net."):
			namespace, of = n.Net, "network"
		case strings.HasPrefix(key, "fs.mqueue."), strings.HasPrefix(key, "kernel.msg"),
			strings.HasPrefix(key, "kernel.shm"), key == "kernel.sem":
			namespace, of = n.IPC, "IPC"
		case key == "kernel.domainname":
			namespace, of = n.UTS, "UTS"
		default:
			return nil, fmt.Errorf("%w: sysctl %s does not belong to a namespace and would change the host", spec.ErrConfig, name)
		}
		if namespace == HostNamespace {
			return nil, fmt.Errorf("%w: sysctl %s would change the host: the pod uses the host's %s namespace", spec.ErrConfig, name, of)
		}
		if mapped && of == "network" {
			continue
		}
		set[key] = asked[name]
	}
	// The one that makes the IPC namespace is the first, and the only one
	// for which it is new; a pod on the host's shares it from the start.
	if n.IPC != "" && n.IPC != HostNamespace || len(set) == 0 {
		return nil, nil
	}
	return set, nil
}

// podSysctls are those of the pod that a container is to have: a namespace that it
// shares with somebody else in place of the pod has its own.
func podSysctls(in Input) map[string]string {
	if in.Container.ByHand == nil {
		return in.Pod.Sysctls
	}
	joins := in.Container.ByHand.Namespaces
	elsewhere := func(j spec.Join) bool { return j != spec.Join{} && !j.Private }
	out := maps.Clone(in.Pod.Sysctls)
	maps.DeleteFunc(out, func(name, _ string) bool {
		if strings.HasPrefix(strings.ReplaceAll(name, "/", "."), "net.") {
			return elsewhere(joins.Net)
		}
		return elsewhere(joins.IPC)
	})
	return out
}
