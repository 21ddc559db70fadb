package specgen

// Spec is a container: podman's SpecGenerator.
type Spec struct {
	Name       string            `json:"name,omitempty"`
	Pod        string            `json:"pod,omitempty"`
	Entrypoint []string          `json:"entrypoint,omitempty"`
	Command    []string          `json:"command,omitempty"`
	Env        map[string]string `json:"env,omitempty"`
	Terminal   bool              `json:"terminal,omitempty"`
	Stdin      bool              `json:"stdin,omitempty"`

	Labels        map[string]string `json:"labels,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
	StopSignal    int               `json:"stop_signal,omitempty"`
	StopTimeout   *uint             `json:"stop_timeout,omitempty"` // seconds
	Timeout       uint              `json:"timeout,omitempty"`      // seconds
	Log           *Log              `json:"log_configuration,omitempty"`
	ConmonPidFile string            `json:"conmon_pid_file,omitempty"`
	RestartPolicy string            `json:"restart_policy,omitempty"`
	RestartTries  uint              `json:"restart_tries,omitempty"`
	Systemd       string            `json:"systemd,omitempty"`
	SdNotifyMode  string            `json:"sdnotifyMode,omitempty"`
	PidNS         Namespace         `json:"pidns"`
	UtsNS         Namespace         `json:"utsns"`
	Hostname      string            `json:"hostname,omitempty"`
	Sysctl        map[string]string `json:"sysctl,omitempty"`
	Remove        bool              `json:"remove,omitempty"`

	CreateCommand []string          `json:"containerCreateCommand,omitempty"`
	Timezone      string            `json:"timezone,omitempty"`
	Dependencies  []string          `json:"dependencyContainers,omitempty"`
	EnvSecrets    map[string]string `json:"secret_env,omitempty"` // variable → stored secret
	InitType      string            `json:"init_container_type"`
	Personality   *Personality      `json:"personality,omitempty"`
	EnvMerge      []string          `json:"envmerge,omitempty"`
	UnsetEnv      []string          `json:"unsetenv,omitempty"`
	UnsetEnvAll   bool              `json:"unsetenvall,omitempty"`
	Passwd        *bool             `json:"manage_password,omitempty"`
	PasswdEntry   string            `json:"passwd_entry,omitempty"`
	GroupEntry    string            `json:"group_entry,omitempty"`

	storage
	security
	cgroup
	network
	resources
	health
}

// storage is what a container stands on and mounts.
type storage struct {
	Image           string          `json:"image"`
	RawImageName    string          `json:"raw_image_name,omitempty"`
	Rootfs          string          `json:"rootfs,omitempty"`
	RootfsOverlay   bool            `json:"rootfs_overlay,omitempty"`
	ImageVolumeMode string          `json:"image_volume_mode,omitempty"`
	Init            bool            `json:"init,omitempty"`
	InitPath        string          `json:"init_path,omitempty"`
	Mounts          []Mount         `json:"mounts,omitempty"`
	Volumes         []NamedVolume   `json:"volumes,omitempty"`
	OverlayVolumes  []OverlayVolume `json:"overlay_volumes,omitempty"`
	ImageVolumes    []ImageVolume   `json:"image_volumes,omitempty"`
	Devices         []Device        `json:"devices,omitempty"`
	DeviceRules     []DeviceRule    `json:"device_cgroup_rule,omitempty"`
	IpcNS           Namespace       `json:"ipcns"`
	ShmSize         *int64          `json:"shm_size,omitempty"`
	ShmSizeSystemd  *int64          `json:"shm_size_systemd,omitempty"`
	WorkDir         string          `json:"work_dir,omitempty"`
	Secrets         []Secret        `json:"secrets,omitempty"`
	ChrootDirs      []string        `json:"chroot_directories,omitempty"`
}

// security is what a container's processes may do.
type security struct {
	Privileged         bool        `json:"privileged"`
	User               string      `json:"user,omitempty"`
	Groups             []string    `json:"groups,omitempty"`
	CapAdd             []string    `json:"cap_add,omitempty"`
	CapDrop            []string    `json:"cap_drop,omitempty"`
	SelinuxOpts        []string    `json:"selinux_opts,omitempty"`
	ApparmorProfile    string      `json:"apparmor_profile,omitempty"`
	SeccompPolicy      string      `json:"seccomp_policy,omitempty"`
	SeccompProfilePath string      `json:"seccomp_profile_path,omitempty"`
	NoNewPrivileges    bool        `json:"no_new_privileges,omitempty"`
	UserNS             Namespace   `json:"userns"`
	IDMappings         *IDMappings `json:"idmappings,omitempty"`
	ReadOnly           bool        `json:"read_only_filesystem,omitempty"`
	ReadWriteTmpfs     bool        `json:"read_write_tmpfs,omitempty"`
	Umask              string      `json:"umask,omitempty"`
	ProcOpts           []string    `json:"procfs_opts,omitempty"`
	Mask               []string    `json:"mask,omitempty"`
	Unmask             []string    `json:"unmask,omitempty"`
}

type cgroup struct {
	CgroupNS     Namespace `json:"cgroupns"`
	CgroupsMode  string    `json:"cgroups_mode,omitempty"`
	CgroupParent string    `json:"cgroup_parent,omitempty"`
}

// network is how a container, or a pod, is reached and what it is told of others.
type network struct {
	NetNS         Namespace          `json:"netns"`
	PortMappings  []Port             `json:"portmappings,omitempty"`
	PublishAll    bool               `json:"publish_image_ports,omitempty"`
	Expose        map[uint16]string  `json:"expose,omitempty"`
	Networks      map[string]Network `json:"Networks"`
	ImageResolv   bool               `json:"use_image_resolve_conf,omitempty"`
	DNSServers    []string           `json:"dns_server,omitempty"`
	DNSSearch     []string           `json:"dns_search,omitempty"`
	DNSOptions    []string           `json:"dns_option,omitempty"`
	ImageHostname bool               `json:"use_image_hostname"`
	ImageHosts    bool               `json:"use_image_hosts"`
	BaseHostsFile string             `json:"base_hosts_file,omitempty"`
	HostAdd       []string           `json:"hostadd,omitempty"`
}

// resources are limits. Devices are known by their paths.
type resources struct {
	IntelRdt      *IntelRdt         `json:"intelRdt,omitempty"`
	Limits        *Limits           `json:"resource_limits,omitempty"`
	Rlimits       []Rlimit          `json:"r_limits,omitempty"`
	OOMScoreAdj   *int              `json:"oom_score_adj,omitempty"`
	WeightDevice  map[string]Weight `json:"weightDevice,omitempty"`
	ReadBps       map[string]Rate   `json:"throttleReadBpsDevice,omitempty"`
	WriteBps      map[string]Rate   `json:"throttleWriteBpsDevice,omitempty"`
	ReadIOps      map[string]Rate   `json:"throttleReadIOPSDevice,omitempty"`
	WriteIOps     map[string]Rate   `json:"throttleWriteIOPSDevice,omitempty"`
	CgroupUnified map[string]string `json:"unified,omitempty"`
}

// health is a container's health check. Times are in nanoseconds.
type health struct {
	Health         *HealthCheck `json:"healthconfig,omitempty"`
	OnFailure      int          `json:"health_check_on_failure_action,omitempty"`
	Startup        *HealthCheck `json:"startupHealthConfig,omitempty"`
	LogDestination string       `json:"healthLogDestination"`
	MaxLogCount    uint         `json:"healthMaxLogCount"`
	MaxLogSize     uint         `json:"healthMaxLogSize"`
}

// Namespace says in which namespace something lives: mode "default", "private",
// "host", "container", "path", "bridge" or "none".
type Namespace struct {
	Mode  string `json:"nsmode,omitempty"`
	Value string `json:"value,omitempty"`
}

// Log says how output is kept.
type Log struct {
	Driver  string            `json:"driver,omitempty"`
	Path    string            `json:"path,omitempty"`
	Size    int64             `json:"size,omitempty"`
	Options map[string]string `json:"options,omitempty"`
}

// Personality is an execution domain: "LINUX32".
type Personality struct {
	Domain string `json:"domain"`
}

// Mount is a mount of the runtime's.
type Mount struct {
	Destination string   `json:"destination"`
	Type        string   `json:"type,omitempty"`
	Source      string   `json:"source,omitempty"`
	Options     []string `json:"options,omitempty"`
}

// NamedVolume mounts a volume.
type NamedVolume struct {
	Name        string
	Dest        string
	Options     []string
	IsAnonymous bool
	SubPath     string
}

// OverlayVolume mounts a layer above a folder or a volume.
type OverlayVolume struct {
	Destination string   `json:"destination"`
	Source      string   `json:"source,omitempty"`
	Options     []string `json:"options,omitempty"`
}

// ImageVolume mounts the file system of an image.
type ImageVolume struct {
	Source      string
	Destination string
	ReadWrite   bool
	SubPath     string `json:"subPath,omitempty"`
}

// Device is a device of the host; its path is as --device takes it.
type Device struct {
	Path string `json:"path"`
}

// DeviceRule lets a kind of devices be used.
type DeviceRule struct {
	Allow  bool   `json:"allow"`
	Type   string `json:"type,omitempty"`
	Major  *int64 `json:"major,omitempty"` // nil: any
	Minor  *int64 `json:"minor,omitempty"`
	Access string `json:"access,omitempty"`
}

// Secret is a stored secret as a file.
type Secret struct {
	Source string
	Target string
	UID    uint32
	GID    uint32
	Mode   uint32
}

// IDMappings say whose users a container's are.
type IDMappings struct {
	HostUIDMapping bool
	HostGIDMapping bool
	UIDMap         []IDMap
	GIDMap         []IDMap
	AutoUserNs     bool
	AutoUserNsOpts AutoUserNs
}

// IDMap maps a range of users.
type IDMap struct {
	ContainerID uint32 `json:"container_id"`
	HostID      uint32 `json:"host_id"`
	Size        uint32 `json:"size"`
}

// AutoUserNs asks for a range of users that nobody has.
type AutoUserNs struct {
	Size                  uint32
	InitialSize           uint32
	PasswdFile            string
	GroupFile             string
	AdditionalUIDMappings []IDMap
	AdditionalGIDMappings []IDMap
}

// Port is a published port.
type Port struct {
	HostIP        string `json:"host_ip"`
	ContainerPort uint16 `json:"container_port"`
	HostPort      uint16 `json:"host_port"`
	Range         uint16 `json:"range"`
	Protocol      string `json:"protocol"`
}

// Network is a place on a network.
type Network struct {
	StaticIPs     []string `json:"static_ips,omitempty"`
	Aliases       []string `json:"aliases,omitempty"`
	StaticMAC     string   `json:"static_mac,omitempty"`
	InterfaceName string   `json:"interface_name,omitempty"`
}

// IntelRdt is a class of Intel's resource director.
type IntelRdt struct {
	ClosID string `json:"closID"`
}

// Limits are those of the runtime specification.
type Limits struct {
	Memory  *Memory  `json:"memory,omitempty"`
	CPU     *CPU     `json:"cpu,omitempty"`
	Pids    *Pids    `json:"pids,omitempty"`
	BlockIO *BlockIO `json:"blockIO,omitempty"`
}

// Memory is limits in bytes.
type Memory struct {
	Limit            *int64 `json:"limit,omitempty"`
	Reservation      *int64 `json:"reservation,omitempty"`
	Swap             *int64 `json:"swap,omitempty"`
	Swappiness       *int64 `json:"swappiness,omitempty"`
	DisableOOMKiller *bool  `json:"disableOOMKiller,omitempty"`
}

// CPU is shares and limits, in µs.
type CPU struct {
	Shares          *uint64 `json:"shares,omitempty"`
	Quota           *int64  `json:"quota,omitempty"`
	Period          *uint64 `json:"period,omitempty"`
	RealtimeRuntime *int64  `json:"realtimeRuntime,omitempty"`
	RealtimePeriod  *uint64 `json:"realtimePeriod,omitempty"`
	Cpus            string  `json:"cpus,omitempty"`
	Mems            string  `json:"mems,omitempty"`
}

// Pids is how many processes there may be; 0: any number.
type Pids struct {
	Limit int64 `json:"limit"`
}

// BlockIO is a share of what the block layer can do.
type BlockIO struct {
	Weight *uint16 `json:"weight,omitempty"`
}

// Rlimit is a limit of the processes.
type Rlimit struct {
	Type string `json:"type"` // "RLIMIT_NOFILE"
	Hard uint64 `json:"hard"`
	Soft uint64 `json:"soft"`
}

// Weight is a device's share.
type Weight struct {
	Major  int64  `json:"major"`
	Minor  int64  `json:"minor"`
	Weight uint16 `json:"weight"`
}

// Rate is what a device gives a second.
type Rate struct {
	Major int64  `json:"major"`
	Minor int64  `json:"minor"`
	Rate  uint64 `json:"rate"`
}

// HealthCheck is a command that says how a container does.
type HealthCheck struct {
	Test        []string
	StartPeriod int64 `json:",omitempty"`
	Interval    int64 `json:",omitempty"`
	Timeout     int64 `json:",omitempty"`
	Retries     int   `json:",omitempty"`
	Successes   int   `json:",omitempty"` // of the one at the start
}

// PodSpec is a pod: podman's PodSpecGenerator.
type PodSpec struct {
	Name               string            `json:"name,omitempty"`
	Hostname           string            `json:"hostname,omitempty"`
	ExitPolicy         string            `json:"exit_policy,omitempty"`
	Labels             map[string]string `json:"labels,omitempty"`
	NoInfra            bool              `json:"no_infra,omitempty"`
	InfraConmonPidFile string            `json:"infra_conmon_pid_file,omitempty"`
	InfraCommand       []string          `json:"infra_command,omitempty"`
	InfraImage         string            `json:"infra_image,omitempty"`
	InfraName          string            `json:"infra_name,omitempty"`
	IpcNS              Namespace         `json:"ipcns"`
	SharedNamespaces   []string          `json:"shared_namespaces,omitempty"`
	RestartPolicy      string            `json:"restart_policy,omitempty"`
	PidNS              Namespace         `json:"pidns"`
	UserNS             Namespace         `json:"userns"`
	UtsNS              Namespace         `json:"utsns"`
	Devices            []string          `json:"pod_devices,omitempty"`
	Sysctl             map[string]string `json:"sysctl,omitempty"`

	NetNS         Namespace          `json:"netns"`
	PortMappings  []Port             `json:"portmappings,omitempty"`
	Networks      map[string]Network `json:"Networks"`
	ImageResolv   bool               `json:"no_manage_resolv_conf,omitempty"`
	DNSServers    []string           `json:"dns_server,omitempty"`
	DNSSearch     []string           `json:"dns_search,omitempty"`
	DNSOptions    []string           `json:"dns_option,omitempty"`
	ImageHostname bool               `json:"no_manage_hostname,omitempty"`
	ImageHosts    bool               `json:"no_manage_hosts,omitempty"`
	HostAdd       []string           `json:"hostadd,omitempty"`

	CgroupParent string      `json:"cgroup_parent,omitempty"`
	Limits       *Limits     `json:"resource_limits,omitempty"`
	ShmSize      *int64      `json:"shm_size,omitempty"`
	IDMappings   *IDMappings `json:"idmappings,omitempty"`
}
