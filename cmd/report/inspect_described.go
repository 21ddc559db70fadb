package report

import (
	"cmp"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"berth/engine"
	"berth/engine/network"
	"berth/engine/oci"
)

// Describe adds what the engine knows of the container beyond its status.
func (r *ContainerInspect) Describe(d engine.Description) {
	r.OCIRuntime, r.HostConfig.CgroupManager = d.Runtime, d.Manager
	r.GraphDriver, r.Driver = d.Driver, d.Driver.Name
	r.Config.onImage(d)
	if r.Config.Hostname == "" && r.HostConfig.UTSMode == "host" {
		r.Config.Hostname = d.Hostname
	}
	for i := range r.Mounts {
		if dir, ok := d.Volumes[r.Mounts[i].Name]; ok && r.Mounts[i].Type == "volume" {
			r.Mounts[i].Source = dir
		}
	}
	r.NetworkSettings.describe(d.Networks)
	if d.Given != nil {
		r.given(d.Given)
	}
}

// onImage gives what a container was not told its image's values, as the engine does.
func (r *Config) onImage(d engine.Description) {
	image := d.Image
	if r.Entrypoint == nil {
		r.Entrypoint = image.Entrypoint
		if r.Cmd == nil {
			r.Cmd = image.Cmd
		}
	}
	r.User, r.WorkingDir = cmp.Or(r.User, image.User), cmp.Or(r.WorkingDir, image.WorkingDir, "/")
	own := map[string]bool{}
	for _, kv := range r.Env {
		name, _, _ := strings.Cut(kv, "=")
		own[name] = true
	}
	var inherited []string
	for _, kv := range image.Env {
		if name, _, _ := strings.Cut(kv, "="); !own[name] {
			inherited = append(inherited, kv)
		}
	}
	r.Env = append(inherited, r.Env...)
	for port := range image.ExposedPorts {
		r.expose(port)
	}
}

// given tells what the runtime was given.
func (r *ContainerInspect) given(g *oci.Given) {
	r.OCIConfigPath, r.State.OciVersion, r.NetworkSettings.SandboxKey = g.Path, g.Version, g.NetworkPath
	r.AppArmorProfile, r.ProcessLabel, r.MountLabel = g.AppArmorProfile, g.ProcessLabel, g.MountLabel
	r.EffectiveCaps, r.BoundingCaps = orEmpty(g.EffectiveCaps), orEmpty(g.BoundingCaps)
	r.HostConfig.PidsLimit = cmp.Or(g.Pids, r.HostConfig.PidsLimit)
	r.HostConfig.MemorySwap = cmp.Or(g.Swap, r.HostConfig.MemorySwap)
	r.StaticDir = filepath.Dir(g.Path)
	r.PidFile, r.ConmonPidFile = cmp.Or(r.PidFile, g.PidFile), cmp.Or(r.ConmonPidFile, g.ConmonPidFile)
	r.Config.engineEnv(g.Env)
	if g.HostCgroups && r.HostConfig.CgroupMode == "private" {
		r.HostConfig.CgroupMode = "host"
	}
	if len(g.Rlimits) > 0 {
		r.HostConfig.Ulimits = []Ulimit{}
	}
	for _, l := range g.Rlimits {
		r.HostConfig.Ulimits = append(r.HostConfig.Ulimits, Ulimit(l))
	}
	for _, m := range g.Mounts {
		switch m.Destination {
		case "/etc/resolv.conf":
			r.ResolvConfPath = m.Source
		case "/etc/hosts":
			r.HostsPath = m.Source
		case "/etc/hostname":
			r.HostnamePath = m.Source
		}
		for i := range r.Mounts {
			if r.Mounts[i].Destination != m.Destination {
				continue
			}
			if len(r.Mounts[i].Options) == 0 {
				r.Mounts[i].Options = mountOptions(m.Options)
			}
			if r.Mounts[i].Source == "" && m.Type != "tmpfs" {
				r.Mounts[i].Source = m.Source
			}
		}
	}
	r.HostConfig.Binds = binds(r.Mounts)
}

// mountOptions are the options of a mount that have no field of their own.
func mountOptions(all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(o string) bool {
		return o == "ro" || o == "rw" || strings.HasSuffix(o, "private") || strings.HasSuffix(o, "shared") || strings.HasSuffix(o, "slave") || strings.HasSuffix(o, "unbindable")
	})
}

// engineEnv adds the variables that every container is given: of the others some are
// secret.
func (r *Config) engineEnv(env []string) {
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		if !slices.Contains([]string{"container", "HOME", "HOSTNAME", "TERM"}, name) {
			continue
		}
		if !slices.ContainsFunc(r.Env, func(own string) bool { return strings.HasPrefix(own, name+"=") }) {
			r.Env = append(r.Env, kv)
		}
	}
}

// describe adds the networks' own facts to a container's places on them.
func (n *NetworkSettings) describe(networks map[string]network.Network) {
	for name, at := range n.Networks {
		of, ok := networks[name]
		if !ok {
			continue
		}
		at.NetworkID = of.ID
		at.Gateway, at.IPPrefixLen = gateway(of, at.IPAddress)
		at.IPv6Gateway, at.GlobalIPv6PrefixLen = gateway(of, at.GlobalIPv6Address)
		n.Networks[name] = at
		if at.IPAddress != "" && at.IPAddress == n.IPAddress {
			n.Gateway, n.IPPrefixLen, n.MacAddress = at.Gateway, at.IPPrefixLen, at.MacAddress
		}
		if at.GlobalIPv6Address != "" && at.GlobalIPv6Address == n.GlobalIPv6Address {
			n.IPv6Gateway, n.GlobalIPv6PrefixLen = at.IPv6Gateway, at.GlobalIPv6PrefixLen
		}
	}
}

// gateway is the way out of the subnet that an address lies in, and the length of its
// prefix.
func gateway(n network.Network, address string) (string, int) {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return "", 0
	}
	for _, s := range n.Subnets {
		if !s.Subnet.Contains(ip) {
			continue
		}
		if !s.Gateway.IsValid() {
			return "", s.Subnet.Bits()
		}
		return s.Gateway.String(), s.Subnet.Bits()
	}
	return "", 0
}
