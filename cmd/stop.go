package cmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"berth/engine"
)

func (a *app) stop() *cobra.Command {
	t := targets{filterKey: "f"}
	var grace time.Duration
	cmd := &cobra.Command{
		Use:   "stop [flags] CONTAINER [CONTAINER...]",
		Short: "Stop containers",
		Long: `Stops containers: the image's stop signal, then SIGKILL. Prints the names as they were given. A container
stopped by hand stays down until it is started, or its pod's YAML changes.`,
		Example: `  berth stop web-nginx
  berth stop -t 2 web-nginx web-side
  berth stop --filter label=app=web`,
		Args: t.check("container"),
		RunE: a.onContainers(&t, func(ctx context.Context, e *engine.Engine, c target) error {
			return a.stopContainer(ctx, e, c, grace)
		}),
		ValidArgsFunction: a.completeContainers,
	}
	a.registerTargets(cmd, &t, "container", "stop")
	t.idFilesFlag(cmd, "cidfile", "container")
	addGrace(cmd, &grace)
	cmd.Flags().BoolVarP(&t.ignore, "ignore", "i", false, "say nothing of containers that are not there")
	return cmd
}

func (a *app) stopContainer(ctx context.Context, e *engine.Engine, c target, grace time.Duration) error {
	if err := c.refuseInfra("stop"); err != nil {
		return err
	}
	return a.applier(e).StopContainer(ctx, c.pod.Pod.ID, c.status.Name, grace)
}
