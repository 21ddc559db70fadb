package oci

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"berth/engine/spec"
	"berth/internal/atomicfile"
)

// State is a container as it is observed from files and /proc, without asking
// a helper.
type State struct {
	State      spec.ContainerState
	Init       Process // its first process, while that lives
	Pid        int     // of Init
	ConmonPid  int
	CreatedAt  time.Time
	StartedAt  time.Time
	FinishedAt time.Time
	ExitCode   int
	OOMKilled  bool
	// ConmonLost: the container runs, but nobody will know how it ends. It is
	// to be killed (see design, trap 7).
	ConmonLost bool
}

// Running reports whether the container's process was started and lives.
func (s State) Running() bool { return s.State == spec.StateRunning || s.State == spec.StatePaused }

// State observes a container.
//
//	init lives, runtime waits on exec.fifo   → created
//	init lives                               → running or paused
//	exit file                                → exited
//	init is gone, conmon lives               → running: the exit file is being written
//	neither                                  → unknown, or none if it was never created
func (r *Runtime) State(c Container) (State, error) {
	s, err := r.observe(c)
	if err != nil {
		return s, err
	}
	if s.State == spec.StateUnknown {
		// Both may have ended since the exit file was looked for.
		code, finished, ok, err := ReadExit(r.exitDir, c.ID)
		if err != nil {
			return s, err
		}
		if ok {
			s.State, s.ExitCode, s.FinishedAt = spec.StateExited, code, finished
		}
	}
	if s.State == spec.StateExited {
		s.FinishedAt = endOf(s.FinishedAt, s.StartedAt)
	}
	return s, nil
}

// fileTick is more than a file's time lags behind: it is as coarse as the kernel's tick.
const fileTick = 100 * time.Millisecond

// endOf is when a container ended, not before it began. An end long before says
// that the clock was set back meanwhile: back-off is counted from then.
func endOf(finished, started time.Time) time.Time {
	if early := started.Sub(finished); early > 0 && early < fileTick {
		return started
	}
	return finished
}

func (r *Runtime) observe(c Container) (State, error) {
	record, created, err := readRecord(c)
	if err != nil {
		return State{}, err
	}
	s := State{CreatedAt: record.CreatedAt, StartedAt: record.StartedAt}
	if created && s.StartedAt.IsZero() {
		s.StartedAt = r.seenStarted(c)
	}
	init, parent := record.Init.look()
	if !init {
		return r.observeEnd(c, s, record, created)
	}
	s.Init, s.Pid = record.Init, record.Init.Pid
	if record.Conmon.Pid == parent || record.Conmon.Alive() { // a child's parent lives
		s.ConmonPid = record.Conmon.Pid
	}
	s.ConmonLost = s.ConmonPid == 0
	switch {
	case s.StartedAt.IsZero() && r.waitsForStart(c.ID):
		s.State = spec.StateCreated
	case r.frozen(c):
		s.State = spec.StatePaused
	default:
		s.State = spec.StateRunning
	}
	return s, nil
}

// observeEnd is what there is to see of a container whose process is gone, or
// never was.
func (r *Runtime) observeEnd(c Container, s State, record processRecord, created bool) (State, error) {
	code, finished, ok, err := ReadExit(r.exitDir, c.ID)
	if err != nil {
		return State{}, err
	}
	if !ok && record.Conmon.Alive() {
		s.ConmonPid = record.Conmon.Pid
	}
	switch {
	case ok:
		s.State, s.ExitCode, s.FinishedAt = spec.StateExited, code, finished
		s.OOMKilled = r.wasOOMKilled(c, record, code)
	case !created:
		s.State = spec.StateNone
	case s.ConmonPid != 0:
		s.State = spec.StateRunning
	default:
		s.State, s.ExitCode = spec.StateUnknown, spec.ExitUnknown
		s.OOMKilled = r.wasOOMKilled(c, record, s.ExitCode)
	}
	return s, nil
}

// readRecord reads process.json. Where we were killed before it was written,
// the PID files tell, if the processes they name are what they should be.
func readRecord(c Container) (record processRecord, created bool, err error) {
	err = atomicfile.ReadJSON(c.path("process.json"), &record)
	if err == nil {
		return record, true, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return record, false, err
	}
	if record.Conmon, err = conmonOf(c); err != nil && !processGone(err) {
		return record, false, err
	}
	info, err := os.Stat(c.path("pidfile"))
	if errors.Is(err, fs.ErrNotExist) {
		return record, false, nil
	}
	if err != nil {
		return record, false, err
	}
	record.CreatedAt = info.ModTime()
	if record.Init, err = initOf(c); err != nil && !processGone(err) {
		return record, false, err
	}
	return record, true, nil
}

// conmonOf identifies a container's conmon by its PID file and its command line.
func conmonOf(c Container) (Process, error) {
	return identify(c.path("conmon.pid"), func(pid string) bool {
		data, err := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
		return err == nil && isConmonOf(string(data), c)
	})
}

// isConmonOf reports whether a command line (NUL-separated) is of a conmon, or
// of a runtime creating, for that container.
func isConmonOf(cmdline string, c Container) bool {
	args := strings.Split(cmdline, "\x00")
	return slices.Contains(args, string(c.ID)) && slices.Contains(args, c.Bundle)
}

// initOf identifies a container's process by its PID file and its cgroup, or
// where it has none by conmon being its parent.
func initOf(c Container) (Process, error) {
	return identify(c.path("pidfile"), func(pid string) bool {
		if c.CgroupPath == "" {
			conmon, err := conmonOf(c)
			n, _ := strconv.Atoi(pid) // comes from a number
			return err == nil && parentOf(n) == conmon.Pid
		}
		data, err := os.ReadFile(filepath.Join("/proc", pid, "cgroup"))
		return err == nil && strings.Contains(string(data), string(c.ID))
	})
}

// identify reads a PID file and believes it only if the process is the right
// one; the comparison of start times makes sure it was the same all along.
func identify(pidFile string, is func(pid string) bool) (Process, error) {
	p, err := readPidFile(pidFile)
	if err != nil {
		return Process{}, err
	}
	if !is(itoa(p.Pid)) || !p.Alive() {
		return Process{}, os.ErrProcessDone
	}
	return p, nil
}

func processGone(err error) bool {
	return errors.Is(err, os.ErrProcessDone) || errors.Is(err, fs.ErrNotExist)
}

// waitsForStart reports whether a container was created and not started: crun
// and runc both keep a FIFO until then.
func (r *Runtime) waitsForStart(id spec.ContainerID) bool {
	_, err := os.Lstat(filepath.Join(r.stateRoot, string(id), "exec.fifo"))
	return err == nil
}

// seenStarted is when a container was started that we have no note of: killed
// after the start, before it was written down. The removal of the FIFO is what
// last changed the runtime's folder. Zero if it waits to be started.
func (r *Runtime) seenStarted(c Container) time.Time {
	info, err := os.Stat(filepath.Join(r.stateRoot, string(c.ID)))
	if err != nil || r.waitsForStart(c.ID) {
		return time.Time{}
	}
	return info.ModTime()
}

// Wait blocks until a container no longer runs, or ctx ends, and returns its
// state. A container that was created and never started is waited for, too.
func (r *Runtime) Wait(ctx context.Context, c Container) (State, error) {
	for {
		s, err := r.State(c)
		if err != nil || !s.Running() && s.State != spec.StateCreated {
			return s, err
		}
		record, _, err := readRecord(c)
		if err != nil {
			return s, err
		}
		// conmon's end means the exit file is there; without conmon the
		// process's own end is all that can be seen.
		last := record.Conmon
		if !last.Alive() {
			last = record.Init
		}
		if err := last.Wait(ctx); err != nil {
			return s, err
		}
	}
}
