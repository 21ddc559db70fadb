package engine

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"berth/engine/spec"
)

// firstFD is the first descriptor after the standard streams.
const firstFD = 3

// mostFDs bounds the descriptors that are passed in.
const mostFDs = 1024

// descriptors are those of ours that a container made by hand gets, from 3 on:
// the sockets that a service manager passes to us (sd_listen_fds(3)), how many of
// them that are, and those a person names. Gaps lead to /dev/null.
func descriptors(c *spec.Container) (files []*os.File, sockets int, err error) {
	if c.ByHand == nil {
		return nil, 0, nil
	}
	if os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid()) {
		if sockets, err = strconv.Atoi(os.Getenv("LISTEN_FDS")); err != nil || sockets < 0 || sockets > mostFDs {
			return nil, 0, fmt.Errorf("%w: LISTEN_FDS=%q is not a number of sockets", spec.ErrConfig, os.Getenv("LISTEN_FDS"))
		}
	}
	wanted := slices.Clone(c.ByHand.Preserve)
	for i := range sockets {
		wanted = append(wanted, firstFD+i)
	}
	if len(wanted) == 0 {
		return nil, 0, nil
	}
	copies := map[int]*os.File{} // all of them before others are opened, which take free numbers
	defer func() {
		if err != nil {
			for _, f := range copies {
				_ = f.Close()
			}
			closeAll(files)
		}
	}()
	for _, fd := range wanted {
		if copies[fd], err = duplicate(fd); err != nil {
			return nil, 0, err
		}
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, 0, err
	}
	for fd := firstFD; fd <= slices.Max(wanted); fd++ {
		f := copies[fd]
		if f == nil {
			f = null
		}
		files = append(files, f)
	}
	if !slices.Contains(files, null) {
		_ = null.Close()
	}
	return files, sockets, nil
}

// duplicate is a copy of a descriptor of ours.
func duplicate(fd int) (*os.File, error) {
	if fd < firstFD || fd >= firstFD+mostFDs {
		return nil, fmt.Errorf("%w: descriptor %d cannot be passed in: want 3 to %d", spec.ErrConfig, fd, firstFD+mostFDs-1)
	}
	// What whoever started us left open for us outlived exec: the others are our own.
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if err == nil && flags&unix.FD_CLOEXEC != 0 {
		err = unix.EBADF
	}
	if errors.Is(err, unix.EBADF) {
		return nil, fmt.Errorf("%w: descriptor %d cannot be passed in: it is not open", spec.ErrConfig, fd)
	}
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	copied, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, firstFD)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	return os.NewFile(uintptr(copied), "descriptor "+strconv.Itoa(fd)), nil
}

// passthrough are our own streams, for a container that is to write to them.
func passthrough(log spec.Log) ([3]*os.File, error) {
	switch log.Driver {
	case "passthrough":
		if term.IsTerminal(int(os.Stdin.Fd())) || term.IsTerminal(int(os.Stdout.Fd())) {
			return [3]*os.File{}, fmt.Errorf("%w: the log driver passthrough would give the container our terminal: use passthrough-tty if it may have that", spec.ErrConfig)
		}
	case "passthrough-tty":
	default:
		return [3]*os.File{}, nil
	}
	return [3]*os.File{os.Stdin, os.Stdout, os.Stderr}, nil
}
