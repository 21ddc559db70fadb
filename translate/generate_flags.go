package translate

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"berth/engine/spec"
)

// lostFlags warns of what only flags of `kube play` say, Kubernetes has no
// field for, and podman no annotation.
func (g *generator) lostFlags() {
	p := g.pod
	g.lostNetworks()
	for _, f := range []struct {
		set  bool
		flag string
	}{
		{p.NoHosts, "--no-hosts"},
		{p.NoHostname, "--no-hostname"},
		// A pod made by hand names its containers so anyway.
		{p.PlainNames && !p.ByHand && !p.Bare, "--no-pod-prefix"},
		{p.AllowUnenforcedLimits, "--allow-unenforced-limits"},
		{p.Log.Driver != "" && p.Log.Driver != "k8s-file", "--log-driver " + p.Log.Driver},
		{p.Log.Path != "", "--log-opt path=" + p.Log.Path},
		{p.Log.Tag != "", "--log-opt tag=" + p.Log.Tag},
		{len(p.Log.Labels) > 0, "--log-opt label=" + strings.Join(p.Log.Labels, " --log-opt label=")},
		{p.Log.MaxSize != 0, "--log-opt max-size=" + strconv.FormatInt(p.Log.MaxSize, 10)},
	} {
		if f.set {
			g.lost("Kubernetes has no field for %s: give it when you play this", f.flag)
		}
	}
}

// lostNetworks warns of networks other than the one each pod is on anyway.
func (g *generator) lostNetworks() {
	p := g.pod
	if p.HostNet {
		return
	}
	if p.UserMode != nil {
		g.lost("Kubernetes has no field for --network %s: give it when you play this", p.UserMode)
	}
	if p.Isolated() {
		g.lost("Kubernetes has no field for --network none: give it when you play this")
	}
	usual := usualNames(p)
	for _, a := range p.Networks {
		flag := "--network " + a.Network
		var options []string
		for _, ip := range a.IPs {
			options = append(options, "ip="+ip)
		}
		if a.MAC != "" {
			options = append(options, "mac="+a.MAC)
		}
		if a.Name != "" {
			options = append(options, "interface_name="+a.Name)
		}
		for _, alias := range a.Aliases {
			if !slices.Contains(usual, alias) {
				options = append(options, "alias="+alias)
			}
		}
		if len(options) > 0 {
			flag += ":" + strings.Join(options, ",")
		}
		if len(p.Networks) > 1 || a.Network != DefaultNetwork || len(options) > 0 {
			g.lost("Kubernetes has no field for %s: give it when you play this", flag)
		}
	}
}

// usualNames are those a pod has on each network without being given any.
func usualNames(p *spec.Pod) []string {
	b := builder{pod: p, from: &corev1.PodSpec{}}
	for _, c := range p.Containers {
		b.from.Containers = append(b.from.Containers, corev1.Container{Name: c.Name})
	}
	return append(b.dnsNames(), p.Name, p.Hostname)
}
