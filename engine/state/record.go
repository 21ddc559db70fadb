package state

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/internal/atomicfile"
	"berth/internal/parallel"
	"berth/internal/tree"
)

// version of every file written here. A reader refuses a higher one.
const version = 1

// ErrNewer is a file that a newer berth wrote.
var ErrNewer = errors.New("written by a newer berth")

// ErrTorn is a file of which a power cut, or a failing disk, left something else
// than what was written.
var ErrTorn = errors.New("damaged")

// Container is the record of a container that was made.
type Container struct {
	Name        string           `json:"name"`
	ID          spec.ContainerID `json:"id"`
	Attempt     int              `json:"attempt"`
	Boot        string           `json:"boot"`              // the boot it was made in
	Sandbox     spec.ContainerID `json:"sandbox,omitempty"` // the infra container beside which it was made
	CreatedAt   time.Time        `json:"createdAt"`
	Image       string           `json:"image"`
	ImageID     string           `json:"imageID"`
	ImageDigest string           `json:"imageDigest,omitempty"`
	Command     []string         `json:"command,omitempty"`
	StopSignal  string           `json:"stopSignal,omitempty"`
	LogPath     string           `json:"logPath,omitempty"`
	TTY         bool             `json:"tty,omitempty"`
	Cgroup      spec.CgroupPlace `json:"cgroup,omitzero"`
	// Begun: the runtime was told to make it. What was made by hand may wait long
	// for that.
	Begun bool `json:"begun,omitempty"`
	// Ended is how it ended, kept when what conmon left is cleared away.
	Ended *spec.Termination `json:"ended,omitempty"`
	// Layer is its root file system in the storage, where that was another
	// container's and has been emptied for it; empty: it has its ID.
	Layer spec.ContainerID `json:"layer,omitempty"`
	// Failed is why the last try to make the one after it came to nothing, or, as
	// long as there is no ID, to make the first.
	Failed *spec.Failure `json:"failed,omitempty"`
}

// Rootfs is the container's root file system in the storage.
func (c *Container) Rootfs() spec.ContainerID { return cmp.Or(c.Layer, c.ID) }

// Intent is what was decided about a pod: what a person stopped by hand, and
// whether it is over.
type Intent struct {
	Pod        bool          `json:"pod,omitempty"`
	Containers []string      `json:"containers,omitempty"`
	Verdict    *spec.Verdict `json:"verdict,omitempty"`
}

// Stop adds the wish that a container be down, or with the name "" the whole pod.
func (i *Intent) Stop(container string) {
	switch {
	case container == "":
		i.Pod = true
	case !slices.Contains(i.Containers, container):
		i.Containers = append(i.Containers, container)
	}
}

// Start takes it back; with the name "" for each container as well.
func (i *Intent) Start(container string) {
	if container == "" {
		i.Pod, i.Containers = false, nil
	}
	i.Containers = slices.DeleteFunc(i.Containers, func(c string) bool { return c == container })
}

// Sandbox is a pod's infra container and addresses. It is written before any
// of them is made, so that whatever is half made can be found.
type Sandbox struct {
	Infra spec.ContainerID `json:"infra"`
	Ready bool             `json:"ready"`
	// NoInfra: there is no infra container. Infra only tells sandboxes apart.
	NoInfra bool `json:"noInfra,omitempty"`
	// Runtime and CgroupManager are those that the pod's containers are made
	// with, whatever later commands are told.
	Runtime       string `json:"runtime,omitempty"`
	CgroupManager string `json:"cgroupManager,omitempty"`
	// Cgroup is where those of infra container and pod lie.
	Cgroup spec.CgroupPlace `json:"cgroup,omitzero"`

	Lease json.RawMessage `json:"lease,omitempty"`
	IPs   []string        `json:"ips,omitempty"`
	// Joined is what the lease says of networks, for those who only look.
	Joined   []spec.JoinedNetwork `json:"joined"`
	Servers  []string             `json:"nameServers,omitempty"`
	Gateways []string             `json:"gateways,omitempty"`
	// HostAddress is where the pod reaches its host, if not at its gateway.
	HostAddress string             `json:"hostAddress,omitempty"`
	Ports       []spec.PortMapping `json:"ports,omitempty"`
	StartedAt   time.Time          `json:"startedAt,omitzero"`
}

// Store reads and writes the records.
type Store struct {
	Dirs
	boot  string
	index index
}

// NewStore opens the records below dirs, making the folders.
func NewStore(dirs Dirs) (*Store, error) {
	if err := Open(dirs); err != nil {
		return nil, err
	}
	boot, err := bootID()
	return &Store{Dirs: dirs, boot: boot}, err
}

// Boot is the ID of this boot.
func (s *Store) Boot() string { return s.boot }

type envelope[T any] struct {
	Version int `json:"version"`
	Value   T   `json:"value"`
}

func save[T any](write func(string, any, os.FileMode) error, path string, v T) error {
	return write(path, envelope[T]{version, v}, 0o600)
}

func load[T any](path string) (T, error) {
	var e envelope[T]
	if err := atomicfile.ReadJSON(path, &e); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			err = fmt.Errorf("%w: %w", ErrTorn, err)
		}
		return e.Value, err
	}
	if e.Version > version {
		return e.Value, fmt.Errorf("%s: %w (version %d)", path, ErrNewer, e.Version)
	}
	return e.Value, nil
}

// CreatePod records a pod and what was decided about it, synced to disk, and makes
// its folders. Contents of ConfigMaps and Secrets are left out. The folder appears with the record in it:
// one without is a leftover.
func (s *Store) CreatePod(pod *spec.Pod, intent Intent) (err error) {
	half := filepath.Join(s.Pods(), newPrefix+pod.ID.UID())
	if err := os.MkdirAll(filepath.Join(half, "c"), 0o700); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tree.Remove(half))
		}
	}()
	f, err := os.Open(half)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := waitFlock(f); err != nil { // says that somebody is at it (HalfMade)
		return err
	}
	if err := savePod(filepath.Join(half, "pod.json"), pod); err != nil {
		return err
	}
	if err := saveIntent(half, intent); err != nil {
		return err
	}
	if err := os.Rename(half, s.Pod(pod.ID)); err != nil {
		return err
	}
	return os.MkdirAll(filepath.Join(s.PodRun(pod.ID), "c"), 0o700)
}

// newPrefix begins the name of the folder of a pod that is being recorded.
const newPrefix = ".new-"

// HalfMade lists the folders of pods whose recording was cut short.
func (s *Store) HalfMade() ([]string, error) {
	entries, err := os.ReadDir(s.Pods())
	if err != nil {
		return nil, err
	}
	var left []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), newPrefix) {
			continue
		}
		path := filepath.Join(s.Pods(), e.Name())
		f, err := os.Open(path)
		if err != nil {
			continue // gone meanwhile
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			left = append(left, path)
		}
		_ = f.Close()
	}
	return left, nil
}

// SavePod replaces a pod's record.
func (s *Store) SavePod(pod *spec.Pod) error {
	return savePod(filepath.Join(s.Pod(pod.ID), "pod.json"), pod)
}

func savePod(path string, pod *spec.Pod) error {
	stored := *pod
	stored.Volumes = slices.Clone(pod.Volumes)
	for i, v := range stored.Volumes {
		if v.Files != nil {
			stored.Volumes[i].Files = &spec.FilesVolume{Content: v.Files.Content, Omitted: true}
		}
	}
	return save(atomicfile.WriteJSON, path, stored)
}

// ReadPod reads a pod's record; one that is not there is spec.ErrNotFound.
func (s *Store) ReadPod(id spec.PodID) (spec.Pod, error) { return s.readPod(id.UID()) }

func (s *Store) readPod(uid string) (spec.Pod, error) {
	pod, err := load[spec.Pod](filepath.Join(s.Pods(), uid, "pod.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return pod, fmt.Errorf("pod %s: %w", uid, spec.ErrNotFound)
	}
	return pod, err
}

// uids are the folders of recorded pods.
func (s *Store) uids() ([]string, error) {
	entries, err := os.ReadDir(s.Pods())
	if err != nil {
		return nil, err
	}
	uids := make([]string, 0, len(entries))
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			uids = append(uids, e.Name())
		}
	}
	return uids, nil
}

// ListPods reads every pod's record. Records that cannot be read are joined
// into the error; the others are returned all the same. Apart come the pods, by
// UID, whose record is ErrTorn: nobody can say any more what they were.
func (s *Store) ListPods() (pods []spec.Pod, torn []string, err error) {
	uids, err := s.uids()
	if err != nil {
		return nil, nil, err
	}
	pods, errs := make([]spec.Pod, len(uids)), make([]error, len(uids))
	parallel.Each(len(uids), 2*runtime.NumCPU(), func(i int) { pods[i], errs[i] = s.readPod(uids[i]) })
	read := pods[:0]
	for i, uid := range uids {
		switch {
		case errs[i] == nil:
			read = append(read, pods[i])
			continue
		case errors.Is(errs[i], ErrTorn):
			torn = append(torn, uid)
			errs[i] = nil
		case errors.Is(errs[i], spec.ErrNotFound): // a pod on its way out has no record
			errs[i] = nil
		}
	}
	return read, torn, errors.Join(errs...)
}

// RemovePod forgets a pod. The record goes first: a pod without one is a
// leftover that the check names.
func (s *Store) RemovePod(id spec.PodID) error {
	return errors.Join(
		atomicfile.Remove(filepath.Join(s.Pod(id), "pod.json")),
		tree.Remove(s.Pod(id)),
		tree.Remove(s.PodRun(id)))
}

// SaveContainer records a container. It is not synced: after a power cut the
// container is gone, whatever the record says.
func (s *Store) SaveContainer(id spec.PodID, c Container) error {
	return save(atomicfile.WriteVolatileJSON, s.containerFile(id, c.Name), c)
}

// Containers reads the records of a pod's containers. One that a power cut
// tore is left out: its container does not exist any more. Others that cannot be
// read are joined into the error.
func (s *Store) Containers(id spec.PodID) (map[string]Container, error) {
	entries, err := os.ReadDir(filepath.Join(s.Pod(id), "c"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	out := make(map[string]Container, len(entries))
	var errs []error
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok || strings.HasPrefix(name, ".") {
			continue
		}
		switch c, err := s.ReadContainer(id, name); {
		case err == nil:
			out[name] = c
		case !errors.Is(err, spec.ErrNotFound):
			errs = append(errs, err)
		}
	}
	return out, errors.Join(errs...)
}

// ReadContainer reads the record of one container; spec.ErrNotFound if there is
// none, or none that can be made out.
func (s *Store) ReadContainer(id spec.PodID, name string) (Container, error) {
	c, err := load[Container](s.containerFile(id, name))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrTorn) {
		return Container{}, fmt.Errorf("container %q: %w", name, spec.ErrNotFound)
	}
	return c, err
}

// RemoveContainer forgets a container and what it left in this boot.
func (s *Store) RemoveContainer(id spec.PodID, c Container) error {
	return errors.Join(s.ClearContainer(id, c), atomicfile.Remove(s.containerFile(id, c.Name)))
}

// ClearContainer removes what a container left in this boot; its record stays.
func (s *Store) ClearContainer(id spec.PodID, c Container) error {
	return errors.Join(
		tree.Remove(s.Bundle(id, c.Name)),
		atomicfile.Remove(s.Exit(c.ID)),
		atomicfile.Remove(s.Message(id, c.Name)),
		atomicfile.Remove(s.ContainerEnv(id, c.Name)),
		atomicfile.Remove(s.ContainerHostname(id, c.Name)))
}

func (s *Store) containerFile(id spec.PodID, name string) string {
	return filepath.Join(s.Pod(id), "c", name+".json")
}

// SaveSandbox records a pod's sandbox.
func (s *Store) SaveSandbox(id spec.PodID, sb Sandbox) error {
	if err := os.MkdirAll(filepath.Join(s.PodRun(id), "c"), 0o700); err != nil {
		return err
	}
	return save(atomicfile.WriteVolatileJSON, filepath.Join(s.PodRun(id), "sandbox.json"), sb)
}

// ReadSandbox reads the record of a pod's sandbox; ok is false if it has none.
func (s *Store) ReadSandbox(id spec.PodID) (sb Sandbox, ok bool, err error) {
	sb, err = load[Sandbox](filepath.Join(s.PodRun(id), "sandbox.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return sb, false, nil
	}
	return sb, err == nil, err
}

// RemoveSandbox forgets a pod's sandbox.
func (s *Store) RemoveSandbox(id spec.PodID) error {
	return atomicfile.Remove(filepath.Join(s.PodRun(id), "sandbox.json"))
}

// SaveIntent records what was decided about a pod.
func (s *Store) SaveIntent(id spec.PodID, i Intent) error { return saveIntent(s.Pod(id), i) }

func saveIntent(dir string, i Intent) error {
	path := filepath.Join(dir, "intent.json")
	if !i.Pod && len(i.Containers) == 0 && i.Verdict == nil {
		return atomicfile.Remove(path)
	}
	return save(atomicfile.WriteJSON, path, i)
}

// ReadIntent reads what was decided about a pod; a torn file counts as none.
func (s *Store) ReadIntent(id spec.PodID) (Intent, error) {
	i, err := load[Intent](filepath.Join(s.Pod(id), "intent.json"))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrTorn) {
		return Intent{}, nil
	}
	return i, err
}

// SaveHistory records restart counts and back-off. It is not synced: losing the
// last count in a power cut is cheaper than wearing out flash.
func (s *Store) SaveHistory(id spec.PodID, h spec.History) error {
	return save(atomicfile.WriteVolatileJSON, filepath.Join(s.Pod(id), "history.json"), h)
}

// ReadHistory reads restart counts and back-off; a torn file counts as none.
func (s *Store) ReadHistory(id spec.PodID) (spec.History, error) {
	h, err := load[spec.History](filepath.Join(s.Pod(id), "history.json"))
	if err != nil && errors.Is(err, ErrNewer) {
		return nil, err
	}
	return h, nil
}
