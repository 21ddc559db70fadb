package cmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/spec"
)

func (a *app) podStop() *cobra.Command {
	var t targets
	var grace time.Duration
	cmd := &cobra.Command{
		Use:   "stop [flags] POD [POD...]",
		Short: "Stop pods",
		Long: `Stops the containers of pods and gives up their network; the pods stay and can be started again. Prints
the pods' names. A pod stopped by hand stays down until it is started or its YAML changes.`,
		Example: `  berth pod stop web
  berth pod stop -t 2 web shop/db
  berth pod stop --all`,
		Args: t.check("pod"),
		RunE: a.onPods(&t, podName, func(ctx context.Context, e *engine.Engine, p spec.PodStatus) error {
			return a.applier(e).Stop(ctx, p.Pod.ID, grace)
		}),
		ValidArgsFunction: a.completePods,
	}
	a.registerTargets(cmd, &t, "pod", "stop")
	t.idFilesFlag(cmd, "pod-id-file", "pod")
	addGrace(cmd, &grace)
	cmd.Flags().BoolVarP(&t.ignore, "ignore", "i", false, "say nothing of pods that are not there")
	return cmd
}
