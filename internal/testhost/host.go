package testhost

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// bootLimit is how long systemd may take until its default target is reached.
const bootLimit = 90 * time.Second

// Host is a running test host. Its methods are for one goroutine at a time, but
// for Command and what it returns.
type Host struct {
	config  config
	keeper  *exec.Cmd
	control *os.File // closing it ends the host and its disk
}

// Start makes a host and returns when commands can run there; with Options.Boot
// when systemd has started what it starts at boot. Close ends it.
func Start(ctx context.Context, o Options) (*Host, error) {
	c, err := o.config()
	if err != nil {
		return nil, err
	}
	h := &Host{config: c}
	if err := h.power(ctx); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

func (o Options) config() (config, error) {
	packages, err := o.packages()
	if err != nil {
		return config{}, err
	}
	parent := os.Getenv(diskEnv)
	if parent == "" {
		parent = "/var/tmp"
	}
	base, err := os.MkdirTemp(parent, "berth-testhost-")
	if err != nil {
		return config{}, fmt.Errorf("make the host's disk: %w", err)
	}
	exe, err := os.Executable()
	if err != nil {
		return config{}, fmt.Errorf("find the test binary: %w", err)
	}
	dir, err := os.Getwd()
	if err != nil {
		return config{}, fmt.Errorf("find the working folder: %w", err)
	}
	return config{Base: base, Dir: dir, Exe: exe, Cgroup: o.cgroup(), Boot: o.Boot, Share: o.Share, Packages: packages}, nil
}

// Command returns a command that will run on the host, in the caller's working
// folder and environment unless its Dir and Env are set. Set Env with Environ.
func (h *Host) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, selfExe, append([]string{name}, args...)...)
	cmd.Args[0] = h.config.Exe
	cmd.Env = h.Environ(os.Environ())
	cmd.Cancel = func() error { return cmd.Process.Signal(killSignal) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// Environ adds to env what a Command needs to find the host.
func (h *Host) Environ(env []string) []string {
	return append(env[:len(env):len(env)], stageEnv+"=enter", configEnv+"="+h.Handle())
}

// Handle names the host to Enter, in this process or another; it stays the same
// over a reboot.
func (h *Host) Handle() string {
	data, err := json.Marshal(config{Base: h.config.Base})
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// Run runs a command on the host to its end and returns its standard output.
// The error of one that fails carries what it printed on standard error.
func (h *Host) Run(ctx context.Context, name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := h.Command(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("on the test host: %s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// Reboot is a power cut followed by a start: every process is killed, /run is
// empty, the boot id is another, the disk is as it was left.
func (h *Host) Reboot(ctx context.Context) error {
	if err := h.powerOff(true); err != nil {
		return fmt.Errorf("reboot: %w", err)
	}
	if err := h.power(ctx); err != nil {
		return fmt.Errorf("reboot: %w", err)
	}
	return nil
}

// Close ends the host and removes its disk. A second call does nothing.
func (h *Host) Close() error {
	err := h.powerOff(false)
	return errors.Join(err, os.RemoveAll(h.config.Base))
}

func (h *Host) powerOff(keepDisk bool) error {
	if h.keeper == nil {
		return nil
	}
	var err error
	if keepDisk {
		_, err = h.control.Write([]byte{keepDiskByte})
	}
	err = errors.Join(err, h.control.Close())
	var exit *exec.ExitError
	if wait := h.keeper.Wait(); !errors.As(wait, &exit) { // PID 1 was killed: not a success
		err = errors.Join(err, wait)
	}
	h.keeper, h.control = nil, nil
	return err
}

// power starts the host as it stands on its disk.
func (h *Host) power(ctx context.Context) error {
	log, err := os.OpenFile(filepath.Join(h.config.Base, "console"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open the host's console: %w", err)
	}
	defer log.Close()
	if err := h.start(ctx, nil, log, log); err != nil {
		said, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%w\n%s", err, said)
	}
	if !h.config.Boot {
		return nil
	}
	if err := h.waitForBoot(ctx); err != nil {
		return err
	}
	_, err = h.Run(ctx, "cp", "/proc/self/mountinfo", baseline)
	return err
}

// start starts a keeper and returns when it says that the host is there.
func (h *Host) start(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
	h.config.BootID = newBootID()
	env, err := h.config.environ("keep")
	if err != nil {
		return err
	}
	controlRead, controlWrite, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	defer controlRead.Close()
	statusRead, statusWrite, err := os.Pipe()
	if err != nil {
		return errors.Join(fmt.Errorf("make a pipe: %w", err), controlWrite.Close())
	}
	defer statusRead.Close()
	// Not CommandContext: the pipe ends the keeper, with its work done.
	cmd := exec.Command(selfExe)
	cmd.Args = []string{h.config.Exe}
	cmd.Env = env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	cmd.ExtraFiles = []*os.File{controlRead, statusWrite}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	statusWrite.Close()
	if err != nil {
		return errors.Join(fmt.Errorf("start the keeper: %w", err), controlWrite.Close())
	}
	h.keeper, h.control = cmd, controlWrite
	stop := context.AfterFunc(ctx, func() { statusRead.SetReadDeadline(time.Now()) })
	defer stop()
	if line, err := bufio.NewReader(statusRead).ReadString('\n'); err != nil || line != readyLine {
		return errors.Join(errors.New("the host did not start"), ctx.Err())
	}
	return nil
}

// waitForBoot polls: systemd tells nobody outside that it is up.
func (h *Host) waitForBoot(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bootLimit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var state string
	for {
		state, _ = h.Run(ctx, "systemctl", "is-system-running")
		switch strings.TrimSpace(state) {
		case "running", "degraded":
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("systemd is %q: %w", strings.TrimSpace(state), ctx.Err())
		case <-tick.C:
		}
	}
}

// newBootID is what this boot's /proc/sys/kernel/random/boot_id will say.
func newBootID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return fmt.Sprintf("%x-%x-%x-%x-%x\n", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
