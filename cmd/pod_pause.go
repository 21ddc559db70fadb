package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/spec"
	"berth/reconciler"
)

func (a *app) podPause() *cobra.Command {
	return a.newPodPause("pause", "Halt the processes of pods", "Halts all processes of the pods' containers that run, until they are told to go on. Prints the pods' IDs.",
		spec.StateRunning, (*reconciler.Applier).Pause)
}

func (a *app) podUnpause() *cobra.Command {
	return a.newPodPause("unpause", "Let the processes of paused pods go on", "Lets the processes of the pods' containers that are paused go on. Prints the pods' IDs.",
		spec.StatePaused, (*reconciler.Applier).Unpause)
}

func (a *app) newPodPause(verb, short, long string, from spec.ContainerState, do freeze) *cobra.Command {
	var t targets
	cmd := &cobra.Command{
		Use: verb + " [flags] POD [POD...]", Short: short, Long: long,
		Example:           fmt.Sprintf("  berth pod %[1]s web\n  berth pod %[1]s --all", verb),
		Args:              t.check("pod"),
		ValidArgsFunction: a.completePods,
	}
	cmd.RunE = a.onPods(&t, podID, func(ctx context.Context, e *engine.Engine, p spec.PodStatus) error {
		done, err := do(a.applier(e), ctx, p.Pod.ID, "")
		if done == 0 && err == nil && !t.all {
			return fmt.Errorf("no container of pod %q is %s", p.Pod.Name, from)
		}
		return err
	})
	a.registerTargets(cmd, &t, "pod", verb)
	return cmd
}
