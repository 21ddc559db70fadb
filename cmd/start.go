package cmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/spec"
	"berth/reconciler"
)

func (a *app) start() *cobra.Command {
	t := targets{filterKey: "f", starts: true}
	cmd := &cobra.Command{
		Use:   "start [flags] CONTAINER [CONTAINER...]",
		Short: "Start containers",
		Long: `Starts containers that do not run, and their pod's network where it is down. One that has ended is made
anew, with another ID. Prints the names as they were given.`,
		Example:           "  berth start web-nginx\n  berth start --filter status=exited",
		Args:              t.check("container"),
		RunE:              a.onContainers(&t, a.startContainer),
		ValidArgsFunction: a.completeContainers,
	}
	a.registerTargets(cmd, &t, "container", "start")
	return cmd
}

// onContainers does the same to all containers a command is for.
func (a *app) onContainers(t *targets, do func(context.Context, *engine.Engine, target) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
			list, missing := t.containers(ctx, e, a, args)
			defer a.afterwards(cmd, e, t.starts)
			return errors.Join(missing, forEachInPod(ctx, a.out, list, func(ctx context.Context, c target) (string, error) {
				return c.raw, do(ctx, e, c)
			}))
		})
	}
}

// startContainer starts one container of a pod, the pod's sandbox first where
// it is down.
func (a *app) startContainer(ctx context.Context, e *engine.Engine, c target) error {
	if err := c.refuseInfra("start"); err != nil {
		return err
	}
	var want *spec.Pod
	if c.pod.Sandbox != spec.SandboxReady {
		want = a.desired(ctx, e, &c.pod.Pod)
	}
	return a.applier(e).StartContainer(ctx, c.pod.Pod.ID, c.status.Name, reconciler.StartOptions{Want: want})
}
