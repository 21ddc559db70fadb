//lint:file-ignore ST1003 templates name the fields as podman's JSON does

package report

import (
	"time"

	"berth/engine/image"
	"berth/engine/oci"
	"berth/engine/spec"
)

// ContainerInspect is a container as `inspect` prints it, in podman's words.
// Fields of podman's that berth has no use for are left out, or have podman's value for
// nothing; none has another meaning.
type ContainerInspect struct {
	ID              string          `json:"Id"`
	Created         time.Time       `json:"Created"`
	Path            string          `json:"Path"`
	Args            []string        `json:"Args"`
	State           State           `json:"State"`
	Image           string          `json:"Image"` // its ID
	ImageDigest     string          `json:"ImageDigest"`
	ImageName       string          `json:"ImageName"`
	Pod             string          `json:"Pod"`
	LogPath         string          `json:"LogPath"`
	Name            string          `json:"Name"`
	RestartCount    int             `json:"RestartCount"`
	Mounts          []Mount         `json:"Mounts"`
	NetworkSettings NetworkSettings `json:"NetworkSettings"`
	Namespace       string          `json:"Namespace"`
	IsInfra         bool            `json:"IsInfra"`
	IsInit          bool            `json:"IsInit"`
	PidFile         string          `json:"PidFile"`
	ConmonPidFile   string          `json:"ConmonPidFile"`
	Dependencies    []string        `json:"Dependencies"`
	Rootfs          string          `json:"Rootfs"`
	Config          Config          `json:"Config"`
	HostConfig      HostConfig      `json:"HostConfig"`

	ResolvConfPath          string            `json:"ResolvConfPath"`
	HostnamePath            string            `json:"HostnamePath"`
	HostsPath               string            `json:"HostsPath"`
	StaticDir               string            `json:"StaticDir"` // what is kept of it while it is made
	OCIConfigPath           string            `json:"OCIConfigPath,omitempty"`
	OCIRuntime              string            `json:"OCIRuntime"`
	Driver                  string            `json:"Driver"`
	GraphDriver             image.GraphDriver `json:"GraphDriver"`
	MountLabel              string            `json:"MountLabel"`
	ProcessLabel            string            `json:"ProcessLabel"`
	AppArmorProfile         string            `json:"AppArmorProfile"`
	EffectiveCaps           []string          `json:"EffectiveCaps"`
	BoundingCaps            []string          `json:"BoundingCaps"`
	ExecIDs                 []string          `json:"ExecIDs"`
	SizeRw                  *int64            `json:"SizeRw,omitempty"`     // where it was measured
	SizeRootFs              *int64            `json:"SizeRootFs,omitempty"` // with the image
	IsService               bool              `json:"IsService"`
	KubeExitCodePropagation string            `json:"KubeExitCodePropagation"`
	UseImageHosts           bool              `json:"UseImageHosts"`
	UseImageHostname        bool              `json:"UseImageHostname"`

	LastTermination *spec.Termination `json:"LastTermination,omitempty"` // ours: how the one before it ended
}

// State is the state of a container.
type State struct {
	OciVersion string    `json:"OciVersion"`
	Status     string    `json:"Status"`
	Running    bool      `json:"Running"`
	Paused     bool      `json:"Paused"`
	Restarting bool      `json:"Restarting"`
	OOMKilled  bool      `json:"OOMKilled"`
	Dead       bool      `json:"Dead"`
	Pid        int       `json:"Pid"`
	ConmonPid  int       `json:"ConmonPid,omitempty"`
	ExitCode   int       `json:"ExitCode"`
	Error      string    `json:"Error"`
	Reason     string    `json:"Reason,omitempty"` // ours: "OOMKilled", "ContainerStatusUnknown", …
	StartedAt  time.Time `json:"StartedAt"`
	FinishedAt time.Time `json:"FinishedAt"`
	CgroupPath string    `json:"CgroupPath,omitempty"`

	Health *HealthState `json:"Health,omitempty"`
}

// Healthcheck is Health, as podman's templates may call it.
func (s State) Healthcheck() *HealthState { return s.Health }

// HealthState is what a health check says of a container.
type HealthState struct {
	Status        string      `json:"Status"`
	FailingStreak int         `json:"FailingStreak"`
	Log           []HealthLog `json:"Log"`
}

// HealthLog is one run of a health check.
type HealthLog struct {
	Start    string `json:"Start"` // RFC 3339
	End      string `json:"End"`
	ExitCode int    `json:"ExitCode"`
	Output   string `json:"Output"`
}

func healthState(p *spec.PodStatus, c spec.ContainerStatus) *HealthState {
	h := Health(p, c)
	if h == nil {
		return nil
	}
	if !c.Running() { // what was known of it goes with it
		return &HealthState{}
	}
	s := &HealthState{Status: string(h.State), FailingStreak: h.FailingStreak, Log: []HealthLog{}}
	for _, r := range h.Log {
		s.Log = append(s.Log, HealthLog{r.Start.Format(time.RFC3339Nano), r.End.Format(time.RFC3339Nano), r.ExitCode, r.Output})
	}
	return s
}

// Mount is one mount of a container.
type Mount struct {
	Type        string   `json:"Type"` // "volume", "bind" or "tmpfs"
	Name        string   `json:"Name,omitempty"`
	Source      string   `json:"Source"`
	Destination string   `json:"Destination"`
	Driver      string   `json:"Driver"`
	Mode        string   `json:"Mode"`
	Options     []string `json:"Options"`
	RW          bool     `json:"RW"`
	Propagation string   `json:"Propagation"`
	SubPath     string   `json:"SubPath,omitempty"`
}

// NetworkSettings is how a container is reached.
type NetworkSettings struct {
	EndpointID          string                    `json:"EndpointID"`
	Gateway             string                    `json:"Gateway"`
	IPAddress           string                    `json:"IPAddress"`
	IPPrefixLen         int                       `json:"IPPrefixLen"`
	IPv6Gateway         string                    `json:"IPv6Gateway"`
	GlobalIPv6Address   string                    `json:"GlobalIPv6Address"`
	GlobalIPv6PrefixLen int                       `json:"GlobalIPv6PrefixLen"`
	MacAddress          string                    `json:"MacAddress"`
	Bridge              string                    `json:"Bridge"`
	SandboxID           string                    `json:"SandboxID"`
	SandboxKey          string                    `json:"SandboxKey"` // the network namespace
	Ports               map[string][]HostPort     `json:"Ports"`
	Networks            map[string]NetworkAddress `json:"Networks"`

	HairpinMode            bool   `json:"HairpinMode"`
	LinkLocalIPv6Address   string `json:"LinkLocalIPv6Address"`
	LinkLocalIPv6PrefixLen int    `json:"LinkLocalIPv6PrefixLen"`
}

// NetworkAddress is a container's place on one network.
type NetworkAddress struct {
	NetworkID           string            `json:"NetworkID"`
	EndpointID          string            `json:"EndpointID"`
	Gateway             string            `json:"Gateway"`
	IPAddress           string            `json:"IPAddress"`
	IPPrefixLen         int               `json:"IPPrefixLen"`
	IPv6Gateway         string            `json:"IPv6Gateway"`
	GlobalIPv6Address   string            `json:"GlobalIPv6Address"`
	GlobalIPv6PrefixLen int               `json:"GlobalIPv6PrefixLen"`
	MacAddress          string            `json:"MacAddress"`
	Aliases             []string          `json:"Aliases"`
	DriverOpts          map[string]string `json:"DriverOpts"`
	IPAMConfig          map[string]string `json:"IPAMConfig"`
	Links               []string          `json:"Links"`
}

// Config is what a container was told to run.
type Config struct {
	Hostname    string            `json:"Hostname"`
	User        string            `json:"User"`
	Tty         bool              `json:"Tty"`
	OpenStdin   bool              `json:"OpenStdin"`
	Env         []string          `json:"Env"`
	Cmd         []string          `json:"Cmd"`
	Entrypoint  []string          `json:"Entrypoint"`
	Image       string            `json:"Image"`
	WorkingDir  string            `json:"WorkingDir"`
	Labels      map[string]string `json:"Labels"`
	Annotations map[string]string `json:"Annotations"`
	StopSignal  string            `json:"StopSignal"`
	StopTimeout int               `json:"StopTimeout"` // seconds

	Timezone      string      `json:"Timezone,omitempty"`
	Umask         string      `json:"Umask,omitempty"`
	Timeout       int         `json:"Timeout"` // seconds
	Secrets       []SecretRef `json:"Secrets,omitempty"`
	CreateCommand []string    `json:"CreateCommand,omitempty"`
	SystemdMode   bool        `json:"SystemdMode,omitempty"`
	SdNotifyMode  string      `json:"sdNotifyMode,omitempty"`

	Domainname   string              `json:"Domainname"`
	AttachStdin  bool                `json:"AttachStdin"`
	AttachStdout bool                `json:"AttachStdout"`
	AttachStderr bool                `json:"AttachStderr"`
	StdinOnce    bool                `json:"StdinOnce"`
	Volumes      map[string]struct{} `json:"Volumes"`
	OnBuild      []string            `json:"OnBuild"`
	ExposedPorts map[string]struct{} `json:"ExposedPorts,omitempty"`
	Passwd       bool                `json:"Passwd"`

	StartupHealthCheck         *Healthcheck `json:"StartupHealthCheck,omitempty"`
	Healthcheck                *Healthcheck `json:"Healthcheck,omitempty"`
	HealthcheckOnFailureAction string       `json:"HealthcheckOnFailureAction"`
	HealthLogDestination       string       `json:"HealthLogDestination"`
	HealthcheckMaxLogCount     int          `json:"HealthcheckMaxLogCount"`
	HealthcheckMaxLogSize      int          `json:"HealthcheckMaxLogSize"`
}

// What is kept of the runs of a health check that asks for no more.
const (
	mostHealthLog = 5
	maxHealthLog  = 500 // bytes of each
)

// HealthMaxLogCount is HealthcheckMaxLogCount, as podman's templates call it.
func (r Config) HealthMaxLogCount() int { return r.HealthcheckMaxLogCount }

// HealthMaxLogSize is HealthcheckMaxLogSize, as podman's templates call it.
func (r Config) HealthMaxLogSize() int { return r.HealthcheckMaxLogSize }

// Healthcheck is how a container's health is checked, in Docker's form: Test begins
// with CMD or CMD-SHELL. Times are in nanoseconds; an Interval of 0 is only when it
// is asked for.
type Healthcheck struct {
	Test        []string      `json:"Test,omitempty"`
	StartPeriod time.Duration `json:"StartPeriod,omitempty"`
	Interval    time.Duration `json:"Interval,omitempty"`
	Timeout     time.Duration `json:"Timeout,omitempty"`
	Retries     int           `json:"Retries,omitempty"`
	Successes   int           `json:"Successes,omitempty"` // of the check at the start
}

// SecretRef is a secret that a container is given.
type SecretRef struct {
	Name string `json:"Name"`
	UID  int64  `json:"UID"`
	GID  int64  `json:"GID"`
	Mode uint32 `json:"Mode"`
}

// HostConfig is how a container meets the host. Its fields are named as in
// JSON, since templates name them: {{.HostConfig.CpuQuota}}.
type HostConfig struct {
	Binds             []string              `json:"Binds"`
	LogConfig         LogConfig             `json:"LogConfig"`
	NetworkMode       string                `json:"NetworkMode"`
	PortBindings      map[string][]HostPort `json:"PortBindings"`
	RestartPolicy     RestartPolicy         `json:"RestartPolicy"`
	CapAdd            []string              `json:"CapAdd"`
	CapDrop           []string              `json:"CapDrop"`
	Dns               []string              `json:"Dns"`
	DnsOptions        []string              `json:"DnsOptions"`
	DnsSearch         []string              `json:"DnsSearch"`
	ExtraHosts        []string              `json:"ExtraHosts"`
	IpcMode           string                `json:"IpcMode"`
	PidMode           string                `json:"PidMode"`
	UTSMode           string                `json:"UTSMode"`
	OomScoreAdj       int                   `json:"OomScoreAdj"`
	Privileged        bool                  `json:"Privileged"`
	ReadonlyRootfs    bool                  `json:"ReadonlyRootfs"`
	SecurityOpt       []string              `json:"SecurityOpt"`
	CpuShares         int64                 `json:"CpuShares"`
	CpuPeriod         int64                 `json:"CpuPeriod"`
	CpuQuota          int64                 `json:"CpuQuota"`
	CpusetCpus        string                `json:"CpusetCpus"`
	NanoCpus          int64                 `json:"NanoCpus"`
	Memory            int64                 `json:"Memory"`
	MemoryReservation int64                 `json:"MemoryReservation"`
	MemorySwap        int64                 `json:"MemorySwap"`
	MemorySwappiness  int64                 `json:"MemorySwappiness"`
	OomKillDisable    bool                  `json:"OomKillDisable"`
	BlkioWeight       uint16                `json:"BlkioWeight"`
	CpusetMems        string                `json:"CpusetMems"`
	ShmSize           int64                 `json:"ShmSize"`
	Init              bool                  `json:"Init"`
	AutoRemove        bool                  `json:"AutoRemove"`
	PublishAllPorts   bool                  `json:"PublishAllPorts"`
	Annotations       map[string]string     `json:"Annotations"`
	Devices           []Device              `json:"Devices"`
	Tmpfs             map[string]string     `json:"Tmpfs"`
	CgroupParent      string                `json:"CgroupParent"`
	Cgroups           string                `json:"Cgroups"`
	CgroupMode        string                `json:"CgroupMode"`
	UsernsMode        string                `json:"UsernsMode"`
	IDMappings        *IDMappings           `json:"IDMappings,omitempty"` // nil: the host's
	PidsLimit         int64                 `json:"PidsLimit"`
	Ulimits           []Ulimit              `json:"Ulimits"`

	CgroupManager   string   `json:"CgroupManager"`
	Cgroup          string   `json:"Cgroup"`
	ContainerIDFile string   `json:"ContainerIDFile"`
	AutoRemoveImage bool     `json:"AutoRemoveImage"`
	VolumeDriver    string   `json:"VolumeDriver"`
	VolumesFrom     []string `json:"VolumesFrom"`
	HostsFile       string   `json:"HostsFile"`
	GroupAdd        []string `json:"GroupAdd"`
	Links           []string `json:"Links"`
	Runtime         string   `json:"Runtime"`
	ConsoleSize     [2]uint  `json:"ConsoleSize"`

	BlkioWeightDevice    []WeightDevice    `json:"BlkioWeightDevice"`
	BlkioDeviceReadBps   []ThrottleDevice  `json:"BlkioDeviceReadBps"`
	BlkioDeviceWriteBps  []ThrottleDevice  `json:"BlkioDeviceWriteBps"`
	BlkioDeviceReadIOps  []ThrottleDevice  `json:"BlkioDeviceReadIOps"`
	BlkioDeviceWriteIOps []ThrottleDevice  `json:"BlkioDeviceWriteIOps"`
	CpuRealtimePeriod    uint64            `json:"CpuRealtimePeriod"`
	CpuRealtimeRuntime   int64             `json:"CpuRealtimeRuntime"`
	CgroupConf           map[string]string `json:"CgroupConf"`

	// What no container of ours has.
	Isolation          string `json:"Isolation"`
	KernelMemory       int64  `json:"KernelMemory"`
	DiskQuota          uint64 `json:"DiskQuota"`
	CpuCount           uint64 `json:"CpuCount"`
	CpuPercent         uint64 `json:"CpuPercent"`
	IOMaximumIOps      uint64 `json:"IOMaximumIOps"`
	IOMaximumBandwidth uint64 `json:"IOMaximumBandwidth"`
}

// IDMappings are the users of a container: container:host:size.
type IDMappings struct {
	UidMap []string `json:"UidMap"`
	GidMap []string `json:"GidMap"`
}

// WeightDevice is a device's share of what the block layer can do.
type WeightDevice struct {
	Path   string `json:"path"`
	Weight uint16 `json:"weight"`
}

// ThrottleDevice is how much a second a device gives.
type ThrottleDevice struct {
	Path string `json:"path"`
	Rate uint64 `json:"rate"`
}

// LogConfig is where a container's output goes.
type LogConfig struct {
	Type   string            `json:"Type"`
	Config map[string]string `json:"Config"`
	Path   string            `json:"Path"`
	Tag    string            `json:"Tag"`
	Size   string            `json:"Size"`
}

// RestartPolicy is when a container is started again.
type RestartPolicy struct {
	Name              string `json:"Name"`
	MaximumRetryCount int    `json:"MaximumRetryCount"`
}

// Device is a device of the host.
type Device struct {
	PathOnHost        string `json:"PathOnHost"`
	PathInContainer   string `json:"PathInContainer"`
	CgroupPermissions string `json:"CgroupPermissions"`
}

// Ulimit is a resource limit.
type Ulimit struct {
	Name string `json:"Name"`
	Soft uint64 `json:"Soft"`
	Hard uint64 `json:"Hard"`
}

// InspectContainer is everything known of one container of a pod.
func InspectContainer(p *spec.PodStatus, c spec.ContainerStatus) ContainerInspect {
	infra := c.ID == p.Infra.ID && c.ID != ""
	r := ContainerInspect{
		ID: string(c.ID), Created: c.CreatedAt, Args: []string{},
		State:       state(p, c),
		Image:       c.ImageID,
		ImageDigest: c.ImageDigest, ImageName: c.Image,
		Pod: string(p.Pod.ID), LogPath: c.LogPath, Name: p.Pod.InfraName(),
		RestartCount: p.Restarts(&c), Mounts: []Mount{},
		Dependencies: []string{}, NetworkSettings: networkSettings(p), Namespace: p.Pod.Namespace, IsInfra: infra, IsInit: c.Init,
		LastTermination: p.History[c.Name].Last,
		UseImageHosts:   p.Pod.NoHosts, UseImageHostname: p.Pod.NoHostname,
		ExecIDs: []string{}, EffectiveCaps: []string{}, BoundingCaps: []string{}, KubeExitCodePropagation: "invalid",
	}
	if len(c.Command) > 0 {
		r.Path, r.Args = c.Command[0], c.Command[1:]
	}
	own := spec.Container{Name: c.Name, Image: c.Image}
	if s, ok := p.Pod.Container(c.Name); ok && !infra {
		own = *s
		r.Name = p.Pod.ContainerName(c.Name)
		r.Mounts = mounts(&p.Pod, s)
	}
	r.Config = config(p, c, own)
	if own.ByHand != nil {
		r.Config.Hostname = oci.Hostname(&p.Pod, &own)
	}
	r.HostConfig = hostConfig(p, own, r.Mounts)
	r.HostConfig.LogConfig.Path = c.LogPath
	if infra {
		r.HostConfig.asInfra(p)
		if p.Pod.Infra != nil {
			r.ConmonPidFile = p.Pod.Infra.ConmonPidFile
		}
	} else if !p.Pod.Bare && p.Pod.HasInfra() {
		r.Dependencies = append(r.Dependencies, infraRef(p))
	}
	if p.Pod.Bare {
		r.Pod = ""
	}
	if own.ByHand != nil {
		r.byHand(&p.Pod, &own)
	}
	if own.ByHand != nil && p.Pod.Bare {
		for port := range r.HostConfig.PortBindings {
			r.Config.expose(port)
		}
	}
	return r
}

func state(p *spec.PodStatus, c spec.ContainerStatus) State {
	s := State{
		Status: StateWord(p, c), Running: c.Running(), Paused: c.State == spec.StatePaused, OOMKilled: c.OOMKilled,
		Dead: c.State == spec.StateUnknown, Pid: c.Pid, ConmonPid: c.ConmonPid, ExitCode: c.ExitCode,
		Error: c.Message, Reason: c.Reason, StartedAt: c.StartedAt, FinishedAt: c.FinishedAt,
	}
	if c.Running() {
		s.CgroupPath = c.CgroupPath
	}
	s.Health = healthState(p, c)
	return s
}

func config(p *spec.PodStatus, c spec.ContainerStatus, own spec.Container) Config {
	facts := spec.Facts{PodIPs: p.IPs, PodUID: p.Pod.ID.UID()}
	r := Config{
		Hostname: p.Pod.Hostname, User: userText(own.User), Tty: own.TTY, OpenStdin: own.Stdin,
		Env: []string{}, Cmd: own.Args, Entrypoint: own.Command, Image: c.Image, WorkingDir: own.WorkingDir,
		Labels: p.Pod.Labels, Annotations: p.Pod.Annotations, StopSignal: own.StopSignal,
		StopTimeout:                int(p.Pod.TerminationGrace / time.Second),
		HealthcheckOnFailureAction: "none", HealthLogDestination: "local", HealthcheckMaxLogCount: mostHealthLog, HealthcheckMaxLogSize: maxHealthLog,
	}
	if r.StopSignal == "" {
		r.StopSignal = "SIGTERM"
	}
	fill := func(s string) string { return spec.Mask(facts.Fill(s)) }
	for _, e := range own.Env {
		r.Env = append(r.Env, e.Name+"="+fill(e.Value))
	}
	r.Cmd, r.Entrypoint, r.WorkingDir = each(r.Cmd, fill), each(r.Entrypoint, fill), fill(r.WorkingDir)
	return r
}

func each(words []string, do func(string) string) []string {
	var out []string
	for _, w := range words {
		out = append(out, do(w))
	}
	return out
}
