package translate

import (
	"slices"
	"strings"

	"berth/engine/spec"
)

// networks attaches the pod and gives it its names there.
func (b *builder) networks() {
	if b.pod.HostNet || b.options.NetworkMode != NetworkBridge {
		return
	}
	if b.options.UserMode != nil {
		b.pod.UserMode = b.options.UserMode
		return
	}
	attachments := slices.Clone(b.options.Networks)
	if len(attachments) == 0 {
		attachments = []spec.NetworkAttachment{{Network: DefaultNetwork}}
	}
	ordinal := b.pod.Origin.Ordinal
	if ordinal < len(b.options.IPs) {
		attachments[0].IPs = []string{b.options.IPs[ordinal]}
	}
	if ordinal < len(b.options.MACs) {
		attachments[0].MAC = b.options.MACs[ordinal]
	}
	names := b.dnsNames()
	for i := range attachments {
		a := &attachments[i]
		if b.replicas > 1 && ordinal > 0 && len(b.options.IPs) == 0 && (len(a.IPs) > 0 || a.MAC != "") {
			b.errorf("spec", "network %s cannot give one address to several replicas: use --ip or --mac-address once for each", a.Network)
		}
		a.Aliases = unique(append(slices.Clone(names), a.Aliases...))
	}
	b.pod.Networks = attachments
}

// dnsNames are the names other pods reach the pod by: "<pod>.<namespace>" and,
// in the default namespace, also its bare name, its hostname and the names
// people know its containers by.
func (b *builder) dnsNames() []string {
	p := b.pod
	names := []string{p.Name + "." + p.Namespace, p.Hostname + "." + p.Namespace}
	if p.Namespace == spec.DefaultNamespace {
		names = []string{p.Name, p.Name + "." + p.Namespace, p.Hostname}
		for _, c := range b.from.Containers {
			names = append(names, p.ContainerName(c.Name))
		}
	}
	return unique(slices.DeleteFunc(names, func(name string) bool { return !isDNSName(name) }))
}

// isDNSName reports whether a name is short enough to be asked for.
func isDNSName(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
	}
	return len(name) <= 253
}

// unique drops empty and repeated words.
func unique(words []string) []string {
	var out []string
	for _, w := range words {
		if w != "" && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}
