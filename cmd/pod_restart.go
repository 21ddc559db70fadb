package cmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/spec"
)

func (a *app) podRestart() *cobra.Command {
	t := targets{starts: true}
	var grace time.Duration
	cmd := &cobra.Command{
		Use:     "restart [flags] POD [POD...]",
		Short:   "Stop pods and start them again",
		Long:    "Stops pods and starts them again, init containers included. Prints the pods' IDs.",
		Example: "  berth pod restart web\n  berth pod restart --all",
		Args:    t.check("pod"),
		RunE: a.onPods(&t, podID, func(ctx context.Context, e *engine.Engine, p spec.PodStatus) error {
			return a.restartPod(ctx, e, p, grace)
		}),
		ValidArgsFunction: a.completePods,
	}
	a.registerTargets(cmd, &t, "pod", "restart")
	addGrace(cmd, &grace)
	return cmd
}

func (a *app) restartPod(ctx context.Context, e *engine.Engine, p spec.PodStatus, grace time.Duration) error {
	if err := a.applier(e).Stop(ctx, p.Pod.ID, grace); err != nil {
		return err
	}
	return a.startPod(ctx, e, p)
}
