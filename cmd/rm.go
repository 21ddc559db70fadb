package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/spec"
	"berth/reconciler"
)

func (a *app) rm() *cobra.Command {
	var t targets
	var force bool
	o := reconciler.RemoveOptions{}
	cmd := &cobra.Command{
		Use:   "rm [flags] CONTAINER [CONTAINER...]",
		Short: "Remove containers",
		Long: `Removes containers; the pod of one stays. One that runs is only removed with --force, one that others need only
with those, by --depend. Prints the names as they were given. To remove a whole pod, use pod rm or kube down.

Exits with 1 if a container is not there, and none is removed then; with 2 if one runs, with 125 if others need one.`,
		Example:           "  berth rm web-setup\n  berth rm --force --volumes web",
		Args:              t.check("container"),
		ValidArgsFunction: a.completeContainers,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t.ignore = t.ignore || force
		return removalError(a.onContainers(&t, func(ctx context.Context, e *engine.Engine, c target) error {
			return a.removeContainer(ctx, e, c, force, o)
		})(cmd, args))
	}
	a.registerTargets(cmd, &t, "container", "remove")
	t.idFilesFlag(cmd, "cidfile", "container")
	addGrace(cmd, &o.Grace)
	f := cmd.Flags()
	f.BoolVarP(&force, "force", "f", false, "stop containers that run; say nothing of those that are not there")
	f.BoolVarP(&t.ignore, "ignore", "i", false, "say nothing of containers that are not there")
	f.BoolVarP(&o.Volumes, "volumes", "v", false, "also remove the containers' volumes that nobody named")
	f.BoolVar(&o.Depend, "depend", false, "also remove the containers that need them")
	return cmd
}

func (a *app) removeContainer(ctx context.Context, e *engine.Engine, c target, force bool, o reconciler.RemoveOptions) error {
	if err := c.refuseInfra("remove"); err != nil {
		return err
	}
	if c.status.Running() && !force {
		return fmt.Errorf("container %q is %s: stop it first, or use --force: %w", c.raw, c.status.State, spec.ErrInUse)
	}
	return a.applier(e).RemoveContainer(ctx, c.pod.Pod.ID, c.status.Name, o)
}
