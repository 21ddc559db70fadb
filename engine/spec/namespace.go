package spec

// Joins are namespaces of others that a pod, or a container, lives in. An empty
// one is the pod's own way.
type Joins struct {
	Net    Join `json:"net,omitzero"`
	IPC    Join `json:"ipc,omitzero"`
	PID    Join `json:"pid,omitzero"`
	UTS    Join `json:"uts,omitzero"`
	Cgroup Join `json:"cgroup,omitzero"`
}

// Join is a namespace to live in: of a container, or what a path says. At most
// one is set.
type Join struct {
	Container *ContainerRef `json:"container,omitempty"`
	Path      string        `json:"path,omitempty"`
	Host      bool          `json:"host,omitempty"`
	Private   bool          `json:"private,omitempty"` // its own, where the default is another
}

// Own says which namespaces the infra container of a ByHand pod does not hold
// for the others, so that each has its own.
type Own struct {
	Net bool `json:"net,omitempty"`
	IPC bool `json:"ipc,omitempty"`
	UTS bool `json:"uts,omitempty"`
}

// UserNamespace maps the users of a pod's containers to those of the host.
type UserNamespace struct {
	UIDs []IDMap    `json:"uids,omitempty"`
	GIDs []IDMap    `json:"gids,omitempty"`
	Auto *AutoUsers `json:"auto,omitempty"` // the ranges are chosen when the pod is made
	Join Join       `json:"join,omitzero"`
}

// PingGroups is the parameter of a network's that says which groups may ping.
const PingGroups = "net.ipv4.ping_group_range"

// Host is which user and group of the host those of a container are; ok is false
// where they are nobody. Of nil they are themselves.
func (u *UserNamespace) Host(uid, gid uint32) (hostUID, hostGID int, ok bool) {
	if u == nil {
		return int(uid), int(gid), true
	}
	hostUID, hostGID = hostID(u.UIDs, uid), hostID(u.GIDs, gid)
	return hostUID, hostGID, hostUID >= 0 && hostGID >= 0
}

// Inside is which user and group of a container those of the host are; nobody
// (65534) where they are none. Of nil they are themselves.
func (u *UserNamespace) Inside(hostUID, hostGID int) (uid, gid int) {
	if u == nil {
		return hostUID, hostGID
	}
	return insideID(u.UIDs, hostUID), insideID(u.GIDs, hostGID)
}

func insideID(maps []IDMap, id int) int {
	for _, m := range maps {
		if id >= int(m.Host) && id < int(m.Host)+int(m.Size) {
			return int(m.Container) + id - int(m.Host)
		}
	}
	return 65534
}

// hostID is which number of the host one of a container is; -1 if none.
func hostID(maps []IDMap, id uint32) int {
	for _, m := range maps {
		if id >= m.Container && uint64(id) < uint64(m.Container)+uint64(m.Size) {
			return int(m.Host + (id - m.Container))
		}
	}
	return -1
}

// AutoUsers asks for ranges of users that nobody else has.
type AutoUsers struct {
	Size uint32  `json:"size,omitempty"` // 0: as many as the image needs
	UIDs []IDMap `json:"uids,omitempty"` // these are to be so
	GIDs []IDMap `json:"gids,omitempty"`
}

// IDMaps map users and groups. Empty lists are those of the container's user
// namespace.
type IDMaps struct {
	UIDs []IDMap `json:"uids,omitempty"`
	GIDs []IDMap `json:"gids,omitempty"`
}

// IDMap maps a range of users or groups.
type IDMap struct {
	Container uint32 `json:"container"`
	Host      uint32 `json:"host"`
	Size      uint32 `json:"size"`
	Relative  bool   `json:"relative,omitempty"` // of a mount: Host is of the container's user namespace
}

// CgroupPlace says where a pod's cgroups lie.
type CgroupPlace struct {
	Mode   CgroupMode `json:"mode,omitempty"`
	Parent string     `json:"parent,omitempty"` // path, or a slice under systemd
	Unit   string     `json:"unit,omitempty"`   // CgroupsSplit: the cgroup that is divided
	Apart  bool       `json:"apart,omitempty"`  // the containers' lie beside the pod's, not below it
}

// CgroupMode is podman's --cgroups.
type CgroupMode string

// Cgroup modes.
const (
	CgroupsEnabled  CgroupMode = ""
	CgroupsDisabled CgroupMode = "disabled"  // the container stays in the caller's
	CgroupsNoConmon CgroupMode = "no-conmon" // conmon stays in the caller's
	CgroupsSplit    CgroupMode = "split"     // the caller's is divided among container and conmon
)

// Infra is what a person says of a pod's infra container.
type Infra struct {
	Name          string   `json:"name,omitempty"`
	Command       []string `json:"command,omitempty"`
	Image         string   `json:"image,omitempty"` // instead of our own program
	ConmonPidFile string   `json:"conmonPidFile,omitempty"`
	None          bool     `json:"none,omitempty"`
}
