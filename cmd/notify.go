package cmd

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"berth/engine"
	"berth/engine/spec"
)

// tellSystemd tells the unit that this command runs for which process is its main
// one, a container's conmon, and unless that says so itself that it is ready: at
// once, or when it is healthy.
func (a *app) tellSystemd(ctx context.Context, e *engine.Engine, c created, made *spec.Container) error {
	how := made.ByHand.Notify
	if os.Getenv("NOTIFY_SOCKET") == "" || how == spec.NotifyIgnore {
		return nil
	}
	st, err := e.ObservePod(ctx, c.pod)
	if err != nil {
		return err
	}
	status, ok := st.Container(c.name)
	if !ok || status.ConmonPid == 0 {
		return nil // it has ended already, as its unit will see
	}
	message := fmt.Sprintf("MAINPID=%d", status.ConmonPid)
	if how == spec.NotifyConmon {
		message += "\n" + daemon.SdNotifyReady
	}
	if _, err := daemon.SdNotify(false, message); err != nil {
		return fmt.Errorf("tell systemd that the container runs: %w", err)
	}
	if how != spec.NotifyHealthy {
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
	if _, err := waitFor(ctx, e, target{c.name, p, *status}, until, healthInterval); err != nil {
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
