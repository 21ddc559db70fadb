package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"berth/cmd/output"
	"berth/engine/spec"
)

// shmSize is how large a /dev/shm is that nobody asks to be otherwise.
const shmSize = 64 << 20

// cpuPeriod is the length of a CPU quota's period in microseconds.
const cpuPeriod = 100000

func hostConfig(p *spec.PodStatus, c spec.Container, mounts []Mount) HostConfig {
	res := c.Resources
	h := HostConfig{
		Devices: []Device{}, Tmpfs: map[string]string{},
		Annotations: p.Pod.Annotations, Cgroups: "default", CgroupMode: "private", ShmSize: max(0, cmp.Or(p.Pod.ShmSize, shmSize)),
		LogConfig: logConfig(p.Pod.Log), NetworkMode: networkMode(p), PortBindings: portBindings(p),
		RestartPolicy: restartOf(&p.Pod, &c),
		CapAdd:        orEmpty(c.Security.CapAdd), CapDrop: orEmpty(c.Security.CapDrop),
		Dns: orEmpty(p.Pod.DNS.Servers), DnsOptions: orEmpty(p.Pod.DNS.Options), DnsSearch: orEmpty(p.Pod.DNS.Searches),
		ExtraHosts: orEmpty(hostAdd(&p.Pod)),
		IpcMode:    "private", PidMode: "private", UTSMode: "private",
		Privileged: c.Security.Privileged, ReadonlyRootfs: c.Security.ReadOnlyRoot, SecurityOpt: securityOpt(c.Security),
		Ulimits: []Ulimit{}, GroupAdd: []string{}, Runtime: "oci",
	}
	h.limited(res)
	h.shared(p)
	if res.OOMScoreAdj != nil {
		h.OomScoreAdj = *res.OOMScoreAdj
	}
	for _, u := range res.Ulimits {
		h.Ulimits = append(h.Ulimits, Ulimit{"RLIMIT_" + strings.ToUpper(u.Name), u.Soft, u.Hard})
	}
	h.Binds = binds(mounts)
	return h
}

func binds(mounts []Mount) []string {
	list := []string{}
	for _, m := range mounts {
		if m.Type != "tmpfs" && m.Source != "" {
			list = append(list, bind(m))
		}
	}
	return list
}

func (r *HostConfig) limited(res spec.Resources) {
	r.CpuShares, r.CpusetCpus, r.NanoCpus = res.CPURequest*1024/1000, res.CPUSet, res.CPULimit*1e6
	r.Memory, r.MemoryReservation, r.PidsLimit = res.MemoryLimit, res.MemoryRequest, res.PidsLimit
	if res.CPULimit > 0 {
		r.CpuPeriod, r.CpuQuota = cpuPeriod, res.CPULimit*cpuPeriod/1000
	}
}

// shared says which namespaces a container has in common with its pod's others.
func (r *HostConfig) shared(p *spec.PodStatus) {
	with := "container:" + infraRef(p)
	infra := !p.Pod.Bare && p.Pod.HasInfra()
	if u := p.Pod.Users; u != nil {
		r.IDMappings = &IDMappings{idMap(u.UIDs), idMap(u.GIDs)}
		if r.UsernsMode = "private"; infra {
			r.UsernsMode = with
		}
	}
	if infra && p.Pod.OwnNetwork() && !p.Pod.Own.Net {
		r.NetworkMode = with
	}
	if infra && !p.Pod.Own.UTS {
		r.UTSMode = with
	}
	switch {
	case p.Pod.HostIPC:
		r.IpcMode = "host"
	case infra && !p.Pod.Own.IPC:
		r.IpcMode = with
	}
	switch {
	case p.Pod.HostPID:
		r.PidMode = "host"
	case infra && p.Pod.SharePID:
		r.PidMode = with
	}
}

// asInfra says in which namespaces the infra container lives: it shares those it holds.
func (r *HostConfig) asInfra(p *spec.PodStatus) {
	r.NetworkMode, r.IpcMode, r.PidMode, r.UTSMode = networkMode(p), "shareable", "private", "private"
	if p.Pod.Users != nil {
		r.UsernsMode = "private"
	}
	if p.Pod.HostIPC {
		r.IpcMode = "host"
	}
	if p.Pod.HostPID {
		r.PidMode = "host"
	}
	if p.Pod.Join.UTS.Host {
		r.UTSMode = "host"
	}
}

func idMap(list []spec.IDMap) []string {
	out := []string{}
	for _, m := range list {
		out = append(out, fmt.Sprintf("%d:%d:%d", m.Container, m.Host, m.Size))
	}
	return out
}

// infraRef is what a pod's infra container is called where others name it: by its ID,
// or while it has none by its name.
func infraRef(p *spec.PodStatus) string { return cmp.Or(string(p.Infra.ID), p.Pod.InfraName()) }

// restartOf is a container's restart policy in podman's words.
func restartOf(p *spec.Pod, c *spec.Container) RestartPolicy {
	policy := p.RestartPolicy
	if c.RestartPolicy != "" {
		policy = c.RestartPolicy
	}
	r := RestartPolicy{Name: restartPolicy(policy)}
	if c.ByHand != nil && policy == spec.RestartOnFailure {
		r.MaximumRetryCount = c.ByHand.MostRestarts
	}
	if c.ByHand != nil && c.ByHand.UnlessStopped && policy == spec.RestartAlways {
		r.Name = "unless-stopped"
	}
	return r
}

func bind(m Mount) string {
	mode := "rw"
	if !m.RW {
		mode = "ro"
	}
	source := m.Source
	if m.Name != "" {
		source = m.Name
	}
	return source + ":" + m.Destination + ":" + strings.Join(append([]string{mode, m.Propagation}, m.Options...), ",")
}

func logConfig(l spec.Log) LogConfig {
	c := LogConfig{Type: l.Driver, Tag: l.Tag, Size: "0B"}
	if c.Type == "" {
		c.Type = "k8s-file"
	}
	if l.MaxSize > 0 {
		c.Size = output.TightSize(l.MaxSize)
	}
	return c
}

func networkMode(p *spec.PodStatus) string {
	switch {
	case p.Pod.HostNet:
		return "host"
	case p.Pod.UserMode != nil:
		return p.Pod.UserMode.Program
	case len(p.Pod.Networks) == 0:
		return "none"
	}
	return "bridge"
}

func networkSettings(p *spec.PodStatus) NetworkSettings {
	n := NetworkSettings{Ports: portBindings(p), Networks: map[string]NetworkAddress{}}
	var v4, v6 []string
	for _, ip := range p.IPs {
		if strings.Contains(ip, ":") {
			v6 = append(v6, ip)
		} else {
			v4 = append(v4, ip)
		}
	}
	n.IPAddress, n.GlobalIPv6Address = nth(v4, 0), nth(v6, 0)
	if p.Joined != nil {
		for _, j := range p.Joined {
			n.Networks[j.Network] = joined(j)
		}
		return n
	}
	for i, a := range p.Pod.Networks {
		address := NetworkAddress{NetworkID: a.Network, MacAddress: a.MAC, Aliases: orEmpty(a.Aliases)}
		// Addresses come in the order of the networks; where a network has
		// none of a family, which one has it cannot be told.
		if len(v4) == len(p.Pod.Networks) {
			address.IPAddress = v4[i]
		}
		if len(v6) == len(p.Pod.Networks) {
			address.GlobalIPv6Address = v6[i]
		}
		n.Networks[a.Network] = address
	}
	return n
}

func joined(j spec.JoinedNetwork) NetworkAddress {
	address := NetworkAddress{NetworkID: j.Network, MacAddress: j.MAC, Aliases: orEmpty(j.Aliases)}
	for _, ip := range j.IPs {
		if strings.Contains(ip, ":") {
			address.GlobalIPv6Address = ip
		} else {
			address.IPAddress = ip
		}
	}
	return address
}

func nth(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

// mounts lists what a container mounts. Where a pod's own folders lie is the
// engine's matter: their source is empty.
func mounts(p *spec.Pod, c *spec.Container) []Mount {
	list := []Mount{}
	for _, m := range c.Mounts {
		r := Mount{
			Type: "bind", Destination: m.Path, Options: orEmpty(m.Options), RW: !m.ReadOnly,
			Propagation: string(m.Propagation), SubPath: m.SubPath,
		}
		if r.Propagation == "" {
			r.Propagation = "rprivate"
		}
		switch v, _ := p.Volume(m.Volume); {
		case v == nil:
		case v.Named != nil:
			r.Type, r.Name, r.Source, r.Driver, r.RW = "volume", v.Named.Volume, v.Named.Volume, "local", r.RW && !v.Named.ReadOnly
		case v.Host != nil:
			r.Source = v.Host.Path
		case v.Empty != nil && v.Empty.Memory:
			r.Type = "tmpfs"
		case v.Tmpfs != nil:
			r.Type, r.Options = "tmpfs", orEmpty(v.Tmpfs.Options)
		case v.Image != nil:
			r.Type, r.Source, r.SubPath, r.RW = "image", v.Image.Image, v.Image.SubPath, v.Image.Writable
		}
		list = append(list, r)
	}
	return list
}

func securityOpt(s spec.Security) []string {
	opts := []string{}
	if s.NoNewPrivileges {
		opts = append(opts, "no-new-privileges")
	}
	if s.Seccomp != "" {
		opts = append(opts, "seccomp="+s.Seccomp)
	}
	if s.ProcMount == "Unmasked" {
		opts = append(opts, "unmask=ALL")
	}
	return opts
}

// userText is user[:group] as the container was told.
func userText(u spec.User) string {
	user, group, _ := strings.Cut(u.Name, ":")
	if u.UID != nil {
		user = strconv.FormatInt(*u.UID, 10)
	}
	if u.GID != nil {
		group = strconv.FormatInt(*u.GID, 10)
	}
	if group != "" {
		return user + ":" + group
	}
	return user
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return slices.Clone(list)
}
