//lint:file-ignore ST1003 templates name the fields as podman's JSON does

package report

import (
	"path"
	"strconv"
	"time"

	"berth/engine/spec"
)

// PodInspect is a pod as `pod inspect` prints it. Namespace, Owner, Origin,
// Stopped and IPs are ours; the rest is podman's.
type PodInspect struct {
	ID               string             `json:"Id"`
	Name             string             `json:"Name"`
	Namespace        string             `json:"Namespace"`
	Created          time.Time          `json:"Created"`
	CreateCommand    []string           `json:"CreateCommand,omitempty"`
	State            string             `json:"State"`
	Hostname         string             `json:"Hostname"`
	Labels           map[string]string  `json:"Labels,omitempty"`
	Annotations      map[string]string  `json:"Annotations,omitempty"`
	CreateCgroup     bool               `json:"CreateCgroup"`
	CgroupParent     string             `json:"CgroupParent"`
	CgroupPath       string             `json:"CgroupPath"`
	CreateInfra      bool               `json:"CreateInfra"`
	InfraContainerID string             `json:"InfraContainerID,omitempty"`
	InfraConfig      *InfraConfig       `json:"InfraConfig"` // nil where there is no infra container
	SharedNamespaces []string           `json:"SharedNamespaces"`
	NumContainers    int                `json:"NumContainers"`
	Containers       []PodContainerInfo `json:"Containers"`
	RestartPolicy    string             `json:"RestartPolicy"`
	ExitPolicy       string             `json:"ExitPolicy"`

	Mounts              []Mount          `json:"mounts,omitempty"`
	Devices             []Device         `json:"devices,omitempty"`
	SecurityOpts        []string         `json:"security_opt,omitempty"`
	CPUPeriod           uint64           `json:"cpu_period,omitempty"`
	CPUQuota            int64            `json:"cpu_quota,omitempty"`
	CPUShares           uint64           `json:"cpu_shares,omitempty"`
	CPUSetCPUs          string           `json:"cpuset_cpus,omitempty"`
	CPUSetMems          string           `json:"cpuset_mems,omitempty"`
	MemoryLimit         int64            `json:"memory_limit,omitempty"`
	MemorySwap          int64            `json:"memory_swap,omitempty"`
	BlkioWeight         uint16           `json:"blkio_weight,omitempty"`
	BlkioWeightDevice   []WeightDevice   `json:"blkio_weight_device,omitempty"`
	BlkioDeviceReadBps  []ThrottleDevice `json:"device_read_bps,omitempty"`
	BlkioDeviceWriteBps []ThrottleDevice `json:"device_write_bps,omitempty"`

	IPs     []string    `json:"IPs"`
	Owner   spec.Owner  `json:"Owner"`
	Origin  spec.Origin `json:"Origin"`
	Hash    string      `json:"Hash"`
	Stopped bool        `json:"Stopped"` // by hand: stays down until started or changed
}

// InfraConfig is what a pod's containers share.
type InfraConfig struct {
	PortBindings       map[string][]HostPort `json:"PortBindings"`
	HostNetwork        bool                  `json:"HostNetwork"`
	StaticIP           string                `json:"StaticIP"`
	StaticMAC          string                `json:"StaticMAC"`
	NoManageResolvConf bool                  `json:"NoManageResolvConf"`
	DNSServer          []string              `json:"DNSServer"`
	DNSSearch          []string              `json:"DNSSearch"`
	DNSOption          []string              `json:"DNSOption"`
	NoManageHosts      bool                  `json:"NoManageHosts"`
	HostAdd            []string              `json:"HostAdd"`
	Networks           []string              `json:"Networks"`
	NetworkOptions     map[string][]string   `json:"NetworkOptions"`
	NoManageHostname   bool                  `json:"NoManageHostname"`
	HostsFile          string                `json:"HostsFile"`
	PidNS              string                `json:"pid_ns,omitempty"`
	UserNS             string                `json:"userns,omitempty"`
	UtsNS              string                `json:"uts_ns,omitempty"`
	CPUPeriod          uint64                `json:"cpu_period,omitempty"`
	CPUQuota           int64                 `json:"cpu_quota,omitempty"`
	CPUSetCPUs         string                `json:"cpuset_cpus,omitempty"`
}

// PodContainerInfo is one line of a pod's containers.
type PodContainerInfo struct {
	ID    string `json:"Id"`
	Name  string `json:"Name"`
	State string `json:"State"`
}

// HostPort is where a port of a container is published.
type HostPort struct {
	HostIp   string `json:"HostIp"`
	HostPort string `json:"HostPort"`
}

// InspectPod is everything known of a pod.
func InspectPod(p *spec.PodStatus) PodInspect {
	cgroup := podCgroup(p)
	r := PodInspect{
		ID: string(p.Pod.ID), Name: p.Pod.Name, Namespace: p.Pod.Namespace, Created: p.Pod.CreatedAt,
		State: PodState(p), Hostname: p.Pod.Hostname, Labels: p.Pod.Labels, Annotations: p.Pod.Annotations,
		CreateCommand: p.Pod.CreateCommand, CreateCgroup: !p.Pod.Cgroup.Apart, CgroupParent: parentOf(cgroup), CgroupPath: cgroup, CreateInfra: p.Pod.HasInfra(),
		InfraContainerID: string(p.Infra.ID),
		SharedNamespaces: sharedNamespaces(&p.Pod),
		RestartPolicy:    podRestart(&p.Pod),
		ExitPolicy:       exitPolicy(&p.Pod),
		Containers:       []PodContainerInfo{},
		IPs:              orEmpty(p.IPs), Owner: p.Pod.Owner, Origin: p.Pod.Origin, Hash: p.Pod.Hash, Stopped: p.Stopped,
	}
	if p.Pod.HasInfra() {
		r.InfraConfig = infraConfig(p)
	}
	r.limits(&p.Pod)
	r.inherited(p.Pod.Inherit)
	for _, c := range pod(p).Containers {
		r.Containers = append(r.Containers, PodContainerInfo{c.ID, c.Names, c.Status})
	}
	r.NumContainers = len(r.Containers)
	return r
}

// limits are those of all containers together.
func (r *PodInspect) limits(p *spec.Pod) {
	var h HostConfig
	h.limited(p.Limits)
	h.tuned(p.Tuning)
	r.CPUPeriod, r.CPUQuota, r.CPUShares = uint64(h.CpuPeriod), h.CpuQuota, uint64(h.CpuShares)
	r.CPUSetCPUs, r.CPUSetMems, r.MemoryLimit = h.CpusetCpus, h.CpusetMems, h.Memory
	r.MemorySwap = max(0, h.MemorySwap)
	if c := r.InfraConfig; c != nil {
		c.CPUPeriod, c.CPUQuota, c.CPUSetCPUs = r.CPUPeriod, r.CPUQuota, r.CPUSetCPUs
	}
	r.BlkioWeight, r.BlkioWeightDevice = h.BlkioWeight, h.BlkioWeightDevice
	r.BlkioDeviceReadBps, r.BlkioDeviceWriteBps = h.BlkioDeviceReadBps, h.BlkioDeviceWriteBps
}

// inherited is what each container is given.
func (r *PodInspect) inherited(in *spec.Inherited) {
	if in == nil {
		return
	}
	r.Mounts = mounts(&spec.Pod{Volumes: in.Volumes}, &spec.Container{Mounts: in.Mounts})
	r.Devices = devices(&in.ByHand)
	r.SecurityOpts = append(securityOpt(in.Security), handSecurityOpt(&in.ByHand)...)
}

// Locate says where the named volumes lie that the pod gives its containers; of says it
// of one.
func (r *PodInspect) Locate(of func(volume string) string) {
	for i := range r.Mounts {
		if m := &r.Mounts[i]; m.Type == "volume" {
			m.Source = of(m.Name)
		}
	}
}

// podRestart is the policy of containers that have none of their own.
func podRestart(p *spec.Pod) string {
	if p.Inherit != nil && p.Inherit.ByHand.UnlessStopped && p.RestartPolicy == spec.RestartAlways {
		return "unless-stopped"
	}
	return restartPolicy(p.RestartPolicy)
}

// exitPolicy is what becomes of a pod when its last container has ended.
func exitPolicy(p *spec.Pod) string {
	if p.ByHand && !p.StopWithLast {
		return "continue"
	}
	return "stop"
}

// podCgroup is where the cgroups of a pod's containers lie, "" if it has none.
func podCgroup(p *spec.PodStatus) string { return parentOf(p.Infra.CgroupPath) }

func parentOf(cgroup string) string {
	if cgroup == "" {
		return ""
	}
	return path.Dir(cgroup)
}

func infraConfig(p *spec.PodStatus) *InfraConfig {
	c := &InfraConfig{
		PortBindings: portBindings(p), HostNetwork: p.Pod.HostNet, NoManageHosts: p.Pod.NoHosts,
		DNSServer: p.Pod.DNS.Servers, DNSSearch: p.Pod.DNS.Searches, DNSOption: p.Pod.DNS.Options,
		NoManageResolvConf: p.Pod.DNS.Mode == spec.DNSImage,
		HostAdd:            hostAdd(&p.Pod), Networks: networks(p), HostsFile: p.Pod.HostsFile,
	}
	c.PidNS, c.UserNS, c.UtsNS, c.NoManageHostname = "private", "host", "private", p.Pod.NoHostname
	if p.Pod.HostPID {
		c.PidNS = "host"
	}
	if p.Pod.Join.UTS.Host {
		c.UtsNS = "host"
	}
	if p.Pod.Users != nil {
		c.UserNS = "private"
	}
	for _, n := range p.Pod.Networks {
		if len(n.IPs) > 0 && c.StaticIP == "" {
			c.StaticIP = n.IPs[0]
		}
		if c.StaticMAC == "" {
			c.StaticMAC = n.MAC
		}
	}
	return c
}

func sharedNamespaces(p *spec.Pod) []string {
	shared := []string{}
	if !p.HasInfra() {
		return shared
	}
	if !p.Own.IPC {
		shared = append(shared, "ipc")
	}
	if !p.Own.Net {
		shared = append(shared, "net")
	}
	if !p.Own.UTS {
		shared = append(shared, "uts")
	}
	if p.SharePID {
		shared = append(shared, "pid")
	}
	if p.Users != nil {
		shared = append(shared, "user")
	}
	if p.ShareCgroup {
		shared = append(shared, "cgroup")
	}
	return shared
}

// portBindings has a key "80/tcp" for each published port of a container.
func portBindings(p *spec.PodStatus) map[string][]HostPort {
	bindings := map[string][]HostPort{}
	mappings := p.Ports
	if len(mappings) == 0 {
		mappings = p.Pod.Ports
	}
	for _, m := range mappings {
		key := strconv.Itoa(int(m.ContainerPort)) + "/" + m.Protocol
		host := m.HostIP
		if host == "" {
			host = "0.0.0.0"
		}
		bindings[key] = append(bindings[key], HostPort{host, strconv.Itoa(int(m.HostPort))})
	}
	return bindings
}

func hostAdd(p *spec.Pod) []string {
	var list []string
	for _, h := range p.Hosts {
		for _, name := range h.Names {
			list = append(list, name+":"+h.IP)
		}
	}
	return list
}

// restartPolicy is podman's word for a restart policy.
func restartPolicy(r spec.RestartPolicy) string {
	switch r {
	case spec.RestartAlways:
		return "always"
	case spec.RestartOnFailure:
		return "on-failure"
	}
	return "no"
}
