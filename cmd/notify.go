package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"berth/engine"
	"berth/engine/spec"
)

// tellSystemd tells the unit that this command runs for which process is its main
// one, a container's conmon, and unless that says so itself that it is ready: at
// once, even if it has ended since, or when it is healthy.
func (a *app) tellSystemd(ctx context.Context, e *engine.Engine, c created, made *spec.Container) error {
	how := made.ByHand.Notify
	if os.Getenv("NOTIFY_SOCKET") == "" || how == spec.NotifyIgnore {
		return nil
	}
	status, err := observed(ctx, e, c)
	if err != nil {
		return err
	}
	var message []string
	ended := status.ConmonPid == 0
	if !ended {
		message = append(message, fmt.Sprintf("MAINPID=%d", status.ConmonPid))
	}
	if how == spec.NotifyConmon {
		message = append(message, daemon.SdNotifyReady)
	}
	if len(message) == 0 {
		return nil // it never was ready, as its unit will see
	}
	if _, err := daemon.SdNotify(false, strings.Join(message, "\n")); err != nil {
		return fmt.Errorf("tell systemd that the container runs: %w", err)
	}
	if err := awaitSystemd(); err != nil {
		return fmt.Errorf("tell systemd that the container runs: %w", err)
	}
	if how != spec.NotifyHealthy || ended {
		return nil
	}
	if err := a.awaitHealthy(ctx, e, c); err != nil {
		return err
	}
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		return fmt.Errorf("tell systemd that the container is healthy: %w", err)
	}
	return nil
}

// barrierTime is how long systemd may take to read what it was told.
const barrierTime = 5 * time.Second

// awaitSystemd waits until systemd has read what it was told before: it closes the
// descriptor that comes with the message (sd_notify_barrier(3)). A conmon that ends
// earlier is not taken for the main process, so whoever looks after this whether
// the container has ended knows which of the two systemd saw.
func awaitSystemd() error {
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(socket)
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	to := &unix.SockaddrUnix{Name: os.Getenv("NOTIFY_SOCKET")} // "@…" is an abstract one here, too
	err = os.NewSyscallError("sendmsg", unix.Sendmsg(socket, []byte("BARRIER=1"), unix.UnixRights(int(w.Fd())), to, 0))
	if err := errors.Join(err, w.Close()); err != nil {
		return err
	}
	if err := r.SetReadDeadline(time.Now().Add(barrierTime)); err != nil {
		return err
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil // late or not, it was told
}

// endForSystemd ends the command with the code of a container that has ended
// already, since systemd may never have seen its conmon: the unit's end is the
// container's either way.
func (a *app) endForSystemd(ctx context.Context, e *engine.Engine, c created, made *spec.Container) error {
	if os.Getenv("NOTIFY_SOCKET") == "" || made.ByHand.Notify != spec.NotifyConmon {
		return nil
	}
	status, err := observed(ctx, e, c)
	if err != nil || status.State != spec.StateExited {
		return err
	}
	return exit(status.ExitCode)
}

// observed is how a container is that was made just now; one that is gone has no
// state.
func observed(ctx context.Context, e *engine.Engine, c created) (spec.ContainerStatus, error) {
	st, err := e.ObservePod(ctx, c.pod)
	if errors.Is(err, spec.ErrNotFound) {
		return spec.ContainerStatus{}, nil
	}
	if err != nil {
		return spec.ContainerStatus{}, err
	}
	if status, ok := st.Container(c.name); ok {
		return *status, nil
	}
	return spec.ContainerStatus{}, nil
}

// awaitHealthy waits until a container is healthy; that it ended before is an
// error. Where no supervisor checks it, it is checked here.
func (a *app) awaitHealthy(ctx context.Context, e *engine.Engine, c created) error {
	p, err := e.ObservePod(ctx, c.pod)
	if err != nil {
		return err
	}
	status, ok := p.Container(c.name)
	if made, _ := p.Pod.Container(c.name); !ok || made.Healthy() == nil {
		return fmt.Errorf("--sdnotify healthy: container %q has no health check, nor has its image: add --health-cmd", c.name)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !supervised(ctx, e) {
		go a.applier(e).KeepChecking(ctx, c.pod, c.name) // ends with ctx
	}
	until := []string{"healthy", "exited", "unknown"}
	if _, err := waitFor(ctx, e, target{c.name, p, *status}, waitOptions{conditions: until, interval: healthInterval}); err != nil {
		return err
	}
	if p, err = e.ObservePod(ctx, c.pod); err != nil {
		return err
	}
	if status, ok := p.Container(c.name); !ok || !status.Running() {
		return fmt.Errorf("container %q ended before it was healthy", c.name)
	}
	return nil
}

// healthInterval is how often it is looked whether a container is healthy.
const healthInterval = 100 * time.Millisecond
