package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/spec"
)

func (a *app) healthcheck() *cobra.Command {
	return newGroup("healthcheck", "Check how containers do",
		`Runs the health checks of containers made by hand: those --health-cmd gives them, or their image's HEALTHCHECK.
The supervisor runs them by itself, in their interval.`,
		a.healthcheckRun())
}

func (a *app) healthcheckRun() *cobra.Command {
	var t targets
	var ignore bool
	cmd := &cobra.Command{
		Use:   "run [flags] CONTAINER",
		Short: "Run the health check of a container now",
		Long: `Runs the health check of a container now, and records what it says as if its time had come. Ends with 0 if the
check passed; else prints unhealthy, or starting where it was the check at the start, and ends with 1. A container that
does not run or has no check is an error, 125.`,
		Example: `  berth healthcheck run web
  berth healthcheck run --ignore-result web`,
		Args:              exactArgs(1, "the name or ID of one container"),
		ValidArgsFunction: a.completeContainers,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
			list, err := t.containers(ctx, e, a, args)
			if err != nil {
				return err
			}
			return a.runHealthcheck(ctx, e, list[0], ignore)
		})
	}
	cmd.Flags().BoolVar(&ignore, "ignore-result", false, "end with 0 whatever the check says")
	a.namespaceFlag(cmd, &t.namespace)
	return cmd
}

func (a *app) runHealthcheck(ctx context.Context, e *engine.Engine, c target, ignore bool) error {
	made, ok := c.pod.Pod.Container(c.status.Name)
	if !ok || made.Healthy() == nil {
		return fmt.Errorf("container %q has no health check: give it one with --health-cmd when it is made", c.raw)
	}
	now, err := a.applier(e).CheckHealth(ctx, c.pod.Pod.ID, c.status.Name)
	a.wake(ctx, e)
	switch {
	case errors.Is(err, spec.ErrNotRunning):
		return fmt.Errorf("container %q does not run, so it cannot be checked: start it first", c.raw)
	case err != nil:
		return err
	case len(now.Log) == 0 || now.Log[len(now.Log)-1].ExitCode == 0:
		return nil
	}
	word := spec.HealthUnhealthy
	if made.Healthy().Startup != nil && !now.StartupPassed {
		word = spec.HealthStarting
	}
	fmt.Fprintln(a.out, word)
	if ignore {
		return nil
	}
	return &exitError{1, nil}
}
