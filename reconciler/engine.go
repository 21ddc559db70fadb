package reconciler

import (
	"context"
	"net"
	"time"

	"berth/engine/spec"
)

// Engine is what the reconciler needs of the engine. Every verb is idempotent;
// those that change a pod are called with its Lock held.
type Engine interface {
	Observer
	ImageEngine
	PodEngine
	ContainerEngine
	WaitEngine
	UnitEngine
	VolumeEngine
	LifeEngine
	HandEngine

	// Lock makes the caller the only one who changes pods of that key, in this
	// process and any other. It waits until the lock is free or ctx ends.
	Lock(ctx context.Context, key spec.PodKey) (unlock func(), err error)
	// RotateLogs rotates the logs of running containers that have grown too long.
	RotateLogs(ctx context.Context) error
	// HealNetworks makes anew what somebody took away of running pods' networks,
	// and names those pods.
	HealNetworks(ctx context.Context) ([]spec.PodKey, error)
}

// Observer looks at pods. It changes nothing and needs no lock.
type Observer interface {
	Observe(ctx context.Context) ([]spec.PodStatus, error)
	// ObservePod wraps spec.ErrNotFound for a pod without a record.
	ObservePod(ctx context.Context, id spec.PodID) (spec.PodStatus, error)
	// WaitContainer waits until the container is not running.
	WaitContainer(ctx context.Context, id spec.PodID, name string) (spec.ContainerStatus, error)
	// LastOutput is the end of what a container wrote: at most so many lines,
	// none where that cannot be read.
	LastOutput(ctx context.Context, id spec.PodID, name string, lines int) []string
	// Exits names a pod when one of its containers ended or its record
	// appeared; the empty ID says that some pod came or went. It is a hint to look.
	// The channel is closed when ctx ends.
	Exits(ctx context.Context) (<-chan spec.PodID, error)
}

// ImageEngine fetches images.
type ImageEngine interface {
	EnsureImage(ctx context.Context, req spec.ImageRequest) (spec.Image, error)
}

// PodEngine makes, changes and removes whole pods.
type PodEngine interface {
	// CheckPod fails, wrapping spec.ErrConfig, if this host cannot honour what
	// the pod asks for. It is asked before anything is taken down.
	CheckPod(ctx context.Context, pod *spec.Pod) error
	// RecordPod makes the record of a pod, and nothing of it runs. stopped are the
	// containers a person wants down, "" the whole pod: it is never seen without.
	RecordPod(ctx context.Context, pod *spec.Pod, stopped []string) error
	// EnsurePod makes record and sandbox and has the named containers created,
	// not started. Another pod of the same key is spec.ErrExists.
	EnsurePod(ctx context.Context, pod *spec.Pod, create []string) error
	// StopPod ends the containers and takes the sandbox down; record and volumes stay.
	StopPod(ctx context.Context, id spec.PodID, grace time.Duration) error
	// RemovePod is StopPod, and forgets the pod; named volumes stay.
	RemovePod(ctx context.Context, id spec.PodID, grace time.Duration) error
	// UpdateFiles swaps the files of a volume and records their new content digest.
	UpdateFiles(ctx context.Context, id spec.PodID, volume string, files *spec.FilesVolume) error
	SetOwner(ctx context.Context, id spec.PodID, owner spec.Owner, origin spec.Origin) error
	// DescribePod records the labels, annotations and manifest of from.
	DescribePod(ctx context.Context, id spec.PodID, from *spec.Pod) error
	// SetStopped records a person's wish; the container "" is the whole pod.
	SetStopped(ctx context.Context, id spec.PodID, container string, stopped bool) error
	SaveHistory(ctx context.Context, id spec.PodID, history spec.History) error
}

// WaitEngine remembers, over a reboot, why pods that are wanted could not be made
// yet. It needs no lock: only the one supervisor asks.
type WaitEngine interface {
	SaveWait(ctx context.Context, w spec.Wait) error
	ReadWait(ctx context.Context, key spec.PodKey) (w spec.Wait, ok bool, err error)
	// RemoveWait forgets it; nothing is success.
	RemoveWait(ctx context.Context, key spec.PodKey) error
	ListWaits(ctx context.Context) ([]spec.Wait, error)
}

// UnitEngine remembers, until the next boot, how Quadlet units do that run without
// systemd. It needs no lock: only the one supervisor asks.
type UnitEngine interface {
	SaveUnit(ctx context.Context, u spec.UnitState) error
	ListUnits(ctx context.Context) ([]spec.UnitState, error)
	// RemoveUnit forgets it; nothing is success.
	RemoveUnit(ctx context.Context, name string) error
}

// VolumeEngine makes and removes named volumes.
type VolumeEngine interface {
	// EnsureVolume makes a volume, unless it is there; made says whether it did.
	EnsureVolume(ctx context.Context, v *spec.NamedVolume) (made bool, err error)
	// RemoveVolume removes a volume and its data. One that pods use is
	// spec.ErrInUse, unless force, which removes them first.
	RemoveVolume(ctx context.Context, name string, force bool) error
}

// ContainerEngine starts and stops single containers.
type ContainerEngine interface {
	// StartContainer has it running: created if need be, made anew (Attempt+1)
	// if it has ended.
	StartContainer(ctx context.Context, id spec.PodID, name string) error
	// StopContainer signals it and, after grace, kills it with all it left.
	StopContainer(ctx context.Context, id spec.PodID, name string, grace time.Duration) error
	// TakeImage has a container made from another image from its next start on.
	TakeImage(ctx context.Context, id spec.PodID, name string, image spec.Image) error
	// SaveFailure records why a container that has ended cannot be made again.
	SaveFailure(ctx context.Context, id spec.PodID, name string, why spec.Failure) error
}

// HandEngine is for what people make on the command line.
type HandEngine interface {
	// RecordPod records a pod to be started later, and makes the layers of its
	// containers: they are StateCreated. One that is recorded is left as it is.
	RecordPod(ctx context.Context, pod *spec.Pod, stopped []string) error
	// AddContainer adds a container, and the volumes it mounts, to a ByHand pod. One
	// of that name is spec.ErrExists. stopped is that a person wants it down.
	AddContainer(ctx context.Context, id spec.PodID, c spec.Container, volumes []spec.Volume, stopped bool) error
	// RemoveContainer ends a container at once and forgets it; a ByHand pod also
	// that it was to have it.
	RemoveContainer(ctx context.Context, id spec.PodID, name string) error
	// RenameContainer gives a container another name; the pod of one that stands
	// alone gets it, too, and the locks of both names are held then. Another pod of
	// that name is spec.ErrExists.
	RenameContainer(ctx context.Context, id spec.PodID, name, to string) error
	// RenamePod gives a ByHand pod another name; the locks of both are held. Another
	// pod of that name is spec.ErrExists.
	RenamePod(ctx context.Context, id spec.PodID, to string) error
	// KillContainer sends a signal, by name or number, to a container's process.
	KillContainer(ctx context.Context, id spec.PodID, name, signal string) error
	// PauseContainer halts a running container's processes, UnpauseContainer lets
	// them go on.
	PauseContainer(ctx context.Context, id spec.PodID, name string) error
	UnpauseContainer(ctx context.Context, id spec.PodID, name string) error
	// EndWith has a container that only waits end with an exit code, and does not
	// wait for that. One that has ended is success.
	EndWith(ctx context.Context, id spec.PodID, name string, code int) error
}

// LifeEngine is what probes, hooks and decisions about a pod's life need. None
// of its methods but SaveVerdict and UpdateContainer needs the pod's lock.
type LifeEngine interface {
	// SignalContainer sends the container its stop signal and does not wait. One
	// that does not run is success.
	SignalContainer(ctx context.Context, id spec.PodID, name string) error
	// UpdateContainer gives a running container the resources and the restart
	// policy of to, which has its name, and records them with what is declared; one
	// that does not run gets them when it starts.
	UpdateContainer(ctx context.Context, id spec.PodID, to *spec.Container) error
	// SaveLife records what is known of a container, until it is another one.
	SaveLife(ctx context.Context, id spec.PodID, name string, life spec.Life) error
	// SaveVerdict records that the pod is over.
	SaveVerdict(ctx context.Context, id spec.PodID, verdict *spec.Verdict) error
	// SaveRemoval records that the pod is to be forgotten, or with nil that it is
	// not, and has Exits tell of it.
	SaveRemoval(ctx context.Context, id spec.PodID, removal *spec.Removal) error
	// RunInContainer runs a command in a container, for a probe or a hook. When
	// ctx ends the command is killed and the error is ctx's.
	RunInContainer(ctx context.Context, id spec.PodID, name string, command []string) (spec.ExecResult, error)
	// DialPod connects from within the pod's network namespace: "tcp", and an
	// address as net.Dial takes it, its host an IP address.
	DialPod(ctx context.Context, id spec.PodID, network, address string) (net.Conn, error)
	// Terminating is a context that ends when the termination of a container, or
	// with the name "" of the pod, must be over: at deadline, or sooner if anyone,
	// in any process, has called Hasten of the same with less.
	Terminating(ctx context.Context, id spec.PodID, name string, deadline time.Time) (context.Context, context.CancelFunc, error)
	// Hasten shortens a termination that is under way, and those that follow
	// until the container, or with the name "" the pod's sandbox, is another one.
	// It never makes one longer.
	Hasten(ctx context.Context, id spec.PodID, name string, deadline time.Time) error
}
