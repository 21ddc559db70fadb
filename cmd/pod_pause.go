package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/spec"
)

func (a *app) podPause() *cobra.Command {
	return a.newPodPause("pause", "Halt the processes of pods", "Halts all processes of the pods' containers that run, until they are told to go on. Prints the pods' IDs.",
		spec.StateRunning, (*engine.Engine).PauseContainer)
}

func (a *app) podUnpause() *cobra.Command {
	return a.newPodPause("unpause", "Let the processes of paused pods go on", "Lets the processes of the pods' containers that are paused go on. Prints the pods' IDs.",
		spec.StatePaused, (*engine.Engine).UnpauseContainer)
}

func (a *app) newPodPause(verb, short, long string, from spec.ContainerState, do func(*engine.Engine, context.Context, spec.PodID, string) error) *cobra.Command {
	var t targets
	cmd := &cobra.Command{
		Use: verb + " [flags] POD [POD...]", Short: short, Long: long,
		Example:           fmt.Sprintf("  berth pod %[1]s web\n  berth pod %[1]s --all", verb),
		Args:              t.check("pod"),
		ValidArgsFunction: a.completePods,
	}
	cmd.RunE = a.onPods(&t, func(ctx context.Context, e *engine.Engine, p spec.PodStatus) error {
		unlock, err := e.Lock(ctx, p.Pod.Key())
		if err != nil {
			return err
		}
		defer unlock()
		now, err := e.ObservePod(ctx, p.Pod.ID)
		if err != nil {
			return err
		}
		errs, done := []error{}, 0
		for _, c := range now.Containers {
			if c.State == from {
				errs = append(errs, do(e, ctx, p.Pod.ID, c.Name))
				done++
			}
		}
		if done == 0 && !t.all {
			errs = append(errs, fmt.Errorf("no container of pod %q is %s", p.Pod.Name, from))
		}
		return errors.Join(errs...)
	})
	a.registerTargets(cmd, &t, "pod", verb)
	return cmd
}
