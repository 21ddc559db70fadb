package cmd

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"berth/cmd/filter"
	"berth/cmd/output"
	"berth/cmd/report"
	"berth/engine"
	"berth/engine/image"
)

func (a *app) imagePrune() *cobra.Command {
	var all, force bool
	var filters []string
	cmd := &cobra.Command{
		Use:   "prune [flags]",
		Short: "Remove images nobody uses",
		Long: `Removes images that have no name and no container, with --all those with a name, too.
Filters narrow it down: label, label!, until and the others of images.`,
		Example: `  berth image prune
  berth image prune --all --force --filter until=240h`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := parseFilters(filters, filter.Images(a.now(), nil)); err != nil {
				return err
			}
			what := "all images that have no name and no container"
			if all {
				what = "all images without a container"
			}
			if !force {
				if yes, err := a.confirm(cmd.Context(), "This removes "+what+"."); !yes {
					return err
				}
			}
			e, err := a.engine()
			if err != nil {
				return err
			}
			keep, err := a.keepers(cmd.Context(), e, filters)
			if err != nil {
				return err
			}
			removed, err := e.Images().Prune(cmd.Context(), all, keep)
			for _, id := range removed.Deleted {
				fmt.Fprintln(a.out, id)
			}
			if removed.Freed > 0 {
				fmt.Fprintln(a.err, "Freed", output.Size(removed.Freed))
			}
			return err
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&all, "all", "a", false, "remove images that have a name, too")
	f.BoolVarP(&force, "force", "f", false, "do not ask")
	f.StringArrayVar(&filters, "filter", nil, "remove only what matches (`key=value`)")
	return cmd
}

// keepers says which images the filters leave alone; nil: none.
func (a *app) keepers(ctx context.Context, e *engine.Engine, filters []string) (func(image.Entry) bool, error) {
	if len(filters) == 0 {
		return nil, nil
	}
	entries, err := e.Images().List(ctx, true)
	if err != nil {
		return nil, err
	}
	images := report.Images(entries)
	m := filter.Images(a.now(), images)
	set, err := parseFilters(filters, m)
	if err != nil {
		return nil, err
	}
	matching, err := filter.Apply(images, set, m)
	if err != nil {
		return nil, err
	}
	return func(i image.Entry) bool {
		return !slices.ContainsFunc(matching, func(r report.Image) bool { return r.ID == i.ID })
	}, nil
}
