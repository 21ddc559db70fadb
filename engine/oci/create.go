package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/internal/atomicfile"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Create says what to create.
type Create struct {
	Container
	Name  string // for the journal
	Spec  *specs.Spec
	Stdin bool // keep a pipe for standard input
	// StdinOnce closes it when the first attached client has gone.
	StdinOnce bool
	Log       Logging
	Timeout   time.Duration // after so long conmon kills the container; 0: never
	// NotifySocket is where conmon hands on what the container tells systemd
	// through the socket in Input.NotifyDir.
	NotifySocket string
	Users        *spec.UserNamespace // whose root file system it is; nil: the host's
	// OwnsDir has a working folder that the image lacks belong to the container's
	// user; else it is root's, as under the kubelet.
	OwnsDir bool
	// Pass are the container's descriptors from 3 on.
	Pass []*os.File
	// ExtraFiles are held by conmon as long as the container lives: the pod's
	// published ports. Never a lock: use Container.Locks.
	ExtraFiles []*os.File
}

// Logging says where a container's output goes.
type Logging struct {
	Driver  string   // as spec.Log
	Path    string   // k8s-file
	MaxSize int64    // bytes after which conmon throws the file away; ≤ 0: never
	Tag     string   // journald
	Labels  []string // journald: NAME=value
	// Passthrough are the container's own stdin, stdout and stderr.
	Passthrough [3]*os.File
}

// Created is a container that exists and waits to be started.
type Created struct {
	Pid       int       `json:"pid"`
	ConmonPid int       `json:"conmonPid"`
	CreatedAt time.Time `json:"createdAt"`
}

// processRecord is process.json.
type processRecord struct {
	Init      Process   `json:"init"`
	Conmon    Process   `json:"conmon"`
	CreatedAt time.Time `json:"createdAt"`
	StartedAt time.Time `json:"startedAt,omitzero"`
	OOMKills  int64     `json:"oomKills,omitempty"` // of the pod, before this container
}

// Create writes the bundle and has conmon make the container. What an earlier
// container left in the bundle is deleted first; one that runs there is
// spec.ErrInUse. When Create fails nothing of its own is left.
func (r *Runtime) Create(ctx context.Context, c Create) (created Created, err error) {
	if err := r.clearBundle(ctx, c.Container); err != nil {
		return Created{}, err
	}
	defer func() {
		if err == nil {
			return
		}
		if undo := r.Delete(context.WithoutCancel(ctx), c.Container, true); undo != nil {
			err = errors.Join(err, fmt.Errorf("undo: %w", undo))
		}
	}()
	key, filtered := r.filterKey(c.Spec)
	known := ""
	if filtered {
		known = r.filters.of(key)
	}
	if err := writeBundle(c, known); err != nil {
		return Created{}, err
	}
	conmon, err := r.startConmon(ctx, c)
	if err != nil {
		return Created{}, err
	}
	pid, err := conmon.wait(ctx)
	if err != nil {
		return Created{}, err
	}
	if filtered {
		r.filters.learn(key, r.stateRoot, c.ID)
	}
	record := processRecord{CreatedAt: time.Now().UTC(), OOMKills: r.podOOMKills(c.Container)}
	if record.Conmon, err = readPidFile(c.path("conmon.pid")); err != nil {
		return Created{}, fmt.Errorf("find conmon: %w", err)
	}
	if record.Init, err = FindProcess(pid); err != nil {
		return Created{}, fmt.Errorf("the container's process %d ended before it was started: %w", pid, err)
	}
	if err := atomicfile.WriteVolatileJSON(c.path("process.json"), record, 0o600); err != nil {
		return Created{}, err
	}
	return Created{Pid: pid, ConmonPid: record.Conmon.Pid, CreatedAt: record.CreatedAt}, nil
}

// ReadBundle tells whose a bundle is: the container it was last created for.
// os.ErrNotExist if there never was one.
func ReadBundle(dir string) (Container, error) {
	var s specs.Spec
	if err := atomicfile.ReadJSON(filepath.Join(dir, "config.json"), &s); err != nil {
		return Container{}, err
	}
	c := Container{ID: spec.ContainerID(s.Annotations[containerAnnotation]), Bundle: dir}
	if s.Linux != nil {
		c.CgroupPath = s.Linux.CgroupsPath
	}
	if c.ID == "" {
		return Container{}, fmt.Errorf("bundle %s does not say whose it is", dir)
	}
	return c, nil
}

// containerAnnotation is a container's ID in its config.json.
const containerAnnotation = "org.berth.container"

// clearBundle deletes the container a bundle was used for before. It may be one
// that a killed call of ours was only just creating, and that nobody knows of.
func (r *Runtime) clearBundle(ctx context.Context, c Container) error {
	old, err := ReadBundle(c.Bundle)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	old.Locks = c.Locks
	s, err := r.State(old)
	if err != nil {
		return err
	}
	if s.Running() {
		return fmt.Errorf("bundle %s belongs to container %s, which runs: %w", c.Bundle, old.ID.Short(), spec.ErrInUse)
	}
	return r.Delete(ctx, old, true)
}

// writeBundle makes the bundle folder with config.json. filter is what is known
// to come out of its seccomp profile.
func writeBundle(c Create, filter string) error {
	if err := os.MkdirAll(c.Bundle, 0o700); err != nil {
		return err
	}
	if err := makeWorkingDir(c.Spec, c.Users, c.OwnsDir); err != nil {
		return err
	}
	if c.NotifySocket != "" {
		if err := os.Mkdir(c.NotifyDir(), 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	s := *c.Spec
	s.Annotations = maps.Clone(s.Annotations)
	if s.Annotations == nil {
		s.Annotations = map[string]string{}
	}
	s.Annotations[containerAnnotation] = string(c.ID)
	if filter != "" {
		s.Annotations[bpfAnnotation] = filter
	}
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write config.json: %w", err)
	}
	if err := atomicfile.WriteVolatile(c.path("config.json"), data, 0o600); err != nil {
		return err
	}
	if path := c.Log.Path; path != "" && isFileLog(c.Log.Driver) {
		return os.MkdirAll(filepath.Dir(path), 0o755)
	}
	return nil
}

// makeWorkingDir makes the working folder where the image has none. Below a
// mount it is the volume's business.
func makeWorkingDir(s *specs.Spec, users *spec.UserNamespace, owns bool) error {
	cwd := s.Process.Cwd
	if s.Root.Readonly || cwd == "/" {
		return nil
	}
	for _, m := range s.Mounts {
		if cwd == m.Destination || strings.HasPrefix(cwd, m.Destination+"/") {
			return nil
		}
	}
	fail := func(err error) error {
		return fmt.Errorf("%w: working directory %s: %w", spec.ErrConfig, cwd, err)
	}
	uid, gid, _ := users.Host(0, 0) // without a root there is nobody to give it to
	if owns {
		if err := MkdirInRoot(s.Root.Path, filepath.Dir(cwd), 0o755, max(uid, 0), max(gid, 0)); err != nil {
			return fail(err)
		}
		uid, gid, _ = users.Host(s.Process.User.UID, s.Process.User.GID)
	}
	if err := MkdirInRoot(s.Root.Path, cwd, 0o755, max(uid, 0), max(gid, 0)); err != nil {
		return fail(err)
	}
	return nil
}

// bundleFiles are all that conmon, the runtime and we leave in a bundle.
func bundleFiles() []string {
	return []string{
		"config.json", "pidfile", "conmon.pid", "process.json", "create.lock", "conmon.err",
		"attach", "ctl", "winsz", "oom", "exit", "oci-log", "shm", "resources.json",
		"life.json", // engine/state's
	}
}

func removeFiles(c Container) error {
	var errs []error
	for _, name := range bundleFiles() {
		if err := atomicfile.Remove(c.path(name)); err != nil {
			errs = append(errs, err)
		}
	}
	left, _ := filepath.Glob(c.path(execPrefix + "*"))
	for _, dir := range append(left, c.NotifyDir()) {
		if err := os.RemoveAll(dir); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// lockBundle takes the lock that conmon inherits: whoever finds it held knows
// that a conmon, or a runtime still creating, works on this bundle.
func lockBundle(c Container) (*os.File, error) {
	f, err := os.OpenFile(c.path("create.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("bundle %s is in use by another conmon: %w", c.Bundle, err)
	}
	return f, nil
}

// bundleInUse reports whether a process still holds the bundle's lock.
func bundleInUse(c Container) (bool, error) {
	f, err := os.OpenFile(c.path("create.lock"), os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

// readPidFile identifies the live process a PID file names.
func readPidFile(path string) (Process, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Process{}, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid <= 0 {
		return Process{}, fmt.Errorf("malformed PID file %s", path)
	}
	return FindProcess(pid)
}
