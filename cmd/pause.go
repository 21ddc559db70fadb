package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/spec"
	"berth/reconciler"
)

func (a *app) pause() *cobra.Command {
	return a.newPause("pause", "Halt the processes of containers",
		`Halts all processes of containers, which keep what they have, until they are told to go on. Prints the names as
they were given. It takes a cgroup of the container's own.`,
		"status=running", spec.StateRunning, (*reconciler.Applier).Pause)
}

func (a *app) unpause() *cobra.Command {
	return a.newPause("unpause", "Let the processes of paused containers go on",
		"Lets all processes of paused containers go on. Prints the names as they were given.",
		"status=paused", spec.StatePaused, (*reconciler.Applier).Unpause)
}

// freeze pauses or unpauses a container, or all of a pod, and says how many.
type freeze func(a *reconciler.Applier, ctx context.Context, id spec.PodID, name string) (int, error)

func (a *app) newPause(verb, short, long, all string, from spec.ContainerState, do freeze) *cobra.Command {
	t := targets{filterKey: "f"}
	cmd := &cobra.Command{
		Use:               verb + " [flags] CONTAINER [CONTAINER...]",
		Short:             short,
		Long:              long,
		Example:           fmt.Sprintf("  berth %[1]s web\n  berth %[1]s --all", verb),
		Args:              t.check("container"),
		ValidArgsFunction: a.completeContainers,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if t.all {
			t.filters = append(t.filters, all)
		}
		return a.onContainers(&t, func(ctx context.Context, e *engine.Engine, c target) error {
			if err := c.refuseInfra(verb); err != nil {
				return err
			}
			if c.status.State != from {
				return fmt.Errorf("container %q is %s: only one that is %s can be %sd", c.raw, c.status.State, from, verb)
			}
			_, err := do(a.applier(e), ctx, c.pod.Pod.ID, c.status.Name)
			return err
		})(cmd, args)
	}
	a.registerTargets(cmd, &t, "container", verb)
	t.idFilesFlag(cmd, "cidfile", "container")
	return cmd
}
