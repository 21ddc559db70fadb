package oci

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
)

// Ends watches conmons end: one that is killed leaves no file. However many are
// watched, nothing polls, and no thread waits.
type Ends struct {
	epoll *os.File

	mu   sync.Mutex
	fds  map[int32]spec.ContainerID // pidfds
	have map[spec.ContainerID]bool
}

// NewEnds returns an Ends that watches nothing yet. It must be closed.
func NewEnds() (*Ends, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // lets the Go runtime wait for it
		_ = unix.Close(fd)
		return nil, err
	}
	return &Ends{epoll: os.NewFile(uintptr(fd), "epoll"), fds: map[int32]spec.ContainerID{}, have: map[spec.ContainerID]bool{}}, nil
}

// Watch has Wait name the container when its conmon ends; gone says that there
// is none any more. One that was never made is no error.
func (e *Ends) Watch(c Container) (gone bool, err error) {
	e.mu.Lock()
	have := e.have[c.ID]
	e.mu.Unlock()
	if have {
		return false, nil
	}
	record, made, err := readRecord(c)
	if err != nil || !made {
		return false, err
	}
	fd, err := unix.PidfdOpen(record.Conmon.Pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("watch process %d: %w", record.Conmon.Pid, err)
	}
	if !record.Conmon.Alive() {
		return true, unix.Close(fd)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	err = e.control(func(epoll int) error {
		return unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
	})
	if err != nil {
		return false, errors.Join(fmt.Errorf("watch process %d: %w", record.Conmon.Pid, err), unix.Close(fd))
	}
	e.fds[int32(fd)], e.have[c.ID] = c.ID, true
	return false, nil
}

// Wait returns the containers whose conmon has ended, as soon as there is one;
// os.ErrClosed after Close.
func (e *Ends) Wait() ([]spec.ContainerID, error) {
	raw, err := e.epoll.SyscallConn()
	if err != nil {
		return nil, err
	}
	events := make([]unix.EpollEvent, 64)
	var n int
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		n, failed = unix.EpollWait(int(fd), events, 0)
		if errors.Is(failed, unix.EINTR) {
			n, failed = 0, nil // the event comes again
		}
		return n > 0 || failed != nil
	})
	if err = errors.Join(err, failed); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var ended []spec.ContainerID
	for _, event := range events[:n] {
		if id, known := e.fds[event.Fd]; known {
			ended = append(ended, id)
			delete(e.fds, event.Fd)
			delete(e.have, id)
			_ = unix.Close(int(event.Fd)) // leaves the set by that
		}
	}
	return ended, nil
}

// Close ends Wait and gives up what is watched.
func (e *Ends) Close() error {
	errs := []error{e.epoll.Close()}
	e.mu.Lock()
	defer e.mu.Unlock()
	for fd := range e.fds {
		errs = append(errs, unix.Close(int(fd)))
		delete(e.fds, fd)
	}
	return errors.Join(errs...)
}

// control works on the set; not with Fd, which would have threads wait for it.
func (e *Ends) control(do func(epoll int) error) error {
	raw, err := e.epoll.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = do(int(fd)) })
	return errors.Join(err, failed)
}
