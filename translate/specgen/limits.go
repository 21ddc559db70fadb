package specgen

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"berth/engine/spec"
	"berth/translate"
)

func (w *writer) security(s *Spec, c *spec.Container, hand *spec.ByHand) {
	sec, u := &c.Security, c.User
	s.Privileged, s.CapAdd, s.CapDrop, s.NoNewPrivileges = sec.Privileged, sec.CapAdd, sec.CapDrop, sec.NoNewPrivileges
	s.ReadOnly, s.ReadWriteTmpfs = sec.ReadOnlyRoot, sec.ReadOnlyRoot && c.ByHand != nil && !hand.NoTmpfs
	s.Umask, s.ProcOpts, s.Mask, s.Unmask = hand.Umask, hand.ProcOptions, hand.Mask, hand.Unmask
	if sec.ProcMount == "Unmasked" {
		s.Unmask = []string{"ALL"}
	}
	s.SelinuxOpts, s.ApparmorProfile = hand.Label, hand.AppArmor
	switch sec.Seccomp {
	case spec.SeccompImage:
		s.SeccompPolicy = "image"
	default:
		s.SeccompProfilePath = sec.Seccomp
	}
	s.User = u.Name
	if u.UID != nil {
		s.User = strconv.FormatInt(*u.UID, 10)
	}
	if u.GID != nil {
		s.User += ":" + strconv.FormatInt(*u.GID, 10)
	}
	if u.NonRoot {
		w.lost("runAsNonRoot")
	}
	for _, g := range u.Groups {
		s.Groups = append(s.Groups, strconv.FormatInt(g, 10))
	}
	s.Groups = append(s.Groups, hand.Groups...)
	if hand.KeepGroups {
		s.Groups = append(s.Groups, "keep-groups")
	}
	s.UserNS, s.IDMappings = w.users()
	place := w.pod.Cgroup
	if hand.Cgroup != (spec.CgroupPlace{}) {
		place = hand.Cgroup
	}
	s.CgroupsMode = string(place.Mode)
	if w.pod.Bare || hand.Cgroup.Parent != "" {
		s.CgroupParent = place.Parent
	}
}

// users says whose users those of the containers are.
func (w *writer) users() (Namespace, *IDMappings) {
	u := w.pod.Users
	if u == nil {
		return Namespace{Mode: "default"}, &IDMappings{HostUIDMapping: true, HostGIDMapping: true}
	}
	if u.Join != (spec.Join{}) {
		return w.namespace("", u.Join), nil
	}
	m := &IDMappings{UIDMap: idMaps(u.UIDs), GIDMap: idMaps(u.GIDs)}
	if u.Auto != nil {
		m.AutoUserNs = true
		m.UIDMap, m.GIDMap = nil, nil // those that were chosen are this pod's
		m.AutoUserNsOpts = AutoUserNs{Size: u.Auto.Size, AdditionalUIDMappings: idMaps(u.Auto.UIDs), AdditionalGIDMappings: idMaps(u.Auto.GIDs)}
		return Namespace{Mode: "auto"}, m
	}
	return Namespace{Mode: "private"}, m
}

func idMaps(list []spec.IDMap) []IDMap {
	var out []IDMap
	for _, m := range list {
		out = append(out, IDMap{m.Container, m.Host, m.Size})
	}
	return out
}

// networkOf is how a pod is on the network.
func networkOf(p *spec.Pod, ns Namespace) network {
	n := network{
		NetNS: ns, ImageResolv: p.DNS.Mode == spec.DNSImage, DNSServers: p.DNS.Servers, DNSSearch: p.DNS.Searches, DNSOptions: p.DNS.Options,
		ImageHostname: p.NoHostname, ImageHosts: p.NoHosts, BaseHostsFile: p.HostsFile,
	}
	for _, port := range p.Ports {
		n.PortMappings = append(n.PortMappings, Port{port.HostIP, port.ContainerPort, port.HostPort, 1, cmp.Or(port.Protocol, "tcp")})
	}
	for _, a := range p.Networks {
		if usual(a) && len(p.Networks) == 1 {
			break // podman's default network has another name than ours
		}
		if n.Networks == nil {
			n.Networks = map[string]Network{}
		}
		n.Networks[a.Network] = Network{StaticIPs: a.IPs, Aliases: a.Aliases, StaticMAC: a.MAC, InterfaceName: a.Name}
	}
	for _, h := range p.Hosts {
		n.HostAdd = append(n.HostAdd, strings.Join(h.Names, ";")+":"+h.IP)
	}
	return n
}

// usual reports whether that is where a pod is that asks for nothing.
func usual(a spec.NetworkAttachment) bool {
	return a.Network == translate.DefaultNetwork && len(a.IPs)+len(a.Aliases) == 0 && a.MAC == "" && a.Name == ""
}

// exposed is ports such as 80/tcp, by number.
func exposed(list []string) map[uint16]string {
	var out map[uint16]string
	for _, word := range list {
		number, protocol, _ := strings.Cut(word, "/")
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			continue // no such port is recorded
		}
		if out == nil {
			out = map[uint16]string{}
		}
		protocols := strings.FieldsFunc(out[uint16(n)]+","+cmp.Or(protocol, "tcp"), func(r rune) bool { return r == ',' })
		slices.Sort(protocols)
		out[uint16(n)] = strings.Join(slices.Compact(protocols), ",")
	}
	return out
}

// cpuPeriod is what limits of CPU are counted in, in µs: podman's, and the
// kubelet's.
const cpuPeriod = 100_000

func (w *writer) resources(r spec.Resources, t spec.Tuning) resources {
	out := resources{Limits: limits(r, t), OOMScoreAdj: r.OOMScoreAdj, CgroupUnified: t.Unified}
	for _, u := range r.Ulimits {
		out.Rlimits = append(out.Rlimits, Rlimit{"RLIMIT_" + strings.ToUpper(u.Name), u.Hard, u.Soft})
	}
	if t.HostUlimits {
		w.lost("--ulimit host")
	}
	if t.RDT != "" {
		out.IntelRdt = &IntelRdt{t.RDT}
	}
	for _, d := range t.BlkioDevices {
		if out.WeightDevice == nil {
			out.WeightDevice = map[string]Weight{}
		}
		out.WeightDevice[d.Device] = Weight{Weight: d.Weight}
	}
	out.ReadBps, out.WriteBps, out.ReadIOps, out.WriteIOps = rates(t.ReadBps), rates(t.WriteBps), rates(t.ReadIOps), rates(t.WriteIOps)
	return out
}

func rates(list []spec.Rate) map[string]Rate {
	var out map[string]Rate
	for _, r := range list {
		if out == nil {
			out = map[string]Rate{}
		}
		out[r.Device] = Rate{Rate: r.Rate}
	}
	return out
}

func limits(r spec.Resources, t spec.Tuning) *Limits {
	var l Limits
	m := Memory{Limit: positive(r.MemoryLimit), Reservation: positive(t.Reservation), Swap: t.MemorySwap, Swappiness: t.Swappiness}
	if t.OOMKillDisable {
		m.DisableOOMKiller = &t.OOMKillDisable
	}
	if m != (Memory{}) {
		l.Memory = &m
	}
	c := CPU{Cpus: r.CPUSet, Mems: t.CPUSetMems, RealtimeRuntime: positive(t.RealtimeRuntime)}
	if r.CPULimit > 0 {
		quota, period := r.CPULimit*cpuPeriod/1000, uint64(cpuPeriod)
		c.Quota, c.Period = &quota, &period
	}
	if t.CPUQuota != 0 {
		c.Quota = &t.CPUQuota
	}
	if t.CPUPeriod > 0 {
		c.Period = &t.CPUPeriod
	}
	if t.RealtimePeriod > 0 {
		c.RealtimePeriod = &t.RealtimePeriod
	}
	shares := t.CPUShares
	if shares == 0 && r.CPURequest > 0 {
		shares = max(2, uint64(r.CPURequest)*1024/1000)
	}
	if shares > 0 {
		c.Shares = &shares
	}
	if c != (CPU{}) {
		l.CPU = &c
	}
	if r.PidsLimit > 0 || t.AnyPids {
		l.Pids = &Pids{r.PidsLimit}
	}
	if t.BlkioWeight > 0 {
		l.BlockIO = &BlockIO{&t.BlkioWeight}
	}
	if l == (Limits{}) {
		return nil
	}
	return &l
}

func positive(n int64) *int64 {
	if n <= 0 {
		return nil
	}
	return &n
}

// Pod is the spec of a pod: of its infra container, its containers have their own.
func Pod(p *spec.Pod, names Names) (PodSpec, []string) {
	w := &writer{pod: p, names: names}
	ns := w.namespace("", p.Join.Net)
	if ns.Mode == "" {
		ns.Mode = netMode(p)
	}
	n := networkOf(p, ns)
	s := PodSpec{
		Name: p.Name, Hostname: p.Hostname, Labels: p.Labels, NoInfra: !p.HasInfra(), Sysctl: p.Sysctls,
		IpcNS: w.namespace(hostOr(p.HostIPC), p.Join.IPC), PidNS: w.namespace(hostOr(p.HostPID), p.Join.PID), UtsNS: w.namespace("private", p.Join.UTS),
		NetNS: ns, PortMappings: n.PortMappings, Networks: n.Networks, ImageResolv: n.ImageResolv, DNSServers: n.DNSServers, DNSSearch: n.DNSSearch,
		DNSOptions: n.DNSOptions, ImageHostname: n.ImageHostname, ImageHosts: n.ImageHosts, HostAdd: n.HostAdd,
		CgroupParent: p.Cgroup.Parent, Limits: limits(p.Limits, p.Tuning),
	}
	s.UserNS, s.IDMappings = w.users()
	if p.ByHand {
		s.ExitPolicy = "continue"
		if p.StopWithLast {
			s.ExitPolicy = "stop"
		}
	}
	for _, shared := range []struct {
		name string
		is   bool
	}{{"ipc", !p.Own.IPC}, {"net", !p.Own.Net}, {"uts", !p.Own.UTS}, {"pid", p.SharePID}, {"cgroup", p.ShareCgroup}} {
		if shared.is && p.HasInfra() {
			s.SharedNamespaces = append(s.SharedNamespaces, shared.name)
		}
	}
	switch p.RestartPolicy {
	case spec.RestartAlways:
		s.RestartPolicy = "always"
	case spec.RestartOnFailure:
		s.RestartPolicy = "on-failure"
	}
	if i := p.Infra; i != nil {
		s.InfraConmonPidFile, s.InfraCommand, s.InfraImage, s.InfraName = i.ConmonPidFile, i.Command, i.Image, i.Name
	}
	if in := p.Inherit; in != nil {
		for _, d := range in.ByHand.Devices {
			s.Devices = append(s.Devices, strings.TrimRight(fmt.Sprintf("%s:%s:%s", d.Host, d.Path, d.Permissions), ":"))
		}
		if len(in.Mounts) > 0 {
			w.lost("the volumes that the pod gives its containers: their own specs have them")
		}
	}
	if size := max(0, p.ShmSize); p.ShmSize != 0 {
		s.ShmSize = &size
	}
	return s, w.warnings
}

func hostOr(host bool) string {
	if host {
		return "host"
	}
	return "default"
}
