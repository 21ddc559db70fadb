package cmd

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/spec"
)

func (a *app) rm() *cobra.Command {
	var t targets
	var force, volumes bool
	var grace time.Duration
	cmd := &cobra.Command{
		Use:   "rm [flags] CONTAINER [CONTAINER...]",
		Short: "Remove containers of pods",
		Long: `Removes containers; their pod stays. One that runs is only removed with --force. Prints the names as they were
given. To remove a whole pod, use pod rm or kube down.

Exits with 1 if a container is not there, with 2 if one runs.`,
		Example:           "  berth rm web-setup\n  berth rm --force web-nginx",
		Args:              t.check("container"),
		ValidArgsFunction: a.completeContainers,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t.ignore = t.ignore || force
		return removalError(a.onContainers(&t, func(ctx context.Context, e *engine.Engine, c target) error {
			return a.removeContainer(ctx, e, c, force, grace)
		})(cmd, args))
	}
	a.registerTargets(cmd, &t, "container", "remove")
	addGrace(cmd, &grace)
	f := cmd.Flags()
	f.BoolVarP(&force, "force", "f", false, "stop containers that run; say nothing of those that are not there")
	f.BoolVarP(&t.ignore, "ignore", "i", false, "say nothing of containers that are not there")
	f.BoolVarP(&volumes, "volumes", "v", false, "nothing: containers of pods have no volumes of their own")
	_ = f.MarkHidden("volumes")
	return cmd
}

func (a *app) removeContainer(ctx context.Context, e *engine.Engine, c target, force bool, grace time.Duration) error {
	if err := c.refuseInfra("remove"); err != nil {
		return err
	}
	if c.status.Running() && !force {
		return fmt.Errorf("container %q is %s: stop it first, or use --force: %w", c.raw, c.status.State, spec.ErrInUse)
	}
	if err := a.stopContainer(ctx, e, c, grace); err != nil {
		return err
	}
	unlock, err := e.Lock(ctx, c.pod.Pod.Key())
	if err != nil {
		return err
	}
	defer unlock()
	return e.RemoveContainer(ctx, c.pod.Pod.ID, c.status.Name)
}
