package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"berth/engine"
)

func (a *app) kill() *cobra.Command {
	var t targets
	var signal string
	cmd := &cobra.Command{
		Use:   "kill [flags] CONTAINER [CONTAINER...]",
		Short: "Send a signal to containers",
		Long: `Sends a signal to the first process of containers, SIGKILL unless told otherwise. Prints the names as they
were given. A container ended by SIGKILL stays down, as one that was stopped.`,
		Example:           "  berth kill web-nginx\n  berth kill --signal HUP web-nginx",
		Args:              t.check("container"),
		ValidArgsFunction: a.completeContainers,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if t.all {
			t.filters = append(t.filters, "status=running")
		}
		return a.onContainers(&t, func(ctx context.Context, e *engine.Engine, c target) error {
			if err := c.refuseInfra("kill"); err != nil {
				return err
			}
			if !c.status.Running() {
				return fmt.Errorf("container %q is %s: only one that runs can be sent a signal", c.raw, c.status.State)
			}
			return a.applier(e).Kill(ctx, c.pod.Pod.ID, c.status.Name, signal)
		})(cmd, args)
	}
	a.registerTargets(cmd, &t, "container", "send the signal to")
	t.idFilesFlag(cmd, "cidfile", "container")
	signalFlag(cmd, &signal)
	return cmd
}
