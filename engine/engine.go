package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"berth/engine/image"
	"berth/engine/journal"
	"berth/engine/network"
	"berth/engine/oci"
	"berth/engine/secret"
	"berth/engine/spec"
	"berth/engine/state"
	"berth/engine/volume"
	"berth/internal/holder"
)

// Options say where the engine keeps things and which helpers it uses. The
// zero value is this host's ordinary setting.
type Options struct {
	Root          string   // image store; its folder "berth" holds our state. Empty: storage.conf's, and /var/lib/berth
	RunRoot       string   // likewise for what does not survive a reboot. Empty: storage.conf's, and /run/berth
	Runtime       string   // OCI runtime, by name or path. Empty: containers.conf's, else crun, else runc
	CgroupManager string   // "cgroupfs" or "systemd". Empty: containers.conf's, else what fits the host
	NetworkDir    string   // definitions of networks. Empty: below the state
	StorageDriver string   // "overlay", "vfs"
	StorageOpts   []string // "overlay.mount_program=…"
	Modules       []string // of containers.conf, by path or name

	Progress    io.Writer // where pulls say how far they are; nil: nowhere
	ProgressTTY bool      // Progress is a terminal
	Log         *slog.Logger
	Version     string // of berth, for Info
}

// Engine runs pods on this host. It is safe for concurrent use.
type Engine struct {
	opts     Options
	conf     config
	records  *state.Store
	images   *image.Store
	networks *network.Manager
	volumes  *volume.Store
	secrets  *secret.Store
	log      *slog.Logger
	waits    *holder.Teller
	acts     *journal.Journal

	runtime     func() (*oci.Runtime, error)    // found at first need
	infraRootfs func() (oci.InfraRootfs, error) // made at first need

	mu   sync.Mutex
	held map[spec.PodKey]*os.File // the locks this process holds

	serial   keyedMutex
	ends     terminations
	logs     logWatch
	toldTorn sync.Map // UIDs of pods whose record is damaged, once logged
	unhealed sync.Map // IDs of pods whose network HealNetworks cannot judge
}

// Paths says where the engine's own files lie.
type Paths = state.Dirs

// ErrNotRoot is what every user but root is told.
var ErrNotRoot = errors.New("berth runs containers as root only: call it with sudo, or let root run the unit or file")

// Open prepares an engine. Image store and runtime are opened when first used,
// so that a command that only looks stays cheap.
func Open(opts Options) (*Engine, error) {
	if os.Geteuid() != 0 {
		return nil, ErrNotRoot
	}
	conf, err := readConfig(opts.Modules)
	if err != nil {
		return nil, err
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	dirs := state.Dirs{State: "/var/lib/berth", Run: "/run/berth"}
	if opts.Root != "" {
		dirs.State = filepath.Join(opts.Root, "berth")
	}
	if opts.RunRoot != "" {
		dirs.Run = filepath.Join(opts.RunRoot, "berth")
	}
	records, err := state.NewStore(dirs)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		opts: opts, conf: conf, records: records, log: opts.Log, waits: holder.NewTeller(opts.Log),
		acts: journal.New(dirs.Journal()),
		held: map[spec.PodKey]*os.File{},
	}
	e.images = image.New(image.Options{
		Root: opts.Root, RunRoot: opts.RunRoot, Driver: opts.StorageDriver, DriverOptions: opts.StorageOpts,
		Progress: opts.Progress, ProgressTTY: opts.ProgressTTY, Log: opts.Log, Note: e.note,
	})
	e.secrets = secret.NewStore(dirs.Secrets(), e.note)
	e.volumes = volume.NewStore(dirs.Volumes(), e.images, e.note)
	networkDir := opts.NetworkDir
	if networkDir == "" {
		networkDir = dirs.Networks()
	}
	e.networks = network.New(network.Options{
		ConfigDir: networkDir, RunDir: dirs.Run, HelperDirs: conf.Engine.HelperBinariesDir,
		DefaultSubnet: conf.Network.DefaultSubnet, Firewall: conf.Network.FirewallDriver, Log: opts.Log, Note: e.note,
		PastaOptions: conf.pastaOptions.words["pasta_options"], SlirpOptions: conf.slirpOptions.words["network_cmd_options"],
		SlirpPath: conf.Engine.NetworkCmdPath,
	})
	e.runtime = sync.OnceValues(func() (*oci.Runtime, error) {
		manager := opts.CgroupManager
		if manager == "" {
			manager = conf.Engine.CgroupManager
		}
		return oci.New(oci.Options{
			Runtime: conf.runtime(opts.Runtime), Conmon: conf.conmon(), HelperDirs: conf.Engine.HelperBinariesDir,
			StateRoot: dirs.OCI(), ExitDir: dirs.Exits(), CgroupManager: manager, Cgroup: e.networks.Prefix(),
			SeccompProfile: conf.Containers.SeccompProfile, Log: opts.Log,
		})
	})
	e.infraRootfs = sync.OnceValues(func() (oci.InfraRootfs, error) {
		runtime, err := e.runtime()
		if err != nil {
			return oci.InfraRootfs{}, err
		}
		return runtime.EnsureInfraRootfs(filepath.Join(dirs.Run, "infra"))
	})
	return e, nil
}

// Close gives up what Open and later calls opened. Pods run on.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var errs []error
	for key, f := range e.held {
		errs = append(errs, f.Close())
		delete(e.held, key)
	}
	return errors.Join(append(errs, e.images.Close())...)
}

// runtimeOf is the runtime of a pod: that of its sandbox, or else ours.
func (e *Engine) runtimeOf(id spec.PodID) (*oci.Runtime, error) {
	sb, _, err := e.records.ReadSandbox(id)
	if err != nil {
		return nil, err
	}
	return e.runtimeFor(sb)
}

func (e *Engine) runtimeFor(sb state.Sandbox) (*oci.Runtime, error) {
	ours, err := e.runtime()
	if err != nil || sb.Runtime == "" {
		return ours, err
	}
	return ours.As(sb.Runtime, sb.CgroupManager), nil
}

// Paths says where the engine's own files lie.
func (e *Engine) Paths() Paths { return e.records.Dirs }

// Images is the host's image store.
func (e *Engine) Images() *image.Store { return e.images }

// Networks is the host's networks.
func (e *Engine) Networks() *network.Manager { return e.networks }

// Volumes is the named volumes.
func (e *Engine) Volumes() *volume.Store { return e.volumes }

// Secrets is the secrets made by hand.
func (e *Engine) Secrets() *secret.Store { return e.secrets }

// EnsureImage has an image in the store, pulling it as the policy says.
func (e *Engine) EnsureImage(ctx context.Context, req spec.ImageRequest) (spec.Image, error) {
	return e.images.Ensure(ctx, req)
}

// Lock makes the caller the only one who changes pods of that key, in this
// process and any other. The verbs that change a pod want it held.
func (e *Engine) Lock(ctx context.Context, key spec.PodKey) (unlock func(), err error) {
	stop := e.waits.While("pod "+key.String(), e.records.LockPath(key))
	f, err := e.records.Lock(ctx, key)
	stop()
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	e.held[key] = f
	e.mu.Unlock()
	return func() {
		e.mu.Lock()
		delete(e.held, key)
		e.mu.Unlock()
		_, there, err := e.records.Find(key)
		_ = e.records.Unlock(f, err == nil && !there) // closing gives the lock up in any case
	}, nil
}

// locked fails if the caller forgot the lock: changing a pod without it would
// race with every other command.
func (e *Engine) locked(key spec.PodKey) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.held[key] == nil {
		return fmt.Errorf("pod %s is changed without its lock", key)
	}
	return nil
}

// locks is what helpers acting on a pod inherit: one that outlives us, killed,
// keeps the pod locked until its work is done.
func (e *Engine) locks(key spec.PodKey) []*os.File {
	e.mu.Lock()
	defer e.mu.Unlock()
	if f := e.held[key]; f != nil {
		return []*os.File{f}
	}
	return nil
}

// pod reads a pod's record and checks that its lock is held.
func (e *Engine) pod(id spec.PodID) (spec.Pod, error) {
	pod, err := e.records.ReadPod(id)
	if err != nil {
		return pod, err
	}
	return pod, e.locked(pod.Key())
}

func (e *Engine) volumeSet(pod *spec.Pod) volume.Set {
	set := volume.Set{Named: e.volumes, Disk: e.records.Pod(pod.ID), Run: e.records.PodRun(pod.ID), Pod: pod.ID}
	if uid, gid, ok := pod.Users.Host(0, 0); ok {
		set.UID, set.GID = uid, gid
	}
	return set
}
