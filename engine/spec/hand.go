package spec

import (
	"reflect"
	"time"
)

// ByHand is what a container made on the command line has beyond Kubernetes:
// the meaning of podman's flags (podman-run(1)). A container that has one keeps
// its ID and its layer over restarts, as podman's do.
type ByHand struct {
	ID ContainerID `json:"id"`

	// Called is its name since it was renamed. What is kept of it stays under the
	// name it was made with.
	Called string `json:"called,omitempty"`

	// InitKind makes it one of its pod's InitContainers.
	InitKind InitKind `json:"initKind,omitempty"`

	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"` // for the runtime and its hooks
	// CreateCommand is the command line it was made by, secrets masked.
	CreateCommand []string `json:"createCommand,omitempty"`
	Attach        []string `json:"attach,omitempty"` // "stdin", "stdout", "stderr": what a terminal gets at its start; none: all

	Rootfs       *Rootfs      `json:"rootfs,omitempty"` // instead of an image
	ImageVolumes ImageVolumes `json:"imageVolumes,omitempty"`
	Umask        string       `json:"umask,omitempty"`    // octal
	Timezone     string       `json:"timezone,omitempty"` // "Europe/Berlin", "local": the host's
	Init         bool         `json:"init,omitempty"`     // a small init runs as PID 1 before it
	InitPath     string       `json:"initPath,omitempty"` // that init, on the host; empty: the engine's
	Systemd      SystemdMode  `json:"systemd,omitempty"`
	NoEntrypoint bool         `json:"noEntrypoint,omitempty"` // the image's does not count; its cmd does, where there are no Args
	Groups       []string     `json:"groups,omitempty"`       // further ones by name, resolved in the image
	MergeEnv     []EnvVar     `json:"mergeEnv,omitempty"`     // over Env; ExpandWord fills in variables of the image, and of Env
	BaseEnv      []EnvVar     `json:"baseEnv,omitempty"`      // below the image's
	UnsetEnv     []string     `json:"unsetEnv,omitempty"`     // of the image's
	UnsetEnvAll  bool         `json:"unsetEnvAll,omitempty"`
	Passwd       Passwd       `json:"passwd,omitzero"`
	HostUsers    []string     `json:"hostUsers,omitempty"` // also in its /etc/passwd
	KeepGroups   bool         `json:"keepGroups,omitempty"`
	Personality  string       `json:"personality,omitempty"` // "LINUX32"

	Devices       []Device       `json:"devices,omitempty"`
	DeviceRules   []string       `json:"deviceRules,omitempty"` // "c 10:200 rwm"
	CDI           []string       `json:"cdi,omitempty"`         // "vendor.com/class=name"
	Label         []string       `json:"label,omitempty"`       // SELinux: "disable", "type:spc_t", …
	AppArmor      string         `json:"apparmor,omitempty"`
	AppArmorUsual bool           `json:"apparmorUsual,omitempty"` // nobody asked for it: where AppArmor is off, nothing is lost
	BaseCaps      []string       `json:"baseCaps,omitzero"`       // "CAP_CHOWN"; what Security adds to and drops from; nil: the engine's
	Mask          []string       `json:"mask,omitempty"`
	Unmask        []string       `json:"unmask,omitempty"`      // "ALL", or paths, which may be patterns
	ProcOptions   []string       `json:"procOptions,omitempty"` // of the mount of /proc: "hidepid=2"
	NoTmpfs       bool           `json:"noTmpfs,omitempty"`     // a read-only root file system has no writable /tmp, /run, …
	Secrets       []SecretUse    `json:"secrets,omitempty"`
	Tuning        Tuning         `json:"tuning,omitzero"`
	Namespaces    Joins          `json:"namespaces,omitzero"`     // in a pod: over what the pod shares
	Requires      []ContainerRef `json:"requires,omitempty"`      // started before it
	StopTimeout   *time.Duration `json:"stopTimeout,omitempty"`   // over the pod's TerminationGrace; 0: killed at once
	MostRestarts  int            `json:"mostRestarts,omitempty"`  // of policy OnFailure; 0: any number
	UnlessStopped bool           `json:"unlessStopped,omitempty"` // of policy Always: not at boot, if it was stopped
	Timeout       time.Duration  `json:"timeout,omitempty"`       // after so long it is killed
	Remove        bool           `json:"remove,omitempty"`        // once it has ended, with its unnamed volumes
	Health        *Health        `json:"health,omitempty"`        // nil: the image's
	Notify        Notify         `json:"notify,omitempty"`
	NotifySocket  string         `json:"notifySocket,omitempty"` // where NotifyContainer is told of; empty: the caller's $NOTIFY_SOCKET
	Log           *Log           `json:"log,omitempty"`          // over the pod's
	PidFile       string         `json:"pidFile,omitempty"`
	IDFile        string         `json:"idFile,omitempty"` // in which its ID stands, as long as there is it
	ConmonPidFile string         `json:"conmonPidFile,omitempty"`
	Cgroup        CgroupPlace    `json:"cgroup,omitzero"`       // in a pod: over the pod's
	NoShm         bool           `json:"noShm,omitempty"`       // nothing at /dev/shm
	ShmSize       int64          `json:"shmSize,omitempty"`     // in a pod, with an IPC namespace of its own; -1: no limit
	SystemdSize   int64          `json:"systemdSize,omitempty"` // of the file systems made for systemd; -1: no limit
	ChrootDirs    []string       `json:"chrootDirs,omitempty"`  // /etc/hosts and the like also stand below these
	Preserve      []int          `json:"preserve,omitempty"`    // these descriptors are the caller's
	Hostname      string         `json:"hostname,omitempty"`    // over the pod's, where it has a UTS namespace of its own
	PublishAll    bool           `json:"publishAll,omitempty"`  // also the ports that the image and Expose name, each on a free one of the host
	Expose        []string       `json:"expose,omitempty"`      // "80/tcp"
}

// InitKind says how often an init container made by hand runs. The zero value
// is a container that is none.
type InitKind string

// Kinds of init containers made by hand.
const (
	InitAlways InitKind = "always" // at each start of its pod
	InitOnce   InitKind = "once"   // until it has ended well, then it goes
)

// Inherited is what containers get from their pod when they are added to it:
// mounts with their volumes, devices, and what is said of security.
type Inherited struct {
	Mounts   []Mount  `json:"mounts,omitempty"`
	Volumes  []Volume `json:"volumes,omitempty"`
	Security Security `json:"security,omitzero"`
	ByHand   ByHand   `json:"byHand,omitzero"`
}

// IsZero reports whether there is nothing to inherit.
func (i Inherited) IsZero() bool { return reflect.ValueOf(i).IsZero() }

// Rootfs is a tree on the host that a container has for its root.
type Rootfs struct {
	Path    string  `json:"path"`
	Overlay bool    `json:"overlay,omitempty"` // what it writes goes to a layer above
	IDMap   *IDMaps `json:"idMap,omitempty"`
}

// ImageVolumes says what becomes of the folders an image declares as volumes.
type ImageVolumes string

// Ways with an image's volumes.
const (
	ImageVolumesAnonymous ImageVolumes = ""       // each is a volume that has no name
	ImageVolumesTmpfs     ImageVolumes = "tmpfs"  // each is a tmpfs
	ImageVolumesIgnore    ImageVolumes = "ignore" // they are folders like others
)

// SystemdMode says whether a container is set up for systemd as its first process.
type SystemdMode string

// Systemd modes. The zero value looks at the command: systemd or an init.
const (
	SystemdAuto   SystemdMode = ""
	SystemdAlways SystemdMode = "always"
	SystemdNever  SystemdMode = "false"
)

// Passwd says how /etc/passwd and /etc/group get an entry for the container's user.
type Passwd struct {
	Off        bool   `json:"off,omitempty"`
	Entry      string `json:"entry,omitempty"` // with $USERNAME, $UID, $GID, $NAME, $HOME
	GroupEntry string `json:"groupEntry,omitempty"`
}

// Device is a device, or a folder of devices, of the host.
type Device struct {
	Host        string `json:"host"`
	Path        string `json:"path"`                  // in the container
	Permissions string `json:"permissions,omitempty"` // of "rwm"; empty: all
}

// SecretUse gives a stored secret to a container.
type SecretUse struct {
	Secret string `json:"secret"`        // its name
	Env    string `json:"env,omitempty"` // the variable it is; empty: a file
	Path   string `json:"path,omitempty"`
	UID    int64  `json:"uid,omitempty"`
	GID    int64  `json:"gid,omitempty"`
	Mode   uint32 `json:"mode,omitempty"`
}

// ContainerRef names a container for good: its pod and its name there.
type ContainerRef struct {
	Pod  PodID  `json:"pod"`
	Name string `json:"name"`
}

// Tuning is limits beyond those of Kubernetes. Zero and nil are the defaults.
type Tuning struct {
	MemorySwap      *int64   `json:"memorySwap,omitempty"` // bytes of memory and swap; -1: any
	Swappiness      *int64   `json:"swappiness,omitempty"`
	Reservation     int64    `json:"reservation,omitempty"` // bytes
	OOMKillDisable  bool     `json:"oomKillDisable,omitempty"`
	CPUShares       uint64   `json:"cpuShares,omitempty"`
	CPUPeriod       uint64   `json:"cpuPeriod,omitempty"` // µs
	CPUQuota        int64    `json:"cpuQuota,omitempty"`  // µs
	RealtimePeriod  uint64   `json:"realtimePeriod,omitempty"`
	RealtimeRuntime int64    `json:"realtimeRuntime,omitempty"`
	CPUSetMems      string   `json:"cpusetMems,omitempty"`
	BlkioWeight     uint16   `json:"blkioWeight,omitempty"`
	BlkioDevices    []Weight `json:"blkioDevices,omitempty"`
	ReadBps         []Rate   `json:"readBps,omitempty"`
	WriteBps        []Rate   `json:"writeBps,omitempty"`
	ReadIOps        []Rate   `json:"readIOps,omitempty"`
	WriteIOps       []Rate   `json:"writeIOps,omitempty"`

	// AnyPids asks for no limit of processes. A container that says neither this
	// nor a PidsLimit has podman's 2048 where the host can limit them.
	AnyPids     bool `json:"anyPids,omitempty"`
	HostUlimits bool `json:"hostUlimits,omitempty"` // those of whoever made it

	Unified map[string]string `json:"unified,omitempty"` // cgroup v2 files
	RDT     string            `json:"rdt,omitempty"`     // Intel RDT class
}

// Weight is a device's share of what the block layer can do.
type Weight struct {
	Device string `json:"device"` // path on the host
	Weight uint16 `json:"weight"`
}

// Rate is how much a second a device gives, in bytes or operations.
type Rate struct {
	Device string `json:"device"`
	Rate   uint64 `json:"rate"`
}

// Notify says who tells systemd that the unit of a container is ready.
type Notify string

// Ways to tell. Each but NotifyIgnore matters only where systemd waits to be told.
const (
	NotifyConmon    Notify = ""          // once it has started
	NotifyContainer Notify = "container" // the container itself, through a socket passed in
	NotifyHealthy   Notify = "healthy"   // once its health check says so
	NotifyIgnore    Notify = "ignore"    // nobody
)
