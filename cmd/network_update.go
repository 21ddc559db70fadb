package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"berth/engine"
)

func (a *app) networkUpdate() *cobra.Command {
	var add, drop []string
	cmd := &cobra.Command{
		Use:   "update [flags] NETWORK",
		Short: "Change the name servers of a network",
		Long: `Adds and drops name servers that a network asks for what is no pod's name. Pods on it see the change at once.
With none left, the host's are asked. Prints the network's name.`,
		Example: "  berth network update --dns-add 9.9.9.9 backend\n  berth network update --dns-drop 9.9.9.9 --dns-add 1.1.1.1 backend",
		Args:    exactArgs(1, "the name of one network"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(add)+len(drop) == 0 {
				return usageError(cmd, "nothing to change: give --dns-add or --dns-drop")
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				n, err := findNetwork(ctx, e, args[0])
				if err != nil {
					return err
				}
				if _, err = e.Networks().Update(ctx, n.Name, add, drop); err != nil {
					return err
				}
				fmt.Fprintln(a.out, n.Name)
				return nil
			})
		},
		ValidArgsFunction: a.completeNetworks,
	}
	f := cmd.Flags()
	f.StringSliceVar(&add, "dns-add", nil, "`address` of a name server to ask, too")
	f.StringSliceVar(&drop, "dns-drop", nil, "`address` of a name server to ask no more")
	return cmd
}

func (a *app) networkReload() *cobra.Command {
	var t targets
	cmd := &cobra.Command{
		Use:   "reload [flags] CONTAINER [CONTAINER...]",
		Short: "Make the firewall rules of containers' pods anew",
		Long: `Gives the pods of containers back what somebody took away of the host's part of their network, such as a firewall
that was flushed: rules, bridge, names. Addresses stay. What is whole is left alone, so that no connection breaks
without need. berth serve does the same by itself. Prints the containers' IDs.`,
		Example: "  berth network reload web-nginx\n  berth network reload --all",
		Args:    t.check("container"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				list, err := t.containers(ctx, e, a, args)
				if err != nil {
					return err
				}
				return forEachInPod(ctx, a.out, list, func(ctx context.Context, t target) (string, error) {
					return string(t.status.ID), e.ReloadNetwork(ctx, t.pod.Pod.ID)
				})
			})
		},
		ValidArgsFunction: a.completeContainers,
	}
	f := cmd.Flags()
	f.BoolVarP(&t.all, "all", "a", false, "reload the networks of all containers")
	f.BoolVarP(&t.latest, "latest", "l", false, "reload the networks of the newest container")
	a.namespaceFlag(cmd, &t.namespace)
	return cmd
}
