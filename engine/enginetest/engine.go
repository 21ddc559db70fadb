package enginetest

import (
	"context"
	"net"
	"time"

	"berth/engine/spec"
)

// Engine is the verbs the suite tests: those of berth/engine that change pods.
type Engine interface {
	Observe(ctx context.Context) ([]spec.PodStatus, error)
	ObservePod(ctx context.Context, id spec.PodID) (spec.PodStatus, error)
	WaitContainer(ctx context.Context, id spec.PodID, name string) (spec.ContainerStatus, error)
	LastOutput(ctx context.Context, id spec.PodID, name string, lines int) []string
	Exits(ctx context.Context) (<-chan spec.PodID, error)
	Lock(ctx context.Context, key spec.PodKey) (unlock func(), err error)

	EnsureImage(ctx context.Context, req spec.ImageRequest) (spec.Image, error)
	CheckPod(ctx context.Context, pod *spec.Pod) error
	EnsurePod(ctx context.Context, pod *spec.Pod, create []string) error
	StopPod(ctx context.Context, id spec.PodID, grace time.Duration) error
	RemovePod(ctx context.Context, id spec.PodID, grace time.Duration) error
	UpdateFiles(ctx context.Context, id spec.PodID, volume string, files *spec.FilesVolume) error
	SetOwner(ctx context.Context, id spec.PodID, owner spec.Owner, origin spec.Origin) error
	DescribePod(ctx context.Context, id spec.PodID, from *spec.Pod) error
	SetStopped(ctx context.Context, id spec.PodID, container string, stopped bool) error
	SaveHistory(ctx context.Context, id spec.PodID, history spec.History) error

	SaveWait(ctx context.Context, w spec.Wait) error
	ReadWait(ctx context.Context, key spec.PodKey) (w spec.Wait, ok bool, err error)
	RemoveWait(ctx context.Context, key spec.PodKey) error
	ListWaits(ctx context.Context) ([]spec.Wait, error)

	SaveUnit(ctx context.Context, u spec.UnitState) error
	ListUnits(ctx context.Context) ([]spec.UnitState, error)
	RemoveUnit(ctx context.Context, name string) error

	EnsureVolume(ctx context.Context, v *spec.NamedVolume) (made bool, err error)
	RemoveVolume(ctx context.Context, name string, force bool) error

	RecordPod(ctx context.Context, pod *spec.Pod, stopped []string) error
	AddContainer(ctx context.Context, id spec.PodID, c spec.Container, volumes []spec.Volume, stopped bool) error
	RenameContainer(ctx context.Context, id spec.PodID, name, to string) error
	RenamePod(ctx context.Context, id spec.PodID, to string) error
	StartContainer(ctx context.Context, id spec.PodID, name string) error
	StopContainer(ctx context.Context, id spec.PodID, name string, grace time.Duration) error
	KillContainer(ctx context.Context, id spec.PodID, name, signal string) error
	RemoveContainer(ctx context.Context, id spec.PodID, name string) error
	TakeImage(ctx context.Context, id spec.PodID, name string, image spec.Image) error
	SaveFailure(ctx context.Context, id spec.PodID, name string, why spec.Failure) error
	RotateLogs(ctx context.Context) error
	HealNetworks(ctx context.Context) ([]spec.PodKey, error)

	SignalContainer(ctx context.Context, id spec.PodID, name string) error
	UpdateContainer(ctx context.Context, id spec.PodID, to *spec.Container) error
	SaveLife(ctx context.Context, id spec.PodID, name string, life spec.Life) error
	SaveVerdict(ctx context.Context, id spec.PodID, verdict *spec.Verdict) error
	SaveRemoval(ctx context.Context, id spec.PodID, removal *spec.Removal) error
	RunInContainer(ctx context.Context, id spec.PodID, name string, command []string) (spec.ExecResult, error)
	DialPod(ctx context.Context, id spec.PodID, network, address string) (net.Conn, error)
	Terminating(ctx context.Context, id spec.PodID, name string, deadline time.Time) (context.Context, context.CancelFunc, error)
	Hasten(ctx context.Context, id spec.PodID, name string, deadline time.Time) error
}
