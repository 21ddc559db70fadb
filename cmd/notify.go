package cmd

import (
	"context"
	"fmt"
	"os"

	"github.com/coreos/go-systemd/v22/daemon"

	"berth/engine"
	"berth/engine/spec"
)

// tellSystemd tells the unit that this command runs for which process is its main
// one, a container's conmon, and unless that says so itself that it is ready.
func tellSystemd(ctx context.Context, e *engine.Engine, c created, made *spec.Container) error {
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
	return nil
}
