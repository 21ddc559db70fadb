package cmd

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"berth/engine"
)

func (a *app) volumePrune() *cobra.Command {
	var force, all bool
	var filters []string
	cmd := &cobra.Command{
		Use:     "prune [flags]",
		Short:   "Remove volumes no pod uses",
		Long:    "Removes the volumes that no pod uses, and the data on them.\nFilters narrow it down: label, label!, until and the others of volume ls.",
		Example: "  berth volume prune\n  berth volume prune --force --filter label=scratch",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				names, err := a.unusedVolumes(ctx, e, filters)
				if err != nil || len(names) == 0 {
					return err
				}
				if !force && !a.confirm(fmt.Sprintf("This removes volumes that no pod uses, and their data: %s.", strings.Join(names, ", "))) {
					return nil
				}
				return pruneVolumes(ctx, e, a.out, names)
			})
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&force, "force", "f", false, "do not ask")
	f.BoolVarP(&all, "all", "a", false, "nothing: named volumes are always among them")
	_ = f.MarkHidden("all")
	f.StringArrayVar(&filters, "filter", nil, "remove only what matches (`key=value`)")
	return cmd
}

// unusedVolumes are the names of the volumes that may go.
func (a *app) unusedVolumes(ctx context.Context, e *engine.Engine, filters []string) ([]string, error) {
	list, err := a.filteredVolumes(ctx, e, append(slices.Clone(filters), "dangling=true"))
	if err != nil {
		return nil, err
	}
	names := make([]string, len(list))
	for i, v := range list {
		names[i] = v.Name
	}
	return names, nil
}

// pruneVolumes removes volumes, but those that a pod uses by now.
func pruneVolumes(ctx context.Context, e *engine.Engine, out io.Writer, names []string) error {
	return forEach(ctx, out, names, func(ctx context.Context, name string) (string, error) {
		return unlessKept(name, e.RemoveVolume(ctx, name, false))
	})
}
