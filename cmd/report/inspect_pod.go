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
	State            string             `json:"State"`
	Hostname         string             `json:"Hostname"`
	Labels           map[string]string  `json:"Labels,omitempty"`
	Annotations      map[string]string  `json:"Annotations,omitempty"`
	CreateCgroup     bool               `json:"CreateCgroup"`
	CgroupParent     string             `json:"CgroupParent"`
	CgroupPath       string             `json:"CgroupPath"`
	CreateInfra      bool               `json:"CreateInfra"`
	InfraContainerID string             `json:"InfraContainerID,omitempty"`
	InfraConfig      InfraConfig        `json:"InfraConfig"`
	SharedNamespaces []string           `json:"SharedNamespaces"`
	NumContainers    int                `json:"NumContainers"`
	Containers       []PodContainerInfo `json:"Containers"`
	RestartPolicy    string             `json:"RestartPolicy"`
	ExitPolicy       string             `json:"ExitPolicy"`
	Mounts           []Mount            `json:"mounts,omitempty"`

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
		CreateCgroup: true, CgroupParent: parentOf(cgroup), CgroupPath: cgroup, CreateInfra: p.Pod.HasInfra(),
		InfraContainerID: string(p.Infra.ID),
		InfraConfig:      infraConfig(p),
		SharedNamespaces: sharedNamespaces(&p.Pod),
		RestartPolicy:    restartPolicy(p.Pod.RestartPolicy),
		ExitPolicy:       exitPolicy(&p.Pod),
		IPs:              p.IPs, Owner: p.Pod.Owner, Origin: p.Pod.Origin, Hash: p.Pod.Hash, Stopped: p.Stopped,
	}
	for _, c := range pod(p).Containers {
		r.Containers = append(r.Containers, PodContainerInfo{c.ID, c.Names, c.Status})
	}
	r.NumContainers = len(r.Containers)
	return r
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

func infraConfig(p *spec.PodStatus) InfraConfig {
	c := InfraConfig{
		PortBindings: portBindings(p), HostNetwork: p.Pod.HostNet, NoManageHosts: p.Pod.NoHosts,
		DNSServer: p.Pod.DNS.Servers, DNSSearch: p.Pod.DNS.Searches, DNSOption: p.Pod.DNS.Options,
		HostAdd: hostAdd(&p.Pod), Networks: networks(p),
	}
	c.PidNS, c.UserNS, c.UtsNS, c.NoManageHostname = "private", "host", "private", p.Pod.NoHostname
	if p.Pod.HostPID {
		c.PidNS = "host"
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
	if !p.HostIPC && !p.Own.IPC {
		shared = append(shared, "ipc")
	}
	if !p.HostNet && !p.Own.Net {
		shared = append(shared, "net")
	}
	if !p.Own.UTS {
		shared = append(shared, "uts")
	}
	if p.SharePID && !p.HostPID {
		shared = append(shared, "pid")
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
