package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/network"
	"berth/engine/spec"
)

func (a *app) networkPrune() *cobra.Command {
	var force bool
	var filters []string
	cmd := &cobra.Command{
		Use:   "prune [flags]",
		Short: "Remove networks no pod has joined",
		Long: `Removes the networks that no pod has joined, but never the default one.
Filters narrow it down: label, label!, until and the others of network ls.`,
		Example: "  berth network prune\n  berth network prune --force --filter until=24h",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				names, err := a.unusedNetworks(ctx, e, filters)
				if err != nil || len(names) == 0 {
					return err
				}
				if !force && !a.confirm(fmt.Sprintf("This removes networks that no pod has joined: %s.", strings.Join(names, ", "))) {
					return nil
				}
				return pruneNetworks(ctx, e, a.out, names)
			})
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&force, "force", "f", false, "do not ask")
	f.StringArrayVar(&filters, "filter", nil, "remove only what matches (`key=value`)")
	return cmd
}

// unusedNetworks are the names of the networks that may go.
func (a *app) unusedNetworks(ctx context.Context, e *engine.Engine, filters []string) ([]string, error) {
	list, err := a.filteredNetworks(ctx, e, append(slices.Clone(filters), "dangling=true"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, n := range list {
		if n.Name != network.DefaultNetwork {
			names = append(names, n.Name)
		}
	}
	return names, nil
}

// pruneNetworks removes networks, but those that a pod joins meanwhile.
func pruneNetworks(ctx context.Context, e *engine.Engine, out io.Writer, names []string) error {
	return forEach(ctx, out, names, func(ctx context.Context, name string) (string, error) {
		err := e.Networks().Remove(ctx, name)
		if errors.Is(err, spec.ErrInUse) || errors.Is(err, spec.ErrNotFound) {
			return "", nil
		}
		return name, err
	})
}
