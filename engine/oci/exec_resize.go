package oci

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// forwardSizes gives the command's terminal the sizes the caller's takes, until
// the command has ended.
//
// There are two terminals: ours, which the runtime stands on, and the one it
// made inside. runc copies the size when it is told that ours changed; crun
// 1.8 only passes the signal on, so the inner one is set as well.
func (e *execCall) forwardSizes(p *pumps, runtime *os.Process) {
	var want *Size
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case size, ok := <-e.o.Streams.Resize:
			if !ok {
				return
			}
			want = &size
			if setSize(p.master, size) == nil {
				_ = runtime.Signal(unix.SIGWINCH)
			}
		case <-again.C:
		case <-p.done:
			return
		}
		// The inner terminal is there once the PID file is.
		if want != nil && e.setInnerSize(*want) {
			want = nil
		}
		if want == nil {
			again.Stop()
		} else {
			again.Reset(20 * time.Millisecond)
		}
	}
}

// setInnerSize sets the size of the terminal the command itself has; false
// when it has none yet.
func (e *execCall) setInnerSize(size Size) bool {
	if !exists(e.path("pid")) {
		return false
	}
	for _, command := range e.commands(0) {
		for fd := range 3 {
			if setTerminalSize(fmt.Sprintf("/proc/%d/fd/%d", command.Pid, fd), size) == nil {
				return true
			}
		}
	}
	return false
}

// ptsMajors are the device numbers of pseudo-terminals (Documentation/admin-guide/devices.txt).
const ptsMajorFirst, ptsMajorLast = 136, 143

// setTerminalSize sets a terminal's size by the path of a descriptor of it; it
// opens nothing but a pseudo-terminal.
func setTerminalSize(path string, size Size) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return err
	}
	major := unix.Major(st.Rdev)
	if st.Mode&unix.S_IFMT != unix.S_IFCHR || major < ptsMajorFirst || major > ptsMajorLast {
		return unix.ENOTTY
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: size.Rows, Col: size.Cols})
}
