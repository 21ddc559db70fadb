package cmd

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"berth/engine"
)

func (a *app) volumePrune() *cobra.Command {
	cmd := a.newPruneUnused(a.unusedVolumes())
	cmd.Flags().BoolP("all", "a", false, "nothing: named volumes are always among them")
	_ = cmd.Flags().MarkHidden("all")
	return cmd
}

// unusedVolumes are the volumes that may go.
func (a *app) unusedVolumes() unusedKind {
	return unusedKind{
		short:   "Remove volumes no pod uses",
		long:    "Removes the volumes that no pod uses, and the data on them.\nFilters narrow it down: label, label!, until and the others of volume ls.",
		example: "  berth volume prune\n  berth volume prune --force --filter label=scratch",
		what:    "volumes that no pod uses, and their data",
		find: func(ctx context.Context, e *engine.Engine, filters []string) ([]string, error) {
			list, err := a.filteredVolumes(ctx, e, append(slices.Clone(filters), "dangling=true"))
			var names []string
			for _, v := range list {
				names = append(names, v.Name)
			}
			return names, err
		},
		remove: func(ctx context.Context, e *engine.Engine, name string) error {
			return e.RemoveVolume(ctx, name, false)
		},
	}
}
