package oci

import (
	"fmt"

	"berth/engine/spec"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Input is all BuildSpec merges.
type Input struct {
	Pod       *spec.Pod
	Container *spec.Container
	Image     ociv1.ImageConfig
	Rootfs    string // the mounted root file system; users and groups are looked up inside it

	// Mounts are the volumes, resolved, and the generated files
	// (/etc/hosts, /etc/resolv.conf, /etc/hostname).
	Mounts     []Mount
	Namespaces Namespaces
	// NoShm leaves /dev/shm out, ShmSize is that of one of its own, in bytes; 0:
	// the default, -1: no limit.
	NoShm   bool
	ShmSize int64
	// ShmPath is the pod's /dev/shm on the host (EnsureShm); empty: one of the
	// container's own, or the host's when the pod shares its IPC namespace.
	ShmPath string
	// VolumeDir is a folder of the container's own, for the volumes its image
	// declares when the root file system is read-only.
	VolumeDir string
	// CgroupPath is what Runtime.CgroupPath gives.
	CgroupPath string
	// NotifyDir is the container's Container.NotifyDir where it is to tell
	// systemd itself that it is ready, through conmon. NotifySocket is systemd's
	// own socket where it can reach that.
	NotifyDir string
	// InitPath is a small init on the host that runs before the container's command.
	InitPath string
	// Secrets are variables from stored secrets.
	Secrets []spec.EnvVar
	// ListenFDs are how many sockets the service manager passes in, and their names.
	ListenFDs    int
	ListenNames  string
	NotifySocket string
	Place        spec.CgroupPlace
	Facts        spec.Facts
	Host         Host
}

// Mount puts a file or folder of the host into a container, or a new file system
// of a kind.
type Mount struct {
	Type        string // "tmpfs", "ramfs", "devpts"; empty: Source is mounted
	Source      string
	Path        string // absolute, in the container
	ReadOnly    bool
	Recursive   bool // read-only for what is mounted below, too
	Propagation spec.Propagation
	Options     []string // further bind options: "noexec", "nosuid", "nodev"; "z", "Z" and "U" are the business of whoever resolved the source. Of a Type: its own
}

// What stands in Namespaces for the host's own, and for a new one.
const (
	HostNamespace    = "host"
	PrivateNamespace = "private"
)

// Namespaces says for each kind which one a container lives in: empty a new
// one, HostNamespace the host's, else the path of one to join.
type Namespaces struct {
	Net, IPC, UTS, PID string
	// User: empty is the host's, or where the pod's users are mapped a new one.
	User string
	// Cgroup: empty is a new one with cgroup v2, and the host's with v1;
	// PrivateNamespace is a new one.
	Cgroup string
}

// InfraNamespaces are those a pod's infra container makes or joins, or in a pod
// without one each container; netns is the path of the pod's network namespace.
func InfraNamespaces(pod *spec.Pod, netns string) Namespaces {
	n := Namespaces{Net: netns}
	if pod.HostNet {
		n.Net = HostNamespace
		if !pod.Bare && !pod.ByHand {
			n.UTS = HostNamespace
		}
	}
	if pod.HostIPC {
		n.IPC = HostNamespace
	}
	if pod.HostPID {
		n.PID = HostNamespace
	}
	return n
}

// ContainerNamespaces are those a pod's containers join: what the infra
// process holds, which must have been verified to be it; the zero Process where
// there is none.
func ContainerNamespaces(pod *spec.Pod, netns string, infra Process) Namespaces {
	n := InfraNamespaces(pod, netns)
	if infra.Pid == 0 {
		return n
	}
	of := func(kind string) string { return fmt.Sprintf("/proc/%d/ns/%s", infra.Pid, kind) }
	if pod.Join.Net != (spec.Join{}) && !pod.Own.Net {
		n.Net = of("net")
	}
	if n.IPC == "" && !pod.Own.IPC {
		n.IPC = of("ipc")
	}
	if n.UTS == "" && !pod.Own.UTS {
		n.UTS = of("uts")
	}
	if n.PID == "" && pod.SharePID {
		n.PID = of("pid")
	}
	if pod.Users != nil {
		n.User = of("user")
	}
	if pod.ShareCgroup {
		n.Cgroup = of("cgroup")
	}
	return n
}
