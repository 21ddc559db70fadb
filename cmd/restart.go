package cmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/reconciler"
)

func (a *app) restart() *cobra.Command {
	t := targets{filterKey: "f", starts: true}
	var grace time.Duration
	var running bool
	cmd := &cobra.Command{
		Use:               "restart [flags] CONTAINER [CONTAINER...]",
		Short:             "Stop containers and start them again",
		Long:              "Stops containers and starts them again. Those of pods from YAML are made anew, with another ID. Prints the names\nas they were given.",
		Example:           "  berth restart web-nginx\n  berth restart --filter label=app=web",
		ValidArgsFunction: a.completeContainers,
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(t.idFiles) > 0 && !running {
			return t.check("container")(cmd, args)
		}
		return namesOrWide(cmd, args, "a container", "all", "latest", "filter", "running")
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if running {
			t.filters = append(t.filters, "status=running")
		}
		return a.onContainers(&t, func(ctx context.Context, e *engine.Engine, c target) error {
			if err := c.refuseInfra("restart"); err != nil {
				return err
			}
			e.NoteRestart(c.pod.Pod.ID, c.status.Name)
			return a.applier(e).RestartContainer(ctx, c.pod.Pod.ID, c.status.Name, grace, reconciler.StartOptions{Want: a.wanted(ctx, e, c)})
		})(cmd, args)
	}
	a.registerTargets(cmd, &t, "container", "restart")
	t.idFilesFlag(cmd, "cidfile", "container")
	addGrace(cmd, &grace)
	cmd.Flags().BoolVar(&running, "running", false, "restart the containers that run")
	return cmd
}
