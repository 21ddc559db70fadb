package testhost

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// enter is what Host.Command starts: it runs its arguments on the host.
func enter(c config) (int, error) {
	if c.Then == "" {
		return enterHost(c.Base, os.Args[1:], os.Environ())
	}
	env, err := config{}.environ(c.Then)
	if err != nil {
		return 1, err
	}
	return enterHost(c.Base, []string{selfExe}, env)
}

// Enter runs a program on the host that handle names, with our standard streams
// and environment, and returns its exit code. It is for a process that does
// nothing else: its main thread stays on the host.
func Enter(handle string, argv []string) (int, error) {
	var c config
	if err := json.Unmarshal([]byte(handle), &c); err != nil {
		return 1, fmt.Errorf("find the host: %w", err)
	}
	return enterHost(c.Base, argv, cleanEnviron())
}

// killSignal tells enter to kill what it runs; SIGKILL would only end enter.
const killSignal = unix.SIGALRM

// selfExe is this program, for a child of this process in whatever /proc it sees.
const selfExe = "/proc/self/exe"

func enterHost(base string, argv, env []string) (int, error) {
	if len(argv) == 0 {
		return 1, errors.New("nothing to run on the host")
	}
	// Namespaces are a thread's.
	runtime.LockOSThread()
	c, err := joinHost(base)
	if err != nil {
		return 1, err
	}
	path := argv[0]
	if path != selfExe { // the host's /proc does not know this process, only what it starts
		if path, err = exec.LookPath(path); err != nil {
			return 127, err
		}
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, killSignal, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGWINCH)
	pid, err := syscall.ForkExec(path, argv, &syscall.ProcAttr{
		Env:   append(env, insideEnv+"="+string(c.Cgroup)),
		Files: []uintptr{0, 1, 2},
		// No Pdeathsig: from inside its pid namespace the child sees no parent, takes
		// it for dead, and kills itself.
	})
	if err != nil {
		return 126, fmt.Errorf("start %s on the host: %w", path, err)
	}
	go func() { // ends with the process
		for s := range signals {
			n, _ := s.(syscall.Signal)
			if n == killSignal {
				n = unix.SIGKILL
			}
			_ = unix.Kill(pid, n) // it has ended: nobody to tell
		}
	}()
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(pid, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 1, fmt.Errorf("wait for %s: %w", path, err)
		default:
			return exitCode(status), nil
		}
	}
}

// joinHost moves the calling thread onto a host: its cgroups, its namespaces,
// and our working folder as it is there.
func joinHost(base string) (config, error) {
	var c config
	data, err := os.ReadFile(filepath.Join(base, "config.json"))
	if err != nil {
		return c, fmt.Errorf("find the host: %w", err)
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("find the host: %w", err)
	}
	pid, err := readPID(base)
	if err != nil {
		return c, err
	}
	host, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return c, fmt.Errorf("find the host's PID 1: %w", err)
	}
	defer unix.Close(host)
	dir, err := os.Getwd()
	if err != nil {
		return c, fmt.Errorf("find the working folder: %w", err)
	}
	if err := joinGroups(c.Groups, c.leaf()); err != nil {
		return c, err
	}
	if err := unix.Unshare(unix.CLONE_FS); err != nil { // a shared working folder bars the way
		return c, fmt.Errorf("enter the host: %w", err)
	}
	const all = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWCGROUP
	if err := unix.Setns(host, all); err != nil {
		return c, fmt.Errorf("enter the host: %w", err)
	}
	if err := unix.Chdir(dir); err != nil {
		if err := unix.Chdir("/"); err != nil {
			return c, fmt.Errorf("enter the host: %w", err)
		}
	}
	return c, nil
}
