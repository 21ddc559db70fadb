package oci

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"berth/engine/spec"
	"berth/internal/atomicfile"
	"berth/internal/hostexec"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// ExecOptions say what to run beside a container's own process.
type ExecOptions struct {
	Args       []string
	Env        []spec.EnvVar // over the container's
	WorkingDir string        // empty: the container's
	User       string        // user[:group] by name or number; empty: the container's
	TTY        bool
	Size       Size // of the terminal at first
	Privileged bool // all capabilities
	Detach     bool // do not wait; the streams are not connected
	KillAll    bool // when ctx ends, what the command started is killed with it
	Streams    Streams
}

// Exec runs a command in a running container, with the container's own
// restrictions, and returns its exit code. One that cannot run is a
// *CommandError. When ctx ends, the command is killed. Pressing the detach
// keys hangs its terminal up and returns ErrDetached.
func (r *Runtime) Exec(ctx context.Context, c Container, o ExecOptions) (int, error) {
	state, err := r.State(c)
	if err != nil {
		return 0, err
	}
	if state.State != spec.StateRunning || state.Pid == 0 {
		return 0, fmt.Errorf("exec in a container that is %s: %w", state.State, ErrNotRunning)
	}
	if r.noRuntime != nil {
		return 0, r.noRuntime
	}
	process, err := r.execProcess(c, o)
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp(c.Bundle, execPrefix)
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	e := &execCall{r: r, c: c, o: o, dir: dir}
	if err := atomicfile.WriteVolatileJSON(e.path("process.json"), process, 0o600); err != nil {
		return 0, err
	}
	return e.run(ctx)
}

// execPrefix names the folders in a bundle that a running exec uses.
const execPrefix = "exec-"

// execProcess is the container's process, changed as asked.
func (r *Runtime) execProcess(c Container, o ExecOptions) (*specs.Process, error) {
	if len(o.Args) == 0 {
		return nil, fmt.Errorf("%w: %w", spec.ErrConfig, errNoCommand)
	}
	var s struct { // the rest, with its thousand system calls, is only skipped
		Process *specs.Process `json:"process"`
		Root    *specs.Root    `json:"root"`
	}
	if err := atomicfile.ReadJSON(c.path("config.json"), &s); err != nil {
		return nil, err
	}
	p := s.Process
	p.Args, p.Terminal, p.ConsoleSize = o.Args, o.TTY, nil
	if o.TTY && o.Size != (Size{}) {
		p.ConsoleSize = &specs.Box{Height: uint(o.Size.Rows), Width: uint(o.Size.Cols)}
	}
	vars := newEnv()
	for _, kv := range p.Env {
		name, value, _ := strings.Cut(kv, "=")
		vars.set(name, value)
	}
	if o.User != "" {
		id, err := lookupUser(spec.User{Name: o.User}, "", s.Root.Path)
		if err != nil {
			return nil, err
		}
		p.User = id.user
		p.Capabilities = execCapabilities(p.Capabilities, id.root())
		vars.set("HOME", id.home)
	}
	if o.Privileged {
		all := slices.Sorted(slices.Values(r.host.Capabilities))
		p.Capabilities = &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all}
	}
	for _, v := range o.Env {
		vars.set(v.Name, v.Value)
	}
	if o.TTY {
		vars.setDefault("TERM", "xterm")
	}
	p.Env = vars.list()
	if o.WorkingDir != "" {
		if !path.IsAbs(o.WorkingDir) {
			return nil, fmt.Errorf("%w: working directory %q is not an absolute path", spec.ErrConfig, o.WorkingDir)
		}
		p.Cwd = path.Clean(o.WorkingDir)
	}
	return p, nil
}

// execCapabilities are those of another user in the same container.
func execCapabilities(of *specs.LinuxCapabilities, root bool) *specs.LinuxCapabilities {
	if of == nil {
		return nil
	}
	set := &specs.LinuxCapabilities{Bounding: of.Bounding}
	if root {
		set.Effective, set.Permitted = of.Bounding, of.Bounding
	}
	return set
}

// execCall is one run of the runtime's exec.
type execCall struct {
	r   *Runtime
	c   Container
	o   ExecOptions
	dir string // its files: process.json, pid, log
}

func (e *execCall) path(name string) string { return filepath.Join(e.dir, name) }

func (e *execCall) command() hostexec.Cmd {
	args := []string{
		"--root=" + e.r.stateRoot, "--log=" + e.path("log"), "--log-format=json",
		"exec", "--process", e.path("process.json"), "--pid-file", e.path("pid"),
	}
	if e.o.TTY {
		args = append(args, "--tty")
	}
	if e.o.Detach {
		args = append(args, "--detach")
	}
	return hostexec.Cmd{
		Path: e.r.program(), Name: filepath.Base(e.r.runtime), Args: append(args, string(e.c.ID)), Env: helperEnv(), Session: true, Timeout: e.r.timeout,
	}
}

func (e *execCall) run(ctx context.Context) (int, error) {
	if e.o.Detach {
		_, err := hostexec.Run(ctx, e.command())
		if err != nil {
			return 0, e.failure(err)
		}
		return 0, nil
	}
	pumps := newPumps()
	defer pumps.close()
	cmd := e.command()
	var err error
	if e.o.TTY {
		o := e.o
		o.Streams.Stdout = e.unlessSaid(o.Streams.Stdout)
		err = pumps.terminal(&cmd, o)
	} else {
		s := e.o.Streams
		s.Stderr = e.unlessSaid(s.Stderr)
		err = pumps.pipes(&cmd, s)
	}
	if err != nil {
		return 0, err
	}
	program, err := hostexec.Start(cmd)
	pumps.started()
	if err != nil {
		return 0, err
	}
	if e.o.TTY {
		go e.forwardSizes(pumps, program.Process)
	}
	ended := make(chan error, 1)
	go func() { ended <- program.Wait() }()
	select {
	case err := <-ended:
		pumps.drain()
		return e.result(err)
	case <-pumps.detached:
		err = ErrDetached
	case <-ctx.Done():
		err = ctx.Err()
	}
	e.kill(program.Process, ended)
	pumps.drain()
	return 0, err
}

// killLimit is how long a killed command's runtime may take to notice.
const killLimit = 2 * time.Second

// kill ends the command, which the runtime is only the parent of: killed
// itself, it would leave the command behind. It may be just about to start it,
// so this goes on until the runtime has ended.
func (e *execCall) kill(runtime *os.Process, ended <-chan error) {
	limit := time.NewTimer(killLimit)
	defer limit.Stop()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		commands := e.commands(runtime.Pid)
		if e.o.KillAll {
			commands = e.withOffspring(commands)
		}
		for _, p := range commands {
			if err := p.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
				e.r.log.Warn("command cannot be killed", "container", e.c.ID.Short(), "error", err)
			}
		}
		select {
		case <-ended:
			return
		case <-again.C:
		case <-limit.C:
			_ = runtime.Kill()
			<-ended
			return
		}
	}
}

// commands are the processes of the container that the runtime started: the
// one in its PID file, or before that is written, its children.
func (e *execCall) commands(runtime int) []Process {
	pids, _ := readWords(e.path("pid"))
	if len(pids) == 0 {
		pids = childrenOf(runtime)
	}
	return e.inContainer(pids)
}

// withOffspring are processes of the container and those they started. Each is
// stopped first: it starts no more.
func (e *execCall) withOffspring(list []Process) []Process {
	for i := 0; i < len(list); i++ {
		_ = list[i].Signal(syscall.SIGSTOP) // it is killed next, or has ended
		list = append(list, e.inContainer(childrenOf(list[i].Pid))...)
	}
	return list
}

// childrenOf are the processes a process started, by PID.
func childrenOf(pid int) []string {
	var pids []string
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		children, _ := readWords(task)
		pids = append(pids, children...)
	}
	return pids
}

// inContainer are those of the PIDs that live in the container's cgroup.
func (e *execCall) inContainer(pids []string) []Process {
	var list []Process
	for _, word := range pids {
		pid, err := strconv.Atoi(word)
		if err != nil {
			continue
		}
		p, err := FindProcess(pid)
		if err != nil {
			continue
		}
		cgroup, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
		if err == nil && strings.Contains(string(cgroup), string(e.c.ID)) && p.Alive() {
			list = append(list, p)
		}
	}
	return list
}

// result tells the command's exit code from a failure of the runtime, which
// writes to its log only when it fails itself.
func (e *execCall) result(err error) (int, error) {
	if err == nil {
		return 0, nil
	}
	var exit interface { // *exec.ExitError, of a package that is hostexec's alone
		ExitCode() int
		Sys() any
	}
	if !errors.As(err, &exit) {
		return 0, fmt.Errorf("exec: %w", err)
	}
	if said := e.said(); said != "" {
		return 0, runtimeError(filepath.Base(e.r.runtime), "exec", said)
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return exit.ExitCode(), nil
}

func (e *execCall) failure(err error) error {
	if said := e.said(); said != "" {
		return runtimeError(filepath.Base(e.r.runtime), "exec", said)
	}
	return err
}

// startWait is how long words are held back of which it is not known yet
// whether they are the runtime's or the command's.
const startWait = 200 * time.Millisecond

// unlessSaid drops what the runtime writes of its own failure, where a command's
// words belong: that is in its log, too, and returned as the error. The log may
// be written an instant later; a command that speaks has a PID file an instant
// later.
func (e *execCall) unlessSaid(to io.Writer) io.Writer {
	if to == nil {
		return nil
	}
	return writerFunc(func(data []byte) (int, error) {
		for waited := time.Duration(0); ; waited += 5 * time.Millisecond {
			if e.said() != "" {
				return len(data), nil
			}
			if exists(e.path("pid")) || waited >= startWait {
				return to.Write(data)
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(data []byte) (int, error) { return f(data) }

// said are the errors in the runtime's log.
func (e *execCall) said() string {
	data, err := os.ReadFile(e.path("log"))
	if err != nil {
		return ""
	}
	return errorsIn(data)
}

// errorsIn are the errors in a runtime's log, JSON objects one after the other:
// runc and crun 1.8 write each on a line, newer ones of crun on several. The last may
// be half written.
func errorsIn(log []byte) string {
	var messages []string
	for objects := json.NewDecoder(bytes.NewReader(log)); ; {
		var entry struct{ Level, Msg string }
		if objects.Decode(&entry) != nil {
			return strings.Join(messages, "; ")
		}
		if entry.Level == "error" || entry.Level == "fatal" {
			messages = append(messages, entry.Msg)
		}
	}
}
