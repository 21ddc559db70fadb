package cmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/spec"
)

func (a *app) podKill() *cobra.Command {
	var t targets
	var signal string
	cmd := &cobra.Command{
		Use:               "kill [flags] POD [POD...]",
		Short:             "Send a signal to the containers of pods",
		Long:              "Sends a signal, SIGKILL unless told otherwise, to the first process of each running container of the pods.\nPrints the pods' IDs.",
		Example:           "  berth pod kill web\n  berth pod kill --signal HUP web",
		Args:              t.check("pod"),
		RunE:              a.onPods(&t, func(ctx context.Context, e *engine.Engine, p spec.PodStatus) error { return killPod(ctx, e, p, signal) }),
		ValidArgsFunction: a.completePods,
	}
	a.registerTargets(cmd, &t, "pod", "send the signal to")
	signalFlag(cmd, &signal)
	return cmd
}

func signalFlag(cmd *cobra.Command, signal *string) {
	cmd.Flags().StringVarP(signal, "signal", "s", "KILL", "`signal` to send, by name or number")
	complete(cmd, "signal", "KILL", "TERM", "INT", "HUP", "QUIT", "USR1", "USR2")
}

func killPod(ctx context.Context, e *engine.Engine, p spec.PodStatus, signal string) error {
	unlock, err := e.Lock(ctx, p.Pod.Key())
	if err != nil {
		return err
	}
	defer unlock()
	if fatal(signal) {
		if err := e.SetStopped(ctx, p.Pod.ID, "", true); err != nil {
			return err
		}
	}
	var errs []error
	for _, c := range p.Containers {
		if c.Running() {
			errs = append(errs, e.KillContainer(ctx, p.Pod.ID, c.Name, signal))
		}
	}
	return errors.Join(errs...)
}

// fatal reports whether a signal says that a person wants the container down,
// as in podman.
func fatal(signal string) bool {
	switch signal {
	case "KILL", "SIGKILL", "kill", "sigkill", "9":
		return true
	}
	return false
}
