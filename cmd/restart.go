package cmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"berth/engine"
)

func (a *app) restart() *cobra.Command {
	t := targets{filterKey: "f", starts: true}
	var grace time.Duration
	var running bool
	cmd := &cobra.Command{
		Use:               "restart [flags] CONTAINER [CONTAINER...]",
		Short:             "Stop containers and start them again",
		Long:              "Stops containers and starts them again, made anew, with another ID. Prints the names as they were given.",
		Example:           "  berth restart web-nginx\n  berth restart --filter label=app=web",
		ValidArgsFunction: a.completeContainers,
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		return namesOrWide(cmd, args, "a container", "all", "latest", "filter", "running")
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if running {
			t.filters = append(t.filters, "status=running")
		}
		return a.onContainers(&t, func(ctx context.Context, e *engine.Engine, c target) error {
			if err := a.stopContainer(ctx, e, c, grace); err != nil {
				return err
			}
			return a.startContainer(ctx, e, c)
		})(cmd, args)
	}
	a.registerTargets(cmd, &t, "container", "restart")
	addGrace(cmd, &grace)
	cmd.Flags().BoolVar(&running, "running", false, "restart the containers that run")
	return cmd
}
