package oci

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"berth/engine/spec"
)

// memberSysctls are those of a container that was added to a pod: what it joins has
// them, or is the host's, and what it has of its own is new.
func memberSysctls(asked map[string]string, n Namespaces, mapped bool) (map[string]string, error) {
	left := maps.Clone(asked)
	maps.DeleteFunc(left, func(name, _ string) bool {
		namespace, of := sysctlNamespace(name, n)
		return of != "" && namespace != ""
	})
	n.IPC = "" // it makes what it sets
	return sysctls(left, n, mapped)
}

// sysctlNamespace is the namespace of n that a sysctl belongs to, and its kind; "" for one
// that would change the host.
func sysctlNamespace(name string, n Namespaces) (namespace, kind string) {
	key := strings.ReplaceAll(name, "/", ".")
	switch {
	case strings.HasPrefix(key, "net."):
		return n.Net, "network"
	case strings.HasPrefix(key, "fs.mqueue."), strings.HasPrefix(key, "kernel.msg"),
		strings.HasPrefix(key, "kernel.shm"), key == "kernel.sem":
		return n.IPC, "IPC"
	case key == domainname:
		return n.UTS, "UTS"
	}
	return "", ""
}

// sysctls are set by the container that makes a pod's namespaces; one that
// joins them gets none. A sysctl must belong to a namespace of the pod's own:
// any other would change the host. Where users are mapped, those of the network are
// set before, by who made its namespace.
func sysctls(asked map[string]string, n Namespaces, mapped bool) (map[string]string, error) {
	set := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		namespace, of := sysctlNamespace(name, n)
		if of == "" {
			return nil, fmt.Errorf("%w: sysctl %s does not belong to a namespace and would change the host", spec.ErrConfig, name)
		}
		if namespace == HostNamespace {
			return nil, fmt.Errorf("%w: sysctl %s would change the host: the pod uses the host's %s namespace", spec.ErrConfig, name, of)
		}
		if mapped && of == "network" {
			continue
		}
		set[strings.ReplaceAll(name, "/", ".")] = asked[name]
	}
	// The one that makes the IPC namespace is the first, and the only one
	// for which it is new; a pod on the host's shares it from the start.
	if n.IPC != "" && n.IPC != HostNamespace || len(set) == 0 {
		return nil, nil
	}
	return set, nil
}

// withDomain are the pod's, and its domain, which is one.
func withDomain(pod *spec.Pod) map[string]string {
	if pod.Domainname == "" {
		return pod.Sysctls
	}
	out := map[string]string{domainname: pod.Domainname}
	maps.Copy(out, pod.Sysctls)
	return out
}

// domainname is the parameter that setdomainname(2) sets.
const domainname = "kernel.domainname"
