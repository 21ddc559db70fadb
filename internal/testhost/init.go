package testhost

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// initialize is a host's PID 1: it starts the tests, if it was made for them,
// and reaps what others left. It ends with the tests, or when it is killed.
func initialize(c config) (int, error) {
	unix.CloseOnExec(setupStatusFD)
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	tests := -1
	if c.Args != nil {
		pid, err := startTests(c)
		if err != nil {
			return 1, err
		}
		tests = pid
	}
	if _, err := unix.Write(setupStatusFD, []byte(readyLine)); err != nil {
		return 1, fmt.Errorf("say that the host is there: %w", err)
	}
	if err := unix.Close(setupStatusFD); err != nil {
		return 1, fmt.Errorf("close the status pipe: %w", err)
	}
	for {
		if code, done := reap(tests); done {
			return code, nil
		}
		<-ended
	}
}

func startTests(c config) (int, error) {
	dir := c.Dir
	if _, err := os.Stat(dir); err != nil {
		dir = "/"
	}
	// Not os/exec: it would wait for its child and take it from reap, or reap from it.
	pid, err := syscall.ForkExec(c.Exe, append([]string{c.Exe}, c.Args...), &syscall.ProcAttr{
		Dir:   dir,
		Env:   append(cleanEnviron(), insideEnv+"="+string(c.Cgroup)),
		Files: []uintptr{0, 1, 2},
	})
	if err != nil {
		return 0, fmt.Errorf("start %s on the host: %w", c.Exe, err)
	}
	return pid, nil
}

// reap collects every child that has ended; done when the tests are among them.
func reap(tests int) (code int, done bool) {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil || pid == 0:
			return 0, false
		case pid == tests:
			return exitCode(status), true
		}
	}
}
