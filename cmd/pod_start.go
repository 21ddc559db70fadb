package cmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/spec"
)

func (a *app) podStart() *cobra.Command {
	t := targets{starts: true}
	cmd := &cobra.Command{
		Use:   "start [flags] POD [POD...]",
		Short: "Start pods",
		Long: `Starts pods that were stopped or have ended; containers that run are left alone. Prints the pods' IDs.
A pod that was stopped by hand is looked after by berth serve again.`,
		Example:           "  berth pod start web\n  berth pod start --all",
		Args:              t.check("pod"),
		RunE:              a.onPods(&t, a.startPod),
		ValidArgsFunction: a.completePods,
	}
	a.registerTargets(cmd, &t, "pod", "start")
	t.idFilesFlag(cmd, "pod-id-file", "pod")
	return cmd
}

// onPods does the same to all pods a command is for.
func (a *app) onPods(t *targets, do func(context.Context, *engine.Engine, spec.PodStatus) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
			pods, missing := t.pods(ctx, e, args)
			defer a.afterwards(cmd, e, t.starts)
			return errors.Join(missing, forEach(ctx, a.out, pods, func(ctx context.Context, p spec.PodStatus) (string, error) {
				return string(p.Pod.ID), do(ctx, e, p)
			}))
		})
	}
}

func (a *app) startPod(ctx context.Context, e *engine.Engine, p spec.PodStatus) error {
	return a.applier(e).Start(ctx, p.Pod.ID, a.desired(ctx, e, &p.Pod))
}
