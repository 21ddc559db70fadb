package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/spec"
)

func (a *app) podKill() *cobra.Command {
	var t targets
	var signal string
	cmd := &cobra.Command{
		Use:     "kill [flags] POD [POD...]",
		Short:   "Send a signal to the containers of pods",
		Long:    "Sends a signal, SIGKILL unless told otherwise, to the first process of each running container of the pods.\nPrints the pods' IDs.",
		Example: "  berth pod kill web\n  berth pod kill --signal HUP web",
		Args:    t.check("pod"),
		RunE: a.onPods(&t, podID, func(ctx context.Context, e *engine.Engine, p spec.PodStatus) error {
			return a.applier(e).Kill(ctx, p.Pod.ID, "", signal)
		}),
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
