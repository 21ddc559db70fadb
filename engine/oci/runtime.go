package oci

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"berth/engine/spec"
	"berth/internal/hostexec"
)

// helperTimeout is how long one call of a runtime or of conmon may take.
const helperTimeout = 30 * time.Second

// Options say which helpers are used and where they keep their state.
type Options struct {
	Runtime       string   // name or path; empty: crun, else runc
	Conmon        string   // name or path; empty: conmon
	HelperDirs    []string // looked in before PATH
	StateRoot     string   // the runtime's --root
	ExitDir       string   // where conmon leaves exit files
	CgroupManager string   // ManagerCgroupfs, ManagerSystemd; empty: systemd where it runs
	// Cgroup names the folder, or slice, of all cgroups made: of several that use
	// one host each knows its own by it. Without a dash; empty: berth.
	Cgroup  string
	Timeout time.Duration
	// SeccompProfile replaces the built-in default profile.
	SeccompProfile string
	Log            *slog.Logger
}

// Runtime drives conmon and an OCI runtime. What runs can be seen, and ended,
// without either.
type Runtime struct {
	runtime, conmon    string
	noRuntime          error // why there is no runtime
	noConmon           error
	helperDirs         []string
	stateRoot, exitDir string
	manager, cgroup    string
	timeout            time.Duration
	host               Host
	sealed             *sealed
	filters            *filters
	log                *slog.Logger
}

// Container addresses one container in the calls below.
type Container struct {
	ID     spec.ContainerID
	Bundle string // its folder, all of which is ours
	// CgroupPath is what Runtime.CgroupPath gave when it was made; empty: it has
	// no cgroup of its own.
	CgroupPath string
	// Place is where that, and the cgroup of its conmon, lie.
	Place spec.CgroupPlace
	// Locks are inherited by the short-lived helpers that act on the
	// container, so that whoever takes the lock after we were killed knows
	// they have ended. conmon, which stays, does not get them.
	Locks []*os.File
}

// NotifyDir is the folder in which conmon has a socket for what a container tells
// systemd.
func (c Container) NotifyDir() string { return c.path("notify") }

func (c Container) path(name string) string { return filepath.Join(c.Bundle, name) }

// New finds the helpers and observes the host. It starts nothing and makes
// only the two folders. That a helper is missing is Ready's to say.
func New(o Options) (*Runtime, error) {
	r := &Runtime{helperDirs: o.HelperDirs, stateRoot: o.StateRoot, exitDir: o.ExitDir, timeout: o.Timeout, cgroup: cmp.Or(o.Cgroup, defaultCgroup), log: o.Log,
		sealed: &sealed{copies: map[string]sealedCopy{}}, filters: &filters{compiled: map[filterKey]string{}}}
	if r.log == nil {
		r.log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if r.timeout == 0 {
		r.timeout = helperTimeout
	}
	if r.stateRoot == "" || r.exitDir == "" {
		return nil, errors.New("oci: StateRoot and ExitDir must be given")
	}
	var err error
	r.runtime, r.noRuntime = findRuntime(o.Runtime, o.HelperDirs)
	r.conmon, r.noConmon = findHelper(o.Conmon, "conmon", o.HelperDirs)
	if r.host, err = ReadHost(); err != nil {
		return nil, err
	}
	r.host.SeccompProfile = o.SeccompProfile
	if r.manager, err = chooseManager(o.CgroupManager, r.host.Cgroups); err != nil {
		return nil, err
	}
	for _, dir := range []string{r.stateRoot, r.exitDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Ready fails if a helper is missing without which no container can be made.
func (r *Runtime) Ready() error { return errors.Join(r.noRuntime, r.noConmon) }

// As is the runtime with the program and the cgroup manager that something was
// made with: another program would not know it, another manager look for it
// elsewhere. A program that is gone, as after an upgrade, is replaced by ours.
func (r *Runtime) As(program, manager string) *Runtime {
	as := *r
	if program != r.runtime && exists(program) {
		as.runtime, as.noRuntime = program, nil
	}
	if manager != "" {
		as.manager = manager
	}
	return &as
}

// Host is what was observed of this host; the base of an Input.
func (r *Runtime) Host() Host {
	h := r.host
	h.Runtime = r.runtime
	return h
}

// CgroupManager is the one in use.
func (r *Runtime) CgroupManager() string { return r.manager }

// Path is the runtime's path, ConmonPath conmon's.
func (r *Runtime) Path() string { return r.runtime }

// ConmonPath is conmon's path.
func (r *Runtime) ConmonPath() string { return r.conmon }

// Versions asks the runtime and conmon what they are: their first lines.
func (r *Runtime) Versions(ctx context.Context) (runtime, conmon string, err error) {
	var wg sync.WaitGroup
	var errs [2]error
	ask := func(path string, missing error, line *string, err *error) {
		if missing != nil {
			*err = missing
			return
		}
		out, e := hostexec.Run(ctx, hostexec.Cmd{Path: path, Args: []string{"--version"}, Env: helperEnv(), Timeout: r.timeout})
		*line, _, _ = strings.Cut(string(out), "\n")
		*err = e
	}
	wg.Go(func() { ask(r.runtime, r.noRuntime, &runtime, &errs[0]) })
	wg.Go(func() { ask(r.conmon, r.noConmon, &conmon, &errs[1]) })
	wg.Wait()
	return runtime, conmon, errors.Join(errs[:]...)
}

// CheckLog refuses how output is to be kept if this host's conmon cannot: older
// ones end at an option they do not know.
func (r *Runtime) CheckLog(ctx context.Context, log spec.Log) error {
	if len(log.Labels) == 0 || r.noConmon != nil {
		return nil
	}
	out, err := hostexec.Run(ctx, hostexec.Cmd{Path: r.conmon, Args: []string{"--help"}, Env: helperEnv(), Timeout: r.timeout})
	switch {
	case err != nil:
		return fmt.Errorf("ask conmon for its options: %w", err)
	case !strings.Contains(string(out), "--log-label"):
		return fmt.Errorf("%w: %s adds no fields to the journal (it has no --log-label), so --log-opt label cannot be honoured: install a newer conmon, or drop the label", spec.ErrConfig, r.conmon)
	}
	return nil
}

// call runs the runtime once, to its end.
func (r *Runtime) call(ctx context.Context, c Container, args ...string) ([]byte, error) {
	if r.noRuntime != nil {
		return nil, r.noRuntime
	}
	return hostexec.Run(ctx, hostexec.Cmd{
		Path: r.program(), Name: filepath.Base(r.runtime), Args: append(r.globalArgs(c), args...),
		Env: helperEnv(), ExtraFiles: c.Locks, Timeout: r.timeout,
	})
}

// globalArgs are the runtime's arguments before its command.
func (r *Runtime) globalArgs(c Container) []string {
	args := []string{"--root=" + r.stateRoot}
	if c.Place.Mode == spec.CgroupsDisabled {
		args = append(args, "--cgroup-manager=disabled") // only crun knows it
	}
	return args
}

func findRuntime(name string, dirs []string) (string, error) {
	if name != "" {
		return findHelper(name, "", dirs)
	}
	path, err := hostexec.Find("crun", dirs)
	if err == nil {
		return path, nil
	}
	if path, err := hostexec.Find("runc", dirs); err == nil {
		return path, nil
	}
	return "", fmt.Errorf("there is no OCI runtime, crun or runc: %w", err)
}

func findHelper(name, fallback string, dirs []string) (string, error) {
	if name == "" {
		name = fallback
	}
	if !strings.Contains(name, "/") {
		return hostexec.Find(name, dirs)
	}
	info, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if info.IsDir() || info.Mode()&0o111 == 0 {
		return "", fmt.Errorf("%s cannot be executed", name)
	}
	return filepath.Abs(name)
}

func chooseManager(asked string, cgroups Controllers) (string, error) {
	_, legacy := cgroups.Mounts["systemd"]
	usable := systemdRuns() && (cgroups.Unified || legacy)
	switch asked {
	case "":
		if usable {
			return ManagerSystemd, nil
		}
		return ManagerCgroupfs, nil
	case ManagerCgroupfs:
		return asked, nil
	case ManagerSystemd:
		if !usable {
			return "", errors.New("the systemd cgroup manager needs systemd as the host's process 1; use cgroupfs")
		}
		return asked, nil
	}
	return "", fmt.Errorf("unknown cgroup manager %q: it is %q or %q", asked, ManagerCgroupfs, ManagerSystemd)
}

// helperEnv is the environment of helpers: nothing of ours that would change
// what they do, such as NOTIFY_SOCKET or LISTEN_FDS. Not XDG_RUNTIME_DIR either:
// crun, called in a session of root's, finds root's own systemd by it and has that
// make the container's scope, which then ends with the session.
func helperEnv(more ...string) []string {
	path := os.Getenv("PATH")
	if path == "" {
		path = defaultPath
	}
	list := []string{"PATH=" + path}
	for _, name := range []string{"DBUS_SYSTEM_BUS_ADDRESS", "HOME"} {
		if value := os.Getenv(name); value != "" {
			list = append(list, name+"="+value)
		}
	}
	return append(list, more...)
}
