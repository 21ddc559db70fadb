package network

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// running is a helper of ours that runs on its own, held by a pidfd so that a
// signal cannot reach a process that took over its ID.
type running struct {
	pid int
	fd  int
}

func (r *running) close()                       { _ = unix.Close(r.fd) }
func (r *running) signal(sig unix.Signal) error { return unix.PidfdSendSignal(r.fd, sig, nil, 0) }

// ended waits until the process is gone.
func (r *running) ended(ctx context.Context) error {
	for ctx.Err() == nil {
		fds := []unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 100) // in steps, so that ctx is heeded
		if n > 0 {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("poll", err)
		}
	}
	return ctx.Err()
}

// awaitEnd waits for the end of a process that was told to; one that takes too long
// is killed.
func (m *Manager) awaitEnd(ctx context.Context, r *running) error {
	wait := func() error {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.endTimeout)
		defer cancel()
		return r.ended(limited)
	}
	if wait() == nil {
		return nil
	}
	if err := r.signal(unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return os.NewSyscallError("pidfd_send_signal", err)
	}
	return wait()
}

// findRunning returns the process that is ours, or nil: the one whose ID a note
// begins with, or, where that is lost or wrong, one of all.
func findRunning(note string, ours func(pid int) bool) (*running, error) {
	data, err := os.ReadFile(note)
	if err == nil {
		first, _, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
		if pid, err := strconv.Atoi(first); err == nil {
			if r := openRunning(pid, ours); r != nil {
				return r, nil
			}
		}
	}
	pids, err := processes()
	if err != nil {
		return nil, err
	}
	for _, pid := range pids {
		if r := openRunning(pid, ours); r != nil {
			return r, nil
		}
	}
	return nil, nil
}

func processes() ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

func openRunning(pid int, ours func(pid int) bool) *running {
	if !ours(pid) {
		return nil
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil
	}
	r := &running{pid: pid, fd: fd}
	if !ours(pid) { // between the look and the pidfd it may have ended
		r.close()
		return nil
	}
	return r
}
