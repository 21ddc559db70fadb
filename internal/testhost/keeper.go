package testhost

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	keepDiskByte = 'k'
	readyLine    = "ready\n"

	// What a keeper inherits.
	controlFD = 3
	statusFD  = 4
)

// keep is the keeper: it makes the host's cgroups, starts its PID 1, and clears
// up when that ends or when the control pipe does.
func keep(c config) (int, error) {
	// PID 1 is to die with us, and the kernel ties that to the thread that started it.
	runtime.LockOSThread()
	// A signal to the tests is not for us; ignored ones would be ignored on the host too.
	signal.Notify(make(chan os.Signal, 1), unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGPIPE)
	control := os.NewFile(controlFD, "control")
	status := os.NewFile(statusFD, "status")
	unix.CloseOnExec(controlFD)
	unix.CloseOnExec(statusFD)

	keepDisk := false
	code, err := keepRunning(&c, control, status, &keepDisk)
	err = errors.Join(err, removeGroups(c.Groups))
	if !keepDisk {
		err = errors.Join(err, os.RemoveAll(c.Base))
	}
	return code, err
}

func keepRunning(c *config, control, status *os.File, keepDisk *bool) (int, error) {
	groups, err := makeGroups(c.Cgroup, filepath.Base(c.Base))
	c.Groups = groups
	if err != nil {
		return 1, err
	}
	env, err := c.environ("setup")
	if err != nil {
		return 1, err
	}
	cmd := exec.Command(selfExe)
	cmd.Args = []string{c.Exe}
	cmd.Env = env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{status}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		Pdeathsig:  unix.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		return 1, fmt.Errorf("start the host: %w", err)
	}
	if err := savePID(*c, cmd.Process.Pid); err != nil {
		return 1, errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	status.Close()

	asked := make(chan bool, 1)
	go func() { // ends with the process
		word := make([]byte, 1)
		n, _ := control.Read(word)
		asked <- n == 1 && word[0] == keepDiskByte
		cmd.Process.Kill() // gone already: nothing to do
	}()
	err = cmd.Wait()
	if c.Args == nil { // the disk waits for what is asked, also when the host ended by itself
		*keepDisk = <-asked
	}
	if state, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok {
		return exitCode(unix.WaitStatus(state)), nil
	}
	return 1, err
}

// savePID tells Enter where to go.
func savePID(c config, pid int) error {
	saved := c
	saved.Args = nil
	if err := writeJSON(filepath.Join(c.Base, "config.json"), saved); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(c.Base, "pid"), []byte(strconv.Itoa(pid)), 0o600); err != nil {
		return fmt.Errorf("write down the host's pid: %w", err)
	}
	return nil
}
