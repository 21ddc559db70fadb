package spec

// Volume is storage that containers of one pod may mount. Exactly one of the
// kinds is set.
type Volume struct {
	Name  string       `json:"name"`
	Empty *EmptyVolume `json:"empty,omitempty"`
	Host  *HostVolume  `json:"host,omitempty"`
	Named *NamedVolume `json:"named,omitempty"`
	Files *FilesVolume `json:"files,omitempty"`
	Image *ImageVolume `json:"image,omitempty"`
	Tmpfs *TmpfsVolume `json:"tmpfs,omitempty"`
	// Overlay makes what containers write to a host, named or image volume go to
	// a layer above.
	Overlay *Overlay `json:"overlay,omitempty"`
	// Lacks is which of its files nobody has declared, in the kubelet's words: until
	// somebody does, its pod cannot be made.
	Lacks string `json:"lacks,omitempty"`
}

// ImageVolume is the file system of an image.
type ImageVolume struct {
	Image    string `json:"image"`
	SubPath  string `json:"subPath,omitempty"`
	Writable bool   `json:"writable,omitempty"` // what is written is gone with the container
}

// TmpfsVolume is a tmpfs, or ramfs, of one container, made by the runtime.
type TmpfsVolume struct {
	Kind    string   `json:"kind,omitempty"`    // "ramfs", "devpts"; empty: tmpfs
	Options []string `json:"options,omitempty"` // "size=64m", "mode=1777", "noexec", "tmpcopyup", …
}

// Overlay is the layer above a volume.
type Overlay struct {
	Upper string `json:"upper,omitempty"` // folders on the host; empty: gone with the container
	Work  string `json:"work,omitempty"`
}

// EmptyVolume lives and dies with the pod.
type EmptyVolume struct {
	Memory    bool  `json:"memory,omitempty"`    // tmpfs instead of disk
	SizeLimit int64 `json:"sizeLimit,omitempty"` // bytes; enforced on tmpfs only
	// Cap is what the pod's containers may use of memory, 0 for any amount. It
	// follows from their limits and is outside the pod's hash.
	Cap int64 `json:"cap,omitempty"`
}

// Size is how many bytes a volume in memory may hold; 0: any number.
func (v *EmptyVolume) Size() int64 {
	if v.SizeLimit == 0 || v.Cap > 0 && v.Cap < v.SizeLimit {
		return v.Cap
	}
	return v.SizeLimit
}

// HostVolume is a path of the host. Type is Kubernetes' hostPath type: "",
// DirectoryOrCreate, Directory, FileOrCreate, File, Socket, CharDevice, BlockDevice;
// or HostExists.
type HostVolume struct {
	Path string `json:"path"`
	Type string `json:"type,omitempty"`
}

// HostExists is the type of a path where something has to be, whatever it is.
const HostExists = "Exists"

// NamedVolume outlives pods. It is made where it is missing, with Labels.
type NamedVolume struct {
	Volume   string            `json:"volume"` // its name on this host
	ReadOnly bool              `json:"readOnly,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	Options  map[string]string `json:"options,omitempty"` // "device", "type", "o", as podman's volume create
	// Anonymous is one that nobody named: it goes with the container it was made for.
	Anonymous bool `json:"anonymous,omitempty"`
	// NoCopy leaves out what the image has at the place where an empty volume is mounted.
	NoCopy bool `json:"noCopy,omitempty"`
}

// FilesVolume holds files that we write: a ConfigMap or a Secret. They lie on
// tmpfs behind a ..data symlink, so that a new set of files replaces the old
// one at once.
type FilesVolume struct {
	// Content is the digest of Files. It is outside the pod's hash: other
	// content swaps the files of a running pod.
	Content string `json:"content"`
	Files   []File `json:"files,omitempty"` // never written to the pod's record
	// Omitted marks a record's copy: there are files, but not here.
	Omitted bool `json:"omitted,omitempty"`
}

// File is one file of a FilesVolume.
type File struct {
	Path string `json:"path"` // relative, clean, no ".."
	Mode uint32 `json:"mode"` // permission bits
	Data []byte `json:"data"`
	Late bool   `json:"late,omitempty"` // Data holds LatePodUID
}
