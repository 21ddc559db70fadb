package oci

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"berth/internal/atomicfile"

	"golang.org/x/sys/unix"
)

// Process is a process of this host that cannot be mistaken for another one:
// a PID is used again, a PID with its start time is not.
type Process struct {
	Pid       int    `json:"pid"`
	StartTime uint64 `json:"startTime"` // clock ticks since boot, field 22 of /proc/<pid>/stat
}

// FindProcess identifies the live process with that PID; os.ErrProcessDone if
// there is none.
func FindProcess(pid int) (Process, error) {
	stat, err := procStat(pid)
	if err != nil {
		return Process{}, err
	}
	if stat.dead() {
		return Process{}, os.ErrProcessDone
	}
	return Process{Pid: pid, StartTime: stat.startTime}, nil
}

// Alive reports whether this very process still runs. A zombie does not.
func (p Process) Alive() bool {
	alive, _ := p.look()
	return alive
}

// look reports whether this very process still runs, and whose child it is.
func (p Process) look() (alive bool, parent int) {
	stat, err := procStat(p.Pid)
	if err != nil || stat.startTime != p.StartTime || stat.dead() {
		return false, 0
	}
	return true, stat.parent
}

// Open pins the process with a pidfd; os.ErrProcessDone if it has ended.
func (p Process) Open() (*os.File, error) {
	if p.Pid <= 0 {
		return nil, os.ErrProcessDone
	}
	fd, err := unix.PidfdOpen(p.Pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) {
		return nil, os.ErrProcessDone
	}
	if err != nil {
		return nil, fmt.Errorf("open process %d: %w", p.Pid, err)
	}
	// The descriptor pins whoever has the PID now; only then does the
	// comparison say who that is.
	if !p.Alive() {
		_ = unix.Close(fd)
		return nil, os.ErrProcessDone
	}
	return os.NewFile(uintptr(fd), "pidfd"), nil
}

// Signal sends sig to this very process; os.ErrProcessDone if it has ended.
func (p Process) Signal(sig syscall.Signal) error {
	f, err := p.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	err = unix.PidfdSendSignal(int(f.Fd()), sig, nil, 0)
	if errors.Is(err, unix.ESRCH) {
		return os.ErrProcessDone
	}
	if err != nil {
		return fmt.Errorf("signal process %d: %w", p.Pid, err)
	}
	return nil
}

// Wait blocks until the process has ended or ctx has.
func (p Process) Wait(ctx context.Context) error {
	f, err := p.Open()
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	// A pidfd becomes readable when its process ends (pidfd_open(2)).
	var ended bool
	err = conn.Read(func(fd uintptr) bool {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, _ := unix.Poll(fds, 0)
		ended = n > 0
		return ended
	})
	if ended {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// stat is what we read of /proc/<pid>/stat.
type stat struct {
	state     byte
	parent    int
	startTime uint64
}

// dead reports whether the process has ended and is only waited for.
func (s stat) dead() bool { return s.state == 'Z' || s.state == 'X' || s.state == 'x' }

func procStat(pid int) (s stat, err error) {
	if pid <= 0 {
		return s, os.ErrProcessDone
	}
	err = atomicfile.Use("/proc/"+strconv.Itoa(pid)+"/stat", func(data []byte) (err error) {
		s, err = parseStat(data)
		return err
	})
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return s, os.ErrProcessDone
	}
	return s, err
}

// parseStat reads fields 3, 4 and 22 of /proc/<pid>/stat. Field 2, the program's
// name, may hold anything, so fields are counted from its last parenthesis.
func parseStat(data []byte) (s stat, err error) {
	n := 0
	for field := range bytes.FieldsSeq(data[bytes.LastIndexByte(data, ')')+1:]) {
		switch n++; {
		case n == 1 && len(field) == 1:
			s.state = field[0]
		case n == 2 && s.state != 0:
			s.parent, err = strconv.Atoi(string(field))
		case n == 20 && s.state != 0:
			s.startTime, err = strconv.ParseUint(string(field), 10, 64)
			if err == nil {
				return s, nil
			}
		}
		if err != nil {
			return stat{}, fmt.Errorf("malformed /proc/<pid>/stat: %w", err)
		}
	}
	return stat{}, errors.New("malformed /proc/<pid>/stat")
}
