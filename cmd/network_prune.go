package cmd

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/network"
)

func (a *app) networkPrune() *cobra.Command { return a.newPruneUnused(a.unusedNetworks()) }

// unusedNetworks are the networks that may go.
func (a *app) unusedNetworks() unusedKind {
	return unusedKind{
		short: "Remove networks no pod has joined",
		long: `Removes the networks that no pod has joined, but never the default one.
Filters narrow it down: label, label!, until and the others of network ls.`,
		example: "  berth network prune\n  berth network prune --force --filter until=24h",
		what:    "networks that no pod has joined",
		find: func(ctx context.Context, e *engine.Engine, filters []string) ([]string, error) {
			list, err := a.filteredNetworks(ctx, e, append(slices.Clone(filters), "dangling=true"))
			var names []string
			for _, n := range list {
				if n.Name != network.DefaultNetwork {
					names = append(names, n.Name)
				}
			}
			return names, err
		},
		remove: func(ctx context.Context, e *engine.Engine, name string) error { return e.RemoveNetwork(ctx, name) },
	}
}
