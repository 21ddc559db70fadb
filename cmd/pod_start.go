package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/spec"
)

func (a *app) podStart() *cobra.Command {
	t := targets{starts: true}
	cmd := &cobra.Command{
		Use:   "start [flags] POD [POD...]",
		Short: "Start pods",
		Long: `Starts pods that were stopped or have ended; containers that run are left alone. Prints the pods' names.
A pod that was stopped by hand is looked after by berth serve again.`,
		Example:           "  berth pod start web\n  berth pod start --all",
		Args:              t.check("pod"),
		RunE:              a.onPods(&t, podName, a.startPod),
		ValidArgsFunction: a.completePods,
	}
	a.registerTargets(cmd, &t, "pod", "start")
	t.idFilesFlag(cmd, "pod-id-file", "pod")
	return cmd
}

// podName and podID are what commands print of a pod they are done with.
func podName(p *spec.Pod) string { return p.Name }
func podID(p *spec.Pod) string   { return string(p.ID) }

// onPods does the same to all pods a command is for, and prints what shown says of
// each; to none where one that was named is not there.
func (a *app) onPods(t *targets, shown func(*spec.Pod) string, do func(context.Context, *engine.Engine, spec.PodStatus) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
			pods, err := t.pods(ctx, e, args)
			if err != nil {
				return err
			}
			defer a.afterwards(cmd, e, t.starts)
			return forEach(ctx, a.out, pods, func(ctx context.Context, p spec.PodStatus) (string, error) { return shown(&p.Pod), do(ctx, e, p) })
		})
	}
}

func (a *app) startPod(ctx context.Context, e *engine.Engine, p spec.PodStatus) error {
	return a.applier(e).Start(ctx, p.Pod.ID, a.desired(ctx, e, &p.Pod))
}
