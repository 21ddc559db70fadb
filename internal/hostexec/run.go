package hostexec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// DefaultTimeout is how long Run lets a helper work unless Cmd says otherwise.
const DefaultTimeout = 2 * time.Minute

// Cmd is one call of a helper.
type Cmd struct {
	Path string // absolute, or looked up on PATH
	Name string // in errors, and as the helper sees it; empty: that of Path
	Args []string
	Env  []string // nil: our own
	Dir  string

	Stdin          io.Reader // nil: empty
	Stdout, Stderr io.Writer // nil: Run collects them, Start discards them

	// ExtraFiles become descriptors 3, 4, … of the helper.
	ExtraFiles []*os.File
	// CgroupFD is an open cgroup v2 folder the helper is born into; nil: ours.
	CgroupFD *os.File
	// Session starts the helper in a session of its own, away from our terminal's signals.
	Session bool
	// OwnMounts has the helper see our mounts in a namespace of its own, for Start
	// only: what it does to them stays there, what we do comes to it.
	OwnMounts bool
	// Timeout limits Run; 0: DefaultTimeout, negative: none.
	Timeout time.Duration
}

// ExitError is a helper that ran and failed.
type ExitError struct {
	Program string
	Code    int    // -1 when killed by a signal
	Stderr  string // trimmed, its last 4 KiB
	err     error
}

// Error names the program and gives its last words.
func (e *ExitError) Error() string {
	if e.Stderr == "" {
		return fmt.Sprintf("%s: %v", e.Program, e.err)
	}
	return fmt.Sprintf("%s: %v: %s", e.Program, e.err, e.Stderr)
}

// Unwrap gives the *exec.ExitError.
func (e *ExitError) Unwrap() error { return e.err }

// TimeoutError is a helper that was killed because it took too long.
type TimeoutError struct {
	Program string
	After   time.Duration
}

// Error names the program and the limit.
func (e *TimeoutError) Error() string {
	return fmt.Sprintf("%s did not finish within %s and was killed", e.Program, e.After)
}

// Run runs a helper to its end and returns its standard output, unless c.Stdout
// takes it. A helper that fails is an *ExitError, one that outlives its limit a
// *TimeoutError; when ctx ends first it is killed and ctx's error returned.
func Run(ctx context.Context, c Cmd) ([]byte, error) {
	limit := c.Timeout
	if limit == 0 {
		limit = DefaultTimeout
	}
	run := ctx
	if limit > 0 {
		var cancel context.CancelFunc
		run, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	cmd := c.command(run)
	// A grandchild that keeps our pipes open must not keep us waiting; what the
	// helper itself wrote is long read by then, however busy the host is.
	cmd.WaitDelay = 3 * time.Second
	var stdout, stderr bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &stderr
	}
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	name := c.name()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return stdout.Bytes(), nil
	case ctx.Err() != nil:
		return stdout.Bytes(), fmt.Errorf("%s: %w", name, ctx.Err())
	case run.Err() != nil:
		return stdout.Bytes(), &TimeoutError{Program: name, After: limit}
	case errors.As(err, &exit):
		return stdout.Bytes(), &ExitError{Program: name, Code: exit.ExitCode(), Stderr: tail(stderr.String()), err: err}
	}
	return nil, fmt.Errorf("run %s: %w", name, err)
}

// Start starts a helper that outlives us and returns at once. The caller may
// Wait for it; nobody has to.
func Start(c Cmd) (*exec.Cmd, error) {
	cmd := c.command(context.Background())
	start := cmd.Start
	if c.OwnMounts {
		start = func() error { return elsewhere(cmd.Start) }
	}
	if err := start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name(), err)
	}
	return cmd, nil
}

func (c Cmd) name() string {
	if c.Name != "" {
		return c.Name
	}
	return filepath.Base(c.Path)
}

func (c Cmd) command(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	if c.Name != "" {
		cmd.Args[0] = c.Name
	}
	cmd.Env, cmd.Dir = c.Env, c.Dir
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Stdin, c.Stdout, c.Stderr
	cmd.ExtraFiles = c.ExtraFiles
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: c.Session}
	if c.CgroupFD != nil {
		cmd.SysProcAttr.UseCgroupFD = true
		cmd.SysProcAttr.CgroupFD = int(c.CgroupFD.Fd())
	}
	return cmd
}

func tail(s string) string {
	const most = 4096
	s = strings.TrimSpace(s)
	if len(s) > most {
		s = "…" + s[len(s)-most:]
	}
	return s
}
