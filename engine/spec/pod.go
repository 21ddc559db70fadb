package spec

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// DefaultNamespace is the namespace of objects that name none.
const DefaultNamespace = "default"

// Pod is a sandbox and the containers that live in it: everything the engine
// needs to make one pod real.
type Pod struct {
	ID        PodID     `json:"id"`
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"createdAt"`

	// Owner says who may change or remove the pod, Origin which object it was
	// made from. Neither is part of the hash.
	Owner  Owner  `json:"owner"`
	Origin Origin `json:"origin"`

	// Manifest is the Kubernetes Pod it was made from, as it was given, in JSON;
	// empty for one that was made by hand. Outside the hash.
	Manifest json.RawMessage `json:"manifest,omitempty"`

	// Hash is the digest of all that follows but for labels and annotations, and
	// the containers' CPU and memory, which a running pod can be given anew; made
	// by translate. Two pods of one hash run the same thing.
	Hash string `json:"hash"`

	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`

	Hostname string `json:"hostname"` // empty in a Bare pod: its container's short ID
	HostNet  bool   `json:"hostNetwork,omitempty"`
	HostPID  bool   `json:"hostPID,omitempty"`
	HostIPC  bool   `json:"hostIPC,omitempty"`
	SharePID bool   `json:"sharePID,omitempty"`

	Domainname string `json:"domainname,omitempty"`

	Networks []NetworkAttachment `json:"networks,omitempty"` // none of them, no UserMode and no HostNet: loopback only
	UserMode *UserMode           `json:"userMode,omitempty"` // in place of networks
	Ports    []PortMapping       `json:"ports,omitempty"`
	DNS      DNS                 `json:"dns"`
	Hosts    []HostAlias         `json:"hosts,omitempty"`
	NoHosts  bool                `json:"noHosts,omitempty"` // leave the image's /etc/hosts alone
	Sysctls  map[string]string   `json:"sysctls,omitempty"`

	NoHostname bool `json:"noHostname,omitempty"` // leave the image's /etc/hostname alone

	RestartPolicy    RestartPolicy `json:"restartPolicy"`
	TerminationGrace time.Duration `json:"terminationGrace"`
	ActiveDeadline   time.Duration `json:"activeDeadline,omitempty"` // counted from CreatedAt; 0: none
	ReadinessGates   []string      `json:"readinessGates,omitempty"` // conditions that Ready waits for
	Priority         int32         `json:"priority,omitempty"`       // the higher, the later it is stopped or evicted

	// RestartOnChange restarts the pod where changed ConfigMaps or Secrets would
	// only swap its files. Outside the hash.
	RestartOnChange bool `json:"restartOnChange,omitempty"`

	// Previous are the images of the pod that this one replaced: the way back.
	// Outside the hash.
	Previous []string `json:"previous,omitempty"`

	Volumes        []Volume    `json:"volumes,omitempty"`
	InitContainers []Container `json:"initContainers,omitempty"` // started one after another, each must exit 0
	Containers     []Container `json:"containers"`
	Log            Log         `json:"log"`

	// PlainNames names containers as they are, without the pod's name before.
	PlainNames bool `json:"plainNames,omitempty"`

	// Bare is one container that nobody asked a pod for: it has no infra
	// container, its own conmon holds the published ports, and people know it by
	// its container's name alone.
	Bare bool `json:"bare,omitempty"`
	// ByHand is a pod whose containers come and go one by one: it may have none.
	ByHand bool `json:"byHand,omitempty"`
	// StopWithLast takes a ByHand pod down when its last container has ended.
	StopWithLast bool `json:"stopWithLast,omitempty"`
	// Inherit is what a ByHand pod gives each of its containers; nil: nothing.
	Inherit *Inherited `json:"inherit,omitempty"`
	// CreateCommand is the command line a ByHand pod was made by, secrets masked.
	CreateCommand []string `json:"createCommand,omitempty"`
	// Infra is what a person says of the infra container; nil: nothing.
	Infra *Infra `json:"infra,omitempty"`

	Join Joins `json:"join,omitzero"`
	Own  Own   `json:"own,omitzero"`
	// ShareCgroup lets the containers see the cgroups as the infra container does.
	ShareCgroup bool           `json:"shareCgroup,omitempty"`
	Users       *UserNamespace `json:"users,omitempty"` // nil: the host's
	Cgroup      CgroupPlace    `json:"cgroup,omitzero"`
	// Limits are those of all containers together.
	Limits  Resources `json:"limits,omitzero"`
	Tuning  Tuning    `json:"tuning,omitzero"`
	ShmSize int64     `json:"shmSize,omitempty"` // bytes; 0: the default, -1: no limit
	// HostsFile is what /etc/hosts begins with: a path on the host, "image" or
	// "none"; empty: the host's names.
	HostsFile string `json:"hostsFile,omitempty"`

	// Secrets are the values of the containers' Late secrets. They are part of
	// the hash, and of no record and no status.
	Secrets map[string]string `json:"-"`

	// AllowUnenforcedLimits starts the pod although this host lacks a cgroup
	// controller that one of its limits needs.
	AllowUnenforcedLimits bool `json:"allowUnenforcedLimits,omitempty"`
}

// Key is the pod's namespace and name.
func (p *Pod) Key() PodKey { return PodKey{p.Namespace, p.Name} }

// ContainerName is the name people know a container of the pod by:
// "<pod>-<container>".
func (p *Pod) ContainerName(container string) string {
	if c, ok := p.Container(container); ok && c.ByHand != nil && c.ByHand.Called != "" {
		return c.ByHand.Called
	}
	if p.PlainNames || p.Bare {
		return container
	}
	return p.Name + "-" + container
}

// InfraName is the name of the pod's infra container.
func (p *Pod) InfraName() string {
	if p.Infra != nil && p.Infra.Name != "" {
		return p.Infra.Name
	}
	return p.ID.Short() + "-infra"
}

// HasInfra reports whether the pod's sandbox has an infra container.
func (p *Pod) HasInfra() bool { return !p.Bare && (p.Infra == nil || !p.Infra.None) }

// OwnNetwork reports whether the pod has a network namespace of its own.
func (p *Pod) OwnNetwork() bool { return !p.HostNet && p.Join.Net == (Join{}) }

// Isolated reports whether the pod has loopback alone.
func (p *Pod) Isolated() bool { return p.OwnNetwork() && len(p.Networks) == 0 && p.UserMode == nil }

// LogOf says how the output of the container of that name is kept.
func (p *Pod) LogOf(name string) Log {
	if c, ok := p.Container(name); ok && c.ByHand != nil && c.ByHand.Log != nil {
		return *c.ByHand.Log
	}
	return p.Log
}

// OneLog reports whether all containers made under a name write to one log.
func (p *Pod) OneLog(name string) bool {
	c, ok := p.Container(name)
	return p.LogOf(name).Path != "" || ok && c.ByHand != nil
}

// All lists init containers, then app containers.
func (p *Pod) All() []Container {
	return append(append([]Container(nil), p.InitContainers...), p.Containers...)
}

// Container returns the container of that name, init containers included.
func (p *Pod) Container(name string) (*Container, bool) {
	for _, list := range [][]Container{p.InitContainers, p.Containers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i], true
			}
		}
	}
	return nil, false
}

// Add adds a container made by hand, after the others of its kind. What shared the
// lists with the pod keeps them.
func (p *Pod) Add(c Container) {
	if c.ByHand != nil && c.ByHand.InitKind != "" {
		p.InitContainers = append(slices.Clone(p.InitContainers), c)
		return
	}
	p.Containers = append(slices.Clone(p.Containers), c)
}

// Drop takes a container out, as Add adds it.
func (p *Pod) Drop(name string) {
	named := func(c Container) bool { return c.Name == name }
	p.InitContainers = slices.DeleteFunc(slices.Clone(p.InitContainers), named)
	p.Containers = slices.DeleteFunc(slices.Clone(p.Containers), named)
}

// IsInit reports whether name is one of the pod's init containers.
func (p *Pod) IsInit(name string) bool {
	for i := range p.InitContainers {
		if p.InitContainers[i].Name == name {
			return true
		}
	}
	return false
}

// Volume returns the volume of that name.
func (p *Pod) Volume(name string) (*Volume, bool) {
	for i := range p.Volumes {
		if p.Volumes[i].Name == name {
			return &p.Volumes[i], true
		}
	}
	return nil, false
}

// WithContents is the pod with what records leave out, secrets and the contents
// of files, where from, the same pod as it was made, has them.
func (p *Pod) WithContents(from *Pod) *Pod {
	if from == nil {
		return p
	}
	out := *p
	if from.Secrets != nil {
		out.Secrets = from.Secrets
	}
	out.Volumes = append([]Volume(nil), p.Volumes...)
	for i := range out.Volumes {
		if v, ok := from.Volume(out.Volumes[i].Name); ok && v.Files != nil && out.Volumes[i].Files != nil {
			out.Volumes[i].Files = v.Files
		}
	}
	return &out
}

// Describe takes over what is said of a pod and changes nothing that runs:
// labels, annotations, the manifest, what containers lack that lacked something
// before. All of it is outside the hash.
func (p *Pod) Describe(from *Pod) {
	p.Labels, p.Annotations, p.Manifest, p.RestartOnChange = from.Labels, from.Annotations, from.Manifest, from.RestartOnChange
	if p.LacksOtherwise(from) {
		p.InitContainers, p.Containers = describeAll(p.InitContainers, from), describeAll(p.Containers, from)
	}
}

func describeAll(list []Container, from *Pod) []Container {
	list = slices.Clone(list)
	for i := range list {
		if c, ok := from.Container(list[i].Name); ok && list[i].Lacks != "" && c.Lacks != "" {
			list[i].Lacks = c.Lacks
		}
	}
	return list
}

// LacksOtherwise reports whether a container lacks something, and something else in
// the other pod.
func (p *Pod) LacksOtherwise(other *Pod) bool {
	return slices.ContainsFunc(p.All(), func(c Container) bool {
		now, ok := other.Container(c.Name)
		return ok && c.Lacks != "" && now.Lacks != "" && c.Lacks != now.Lacks
	})
}

// SameManifest reports whether both were given the same, however their records
// space it.
func (p *Pod) SameManifest(other *Pod) bool {
	if bytes.Equal(p.Manifest, other.Manifest) {
		return true
	}
	var a, b bytes.Buffer
	return json.Compact(&a, p.Manifest) == nil && json.Compact(&b, other.Manifest) == nil && bytes.Equal(a.Bytes(), b.Bytes())
}

// Owner says who may change or remove a pod: "folder:<path>", "play", "run" or
// "unit:<name>". A source prunes only what it owns.
type Owner string

// Owners that carry no name.
const (
	OwnerPlay Owner = "play"
	OwnerRun  Owner = "run"
)

// FolderOwner is the owner of pods that come from a watched folder.
func FolderOwner(dir string) Owner { return Owner("folder:" + dir) }

// UnitOwner is the owner of pods that a systemd unit made: their restarts are
// systemd's.
func UnitOwner(unit string) Owner { return Owner("unit:" + unit) }

// Unit returns the systemd unit the owner stands for.
func (o Owner) Unit() (name string, ok bool) { return strings.CutPrefix(string(o), "unit:") }

// Folder returns the watched folder the owner stands for.
func (o Owner) Folder() (dir string, ok bool) { return strings.CutPrefix(string(o), "folder:") }

// Origin is the object a pod was made from. Controllers make several pods of
// one object; Ordinal tells them apart, counted from 0.
type Origin struct {
	Kind      string `json:"kind"` // "Pod", "Deployment", …
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Ordinal   int    `json:"ordinal,omitempty"`
	File      string `json:"file,omitempty"` // where the object was read, for people
}

// Same reports whether both name the same object and ordinal, wherever it was read.
func (o Origin) Same(other Origin) bool {
	o.File, other.File = "", ""
	return o == other
}

// String is "Kind namespace/name".
func (o Origin) String() string { return o.Kind + " " + o.Namespace + "/" + o.Name }

// RestartPolicy says when an exited container is started again.
type RestartPolicy string

// The restart policies of Kubernetes.
const (
	RestartAlways    RestartPolicy = "Always"
	RestartOnFailure RestartPolicy = "OnFailure"
	RestartNever     RestartPolicy = "Never"
)

// NetworkAttachment joins a pod to one network.
type NetworkAttachment struct {
	Network string   `json:"network"`
	Aliases []string `json:"aliases,omitempty"` // further names on this network, beside those of the pod
	IPs     []string `json:"ips,omitempty"`     // asked for; empty: the next free ones
	MAC     string   `json:"mac,omitempty"`     // asked for; empty: a random one
	Name    string   `json:"interface,omitempty"`
	// HostName is the name of its other end, on the host; empty: netavark's choice.
	HostName string `json:"hostInterface,omitempty"`
}

// PortMapping publishes a container's port on the host.
type PortMapping struct {
	HostIP        string `json:"hostIP,omitempty"` // empty: all addresses
	HostPort      uint16 `json:"hostPort"`         // 0: the next free one, chosen at start
	ContainerPort uint16 `json:"containerPort"`
	Protocol      string `json:"protocol"` // "tcp", "udp" or "sctp"
	Container     string `json:"container,omitempty"`
}

// DNS is what stands in the pod's /etc/resolv.conf. Empty lists take the
// host's values and, on a bridge network, our name server.
type DNS struct {
	Mode     DNSMode  `json:"mode,omitempty"`
	Servers  []string `json:"servers,omitempty"`
	Searches []string `json:"searches,omitempty"`
	Options  []string `json:"options,omitempty"` // "ndots:2", "edns0"
}

// DNSMode says where name servers come from beside those listed.
type DNSMode string

// DNS modes. The zero value asks our name server where the pod has a bridge
// network and takes the host's servers elsewhere.
const (
	DNSCluster DNSMode = ""
	DNSHost    DNSMode = "host"  // the host's resolv.conf
	DNSNone    DNSMode = "none"  // only what is listed
	DNSImage   DNSMode = "image" // the image's /etc/resolv.conf is left alone
)

// HostGateway stands for the address by which a pod reaches its host.
const HostGateway = "host-gateway"

// HostAlias is a line of /etc/hosts. IP may be HostGateway.
type HostAlias struct {
	IP    string   `json:"ip"`
	Names []string `json:"names"`
}

// Log says how container output is kept.
type Log struct {
	Driver  string `json:"driver,omitempty"`  // "k8s-file" (also the zero value, and "json-file"), "journald", "none", "passthrough", "passthrough-tty"
	MaxSize int64  `json:"maxSize,omitempty"` // bytes; 0: the default, -1: no limit
	Path    string `json:"path,omitempty"`    // k8s-file: elsewhere than in the pod's own folder
	Tag     string `json:"tag,omitempty"`     // journald

	Labels []string `json:"labels,omitempty"` // journald: further fields, NAME=value
}
