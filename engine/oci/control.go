package oci

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// maxSize is the largest window conmon accepts.
const maxSize = 1000

// Resize sets the window size of a container's terminal. It goes where conmon puts
// what its control pipe says of sizes: from there several may come at once.
func (r *Runtime) Resize(c Container, s Size) error {
	return tellConmon(c, "winsz", fmt.Sprintf("%d %d\n", min(s.Rows, maxSize), min(s.Cols, maxSize)))
}

// ReopenLog has conmon open its log file again, after it was renamed.
func (r *Runtime) ReopenLog(c Container) error { return tellConmon(c, "ctl", "2 0 0\n") }

// mostUnheard is how long conmon may leave a pipe unread.
const mostUnheard = 5 * time.Second

// tellConmon writes one line to a pipe that conmon reads. It is opened without
// blocking, so that a dead conmon cannot hold us up.
//
// Of lines that lie in a pipe together conmon 2.1 takes the first for each of them:
// one is written only where there is none, and by one writer at a time.
func tellConmon(c Container, pipe, line string) error {
	fail := func(err error) error { return fmt.Errorf("reach conmon: %w", notRunningIfGone(err)) }
	fd, err := unix.Open(c.path(pipe), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail(err)
	}
	defer unix.Close(fd)
	if err := unix.Flock(fd, unix.LOCK_EX); err != nil {
		return fail(err)
	}
	if err := awaitEmpty(fd); err != nil {
		return fail(err)
	}
	if _, err := unix.Write(fd, []byte(line)); err != nil {
		return fail(err)
	}
	return nil
}

// awaitEmpty waits until all that was written to a pipe is read. A pipe of one page
// takes no more, as poll(2) has it, until that page is empty.
func awaitEmpty(pipe int) error {
	if _, err := unix.FcntlInt(uintptr(pipe), unix.F_SETPIPE_SZ, unix.Getpagesize()); err != nil {
		return err
	}
	until := time.Now().Add(mostUnheard)
	for {
		left := max(0, time.Until(until))
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pipe), Events: unix.POLLOUT}}, int(left.Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR) && left > 0:
		case err != nil:
			return err
		case n == 0:
			return fmt.Errorf("it has not read what it was told for %v", mostUnheard)
		default:
			return nil
		}
	}
}
