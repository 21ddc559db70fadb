package spec

// Container is one container of a pod.
type Container struct {
	Name       string     `json:"name"`
	Image      string     `json:"image"` // as written
	PullPolicy PullPolicy `json:"pullPolicy,omitempty"`

	// ImageID is the image that was resolved, set when the pod is made and
	// outside the hash.
	ImageID     string `json:"imageID,omitempty"`
	ImageDigest string `json:"imageDigest,omitempty"`

	Command    []string `json:"command,omitempty"` // replaces the image's entrypoint and, with no Args, its cmd
	Args       []string `json:"args,omitempty"`    // replaces the image's cmd
	WorkingDir string   `json:"workingDir,omitempty"`
	Env        []EnvVar `json:"env,omitempty"` // over the image's; the last of a name wins

	User   User    `json:"user"`
	TTY    bool    `json:"tty,omitempty"`
	Stdin  bool    `json:"stdin,omitempty"`
	Mounts []Mount `json:"mounts,omitempty"`

	Resources Resources `json:"resources"`
	Security  Security  `json:"security"`

	StopSignal string `json:"stopSignal,omitempty"` // empty: the image's, else SIGTERM
	// RestartPolicy overrides the pod's for this container; empty: the pod's.
	RestartPolicy RestartPolicy `json:"restartPolicy,omitempty"`
	Lifecycle     Lifecycle     `json:"lifecycle,omitzero"`
	// RestartOnResize are the resources, "cpu" and "memory", whose change takes a
	// restart.
	RestartOnResize []string `json:"restartOnResize,omitempty"`
	ByHand          *ByHand  `json:"byHand,omitempty"` // nil in what Kubernetes YAML makes
	// Declared is what the pod's object says where a person has set something else;
	// nil: nobody has. Outside the hash.
	Declared *Declared `json:"declared,omitempty"`
	// Lacks is what it reads that nobody has declared, in the kubelet's words: until
	// somebody does, and it is another one, it cannot be made.
	Lacks string `json:"lacks,omitempty"`
}

// PullPolicy says when an image is fetched.
type PullPolicy string

// Pull policies. Missing pulls only an image that is not in the store.
const (
	PullAlways  PullPolicy = "Always"
	PullMissing PullPolicy = "IfNotPresent"
	PullNever   PullPolicy = "Never"
	PullNewer   PullPolicy = "Newer"
)

// EnvVar is a variable, its value possibly holding Late values.
type EnvVar struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// User is who a container's process runs as. Name is podman's form, user[:group]
// by name or number, resolved in the image; UID and GID override it.
type User struct {
	Name   string  `json:"name,omitempty"`
	UID    *int64  `json:"uid,omitempty"`
	GID    *int64  `json:"gid,omitempty"`
	Groups []int64 `json:"groups,omitempty"` // supplementary, beside those of the image's /etc/group
	// NonRoot refuses to start the container as user 0 or as a user the image
	// gives only by name.
	NonRoot bool `json:"nonRoot,omitempty"`
}

// Mount puts a volume of the pod, or a part of it, into a container.
type Mount struct {
	Volume      string      `json:"volume"`
	Path        string      `json:"path"`              // absolute, in the container
	SubPath     string      `json:"subPath,omitempty"` // relative, in the volume; may hold Late values
	ReadOnly    bool        `json:"readOnly,omitempty"`
	RecursiveRO bool        `json:"recursiveReadOnly,omitempty"`
	Propagation Propagation `json:"propagation,omitempty"`
	Options     []string    `json:"options,omitempty"` // further bind options: "noexec", "nosuid", "nodev", "Z", "z", "U"
	IDMap       *IDMaps     `json:"idMap,omitempty"`   // whose files the container sees as whose
}

// Propagation says how mounts below a mount travel between host and container.
type Propagation string

// Mount propagations; the zero value is private. What is made by hand may have
// any of mount(8).
const (
	PropagationPrivate       Propagation = ""
	PropagationHostContainer Propagation = "rslave"
	PropagationBidirectional Propagation = "rshared"
)

// Resources are a container's requests and limits. Zero means none.
type Resources struct {
	CPURequest    int64    `json:"cpuRequest,omitempty"`    // thousandths of a core
	CPULimit      int64    `json:"cpuLimit,omitempty"`      // thousandths of a core
	MemoryRequest int64    `json:"memoryRequest,omitempty"` // bytes
	MemoryLimit   int64    `json:"memoryLimit,omitempty"`   // bytes
	PidsLimit     int64    `json:"pidsLimit,omitempty"`
	CPUSet        string   `json:"cpuset,omitempty"`
	OOMScoreAdj   *int     `json:"oomScoreAdj,omitempty"`
	Ulimits       []Ulimit `json:"ulimits,omitempty"`
}

// Resize takes over what can be changed while a container runs, CPU and memory,
// and the OOM score that follows from them.
func (r *Resources) Resize(to Resources) {
	r.CPURequest, r.CPULimit = to.CPURequest, to.CPULimit
	r.MemoryRequest, r.MemoryLimit = to.MemoryRequest, to.MemoryLimit
	r.OOMScoreAdj = to.OOMScoreAdj
}

// Ulimit is a resource limit of the container's processes.
type Ulimit struct {
	Name string `json:"name"` // "nofile"
	Soft uint64 `json:"soft"`
	Hard uint64 `json:"hard"`
}

// DefaultCapabilities are podman's (containers.conf(5), default_capabilities), in order.
func DefaultCapabilities() []string {
	return []string{
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE",
		"CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
	}
}

// SeccompImage is the seccomp profile that the image's label
// io.containers.seccomp.profile holds, else the default one.
const SeccompImage = "image"

// Security says what a container's processes may do.
type Security struct {
	Privileged      bool     `json:"privileged,omitempty"`
	ReadOnlyRoot    bool     `json:"readOnlyRoot,omitempty"`
	NoNewPrivileges bool     `json:"noNewPrivileges,omitempty"`
	CapAdd          []string `json:"capAdd,omitempty"` // "CAP_NET_ADMIN", "ALL"
	CapDrop         []string `json:"capDrop,omitempty"`
	Seccomp         string   `json:"seccomp,omitempty"`   // empty: the default profile, "unconfined", SeccompImage, or an absolute path
	ProcMount       string   `json:"procMount,omitempty"` // "Unmasked": no masked or read-only paths
}
