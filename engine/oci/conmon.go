package oci

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/engine/spec"
	"berth/internal/hostexec"
)

// firstFD is the first descriptor after the standard streams. Those for the
// container come first, then conmon's sync and start pipes.
const firstFD = 3

// conmonCall is a conmon that creates a container.
type conmonCall struct {
	r       *Runtime
	bundle  string
	program started
	sync    *os.File // conmon's answer
	stderr  string   // path of what conmon says before it lets go of us
}

// started is a helper that was started and not yet waited for.
type started struct {
	*os.Process
	wait func() error
}

// startConmon starts conmon, puts it into its cgroup and lets it go on. It is
// not ours to wait for: it forks away, and lives as long as the container.
func (r *Runtime) startConmon(ctx context.Context, c Create) (_ *conmonCall, err error) {
	if err := r.Ready(); err != nil {
		return nil, err
	}
	args, err := r.conmonArgs(c)
	if err != nil {
		return nil, err
	}
	lock, err := lockBundle(c.Container)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	syncRead, syncWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer syncWrite.Close()
	startRead, startWrite, err := os.Pipe()
	if err != nil {
		_ = syncRead.Close()
		return nil, err
	}
	defer startRead.Close()
	defer startWrite.Close()
	call := &conmonCall{r: r, bundle: c.Bundle, sync: syncRead, stderr: c.path("conmon.err")}
	defer func() {
		if err != nil {
			_ = syncRead.Close()
		}
	}()

	cmd := hostexec.Cmd{
		Path: r.conmon, Args: args, Dir: c.Bundle, Session: true,
		Env:        helperEnv("_OCI_SYNCPIPE="+strconv.Itoa(firstFD+len(c.Pass)), "_OCI_STARTPIPE="+strconv.Itoa(firstFD+len(c.Pass)+1)),
		ExtraFiles: slices.Concat(c.Pass, []*os.File{syncWrite, startRead, lock}, c.ExtraFiles),
	}
	stderr, err := os.OpenFile(call.stderr, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer stderr.Close()
	cmd.Stderr = stderr
	if IsPassthrough(c.Log.Driver) {
		setPassthrough(&cmd, c.Log.Passthrough)
	}
	cgroup, err := r.conmonCgroup(c.Container)
	if err != nil {
		return nil, err
	}
	if cgroup != nil {
		defer cgroup.Close()
		cmd.CgroupFD = cgroup
	}
	program, err := hostexec.Start(cmd)
	if err != nil {
		return nil, err
	}
	call.program = started{program.Process, program.Wait}
	if err := r.adoptConmon(ctx, c.Container, call.program.Pid); err != nil {
		_ = call.program.Kill()
		_ = call.program.wait()
		return nil, err
	}
	// It was waiting for this: what it starts from here on is born in its cgroup.
	if _, err := startWrite.Write([]byte{0}); err != nil && !errors.Is(err, os.ErrClosed) {
		r.log.Debug("conmon does not read its start pipe", "container", c.ID.Short(), "error", err)
	}
	return call, nil
}

func setPassthrough(cmd *hostexec.Cmd, files [3]*os.File) {
	if files[0] != nil {
		cmd.Stdin = files[0]
	}
	if files[1] != nil {
		cmd.Stdout = files[1]
	}
	if files[2] != nil {
		cmd.Stderr = files[2]
	}
}

// conmonArgs is conmon's command line (conmon(8)), for 2.1.6 and newer.
func (r *Runtime) conmonArgs(c Create) ([]string, error) {
	id := string(c.ID)
	args := []string{
		"--api-version", "1", "-c", id, "-u", id, "-n", c.Name, "-r", r.program(), "-b", c.Bundle,
		"-p", c.path("pidfile"), "-P", c.path("conmon.pid"), "--exit-dir", r.exitDir,
		"--full-attach", "--no-sync-log",
	}
	for _, arg := range r.globalArgs(c.Container) {
		args = append(args, "--runtime-arg="+arg)
	}
	if r.managerOf(c.Place) == ManagerSystemd {
		args = append(args, "-s")
	}
	if n := len(c.Pass); n > 0 {
		args = append(args, "--runtime-opt", "--preserve-fds", "--runtime-opt", strconv.Itoa(n))
	}
	if c.NotifySocket != "" {
		args = append(args, "--sdnotify-socket", c.NotifySocket)
	}
	if c.Timeout > 0 {
		args = append(args, "--timeout", strconv.FormatInt(int64((c.Timeout+time.Second-1)/time.Second), 10))
	}
	if c.Spec.Process.Terminal {
		args = append(args, "-t")
	}
	if c.Stdin {
		args = append(args, "-i")
		if !c.StdinOnce {
			args = append(args, "--leave-stdin-open")
		}
	}
	return appendLogging(args, c.Log)
}

func appendLogging(args []string, l Logging) ([]string, error) {
	switch {
	case isFileLog(l.Driver):
		if !filepath.IsAbs(l.Path) || strings.Contains(l.Path, ":") {
			return nil, fmt.Errorf("%w: log path %q: conmon needs an absolute path without a colon", spec.ErrConfig, l.Path)
		}
		args = append(args, "-l", "k8s-file:"+l.Path)
		if l.MaxSize > 0 {
			args = append(args, "--log-size-max", strconv.FormatInt(l.MaxSize, 10))
		}
	case l.Driver == "journald":
		args = append(args, "-l", "journald")
		if l.Tag != "" {
			args = append(args, "--log-tag", l.Tag)
		}
		for _, label := range l.Labels {
			args = append(args, "--log-label", label)
		}
	case l.Driver == "none":
		args = append(args, "-l", "none")
	case IsPassthrough(l.Driver):
		args = append(args, "-l", "passthrough")
	default:
		return nil, fmt.Errorf("%w: unknown log driver %q: it is k8s-file, journald, none or passthrough", spec.ErrConfig, l.Driver)
	}
	return args, nil
}

func isFileLog(driver string) bool {
	return driver == "" || driver == "k8s-file" || driver == "json-file" // podman takes one for the other
}

// IsPassthrough reports whether a log driver gives a container the streams of whoever
// starts it.
func IsPassthrough(driver string) bool { return driver == "passthrough" || driver == "passthrough-tty" }

// syncMessage is what conmon writes to its sync pipe: the PID of the
// container's process, or -1 and what the runtime said.
type syncMessage struct {
	Data    int    `json:"data"`
	Message string `json:"message"`
}

// wait returns the PID of the container's process once it exists. conmon's own
// exit status says nothing: 2.1.6 ends with 0 also when the runtime failed.
func (call *conmonCall) wait(ctx context.Context) (int, error) {
	defer call.sync.Close()
	ctx, cancel := context.WithTimeout(ctx, call.r.timeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = call.sync.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	// The first process forks the one that stays and ends; it is reaped
	// whenever that is, for a hanging one when it is killed.
	ended := make(chan error, 1)
	go func() { ended <- call.program.wait() }()
	pid, said, err := call.answer()
	if said && err != nil {
		return 0, err
	}
	if !said && ctx.Err() != nil {
		_ = call.program.Kill()
		return 0, call.timeout(ctx)
	}
	select {
	case exit := <-ended:
		if !said || exit != nil {
			return 0, call.silent(exit)
		}
		return pid, nil
	case <-ctx.Done():
		_ = call.program.Kill()
		return 0, call.timeout(ctx)
	}
}

// answer reads conmon's one line; said is false when it closed the pipe, or
// was given up, without any.
func (call *conmonCall) answer() (pid int, said bool, err error) {
	line, err := bufio.NewReader(io.LimitReader(call.sync, 1<<20)).ReadBytes('\n')
	if len(line) == 0 && err != nil {
		return 0, false, nil
	}
	var m syncMessage
	if err := json.Unmarshal(line, &m); err != nil {
		return 0, true, fmt.Errorf("conmon's answer %q: %w", line, err)
	}
	if m.Data <= 0 {
		return 0, true, runtimeError(filepath.Base(call.r.runtime), "create", m.Message)
	}
	return m.Data, true, nil
}

func (call *conmonCall) timeout(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &hostexec.TimeoutError{Program: filepath.Base(call.r.conmon) + " with " + filepath.Base(call.r.runtime) + " create", After: call.r.timeout}
	}
	return ctx.Err()
}

// silent explains a conmon that closed the pipe without a word.
func (call *conmonCall) silent(exit error) error {
	said, _ := os.ReadFile(call.stderr)
	text := strings.TrimSpace(string(said))
	switch {
	case text != "" && exit != nil:
		return fmt.Errorf("conmon failed: %w: %s", exit, text)
	case text != "":
		return fmt.Errorf("conmon failed: %s", text)
	case exit != nil:
		return fmt.Errorf("conmon failed: %w", exit)
	}
	return fmt.Errorf("conmon ended without an answer: %s create failed and did not say why", filepath.Base(call.r.runtime))
}
