package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/spec"
	"berth/reconciler"
	"berth/translate/option"
)

func (a *app) podCreate() *cobra.Command {
	var f option.PodCreate
	cmd := &cobra.Command{
		Use:   "create [flags] [NAME]",
		Short: "Make a pod whose containers come one by one",
		Long: `Makes a pod without containers, and prints its ID. "berth run --pod" and "berth create --pod" add containers, which
share its network, its ports and, unless told otherwise, more. It comes up with "berth pod start", or with the first
container that is run in it.

The flags are those of podman pod create.`,
		Example: `  berth pod create --name shop -p 8080:80
  berth run -d --pod shop --name web docker.io/library/nginx
  berth pod create --exit-policy stop --replace jobs`,
		Args: maxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.Check(args); err != nil {
				return usageError(cmd, "%w", err)
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				made, err := f.Make(args, a.optionHost(ctx, e))
				if err != nil {
					return err
				}
				defer a.wake(ctx, e)
				return a.makePod(ctx, e, made)
			})
		},
	}
	registerCreate(cmd, f.Register)
	return cmd
}

// makePod makes the pod that flags describe.
func (a *app) makePod(ctx context.Context, e *engine.Engine, made *option.Made) error {
	for _, w := range made.Warnings {
		a.warn("%s", w)
	}
	pod := made.Pod
	if pod.Name == "" {
		observed, err := e.Observe(ctx)
		if err != nil && len(observed) == 0 {
			return err
		}
		pod.Name = madeUpName(namesIn(observed))
	}
	pod.ID, pod.Owner = spec.NewPodID(), a.ownerByHand()
	pod.CreateCommand = commandLine()
	option.NameHost(pod, "")
	drop, err := writeIDFile(made.IDFile, string(pod.ID))
	if err != nil {
		return err
	}
	if _, err := a.applier(e).Create(ctx, pod, reconciler.CreateOptions{Pull: made.Pull, Replace: made.Replace, NoStart: true}); err != nil {
		drop()
		return err
	}
	fmt.Fprintln(a.out, pod.ID)
	return nil
}
