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
)

type imagesFlags struct {
	listing
	all, digests, history bool
}

func (a *app) newImages(use, command string) *cobra.Command {
	var f imagesFlags
	cmd := &cobra.Command{
		Use:   use,
		Short: "List images",
		Long: `Lists the images of this host, one line for each name, or only those of one name.

Filters are reference, id, digest, label, label!, dangling, containers, until, before, since (after),
intermediate, manifest and readonly.`,
		Example: fmt.Sprintf(`  %[1]s
  %[1]s nginx
  %[1]s --filter dangling=true -q
  %[1]s --sort size --format "table {{.Repository}}\t{{.Tag}}\t{{.Size}}"`, command),
		Args: maxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				if len(f.filters) > 0 {
					return usageError(cmd, "an image and filters cannot be given together")
				}
				f.filters = []string{"reference=" + args[0]}
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error { return a.listImages(ctx, e, &f) })
		},
		ValidArgsFunction: a.completeImages,
	}
	f.register(cmd, "n")
	f.sortable(cmd, "created", report.ImageSortKeys())
	flags := cmd.Flags()
	flags.BoolVarP(&f.all, "all", "a", false, "list intermediate images, too")
	flags.BoolVar(&f.digests, "digests", false, "show digests")
	flags.BoolVar(&f.history, "history", false, "show the names the images had")
	return cmd
}

func (a *app) listImages(ctx context.Context, e *engine.Engine, f *imagesFlags) error {
	now := a.now()
	entries, err := e.Images().List(ctx, f.all)
	if err != nil {
		return err
	}
	all := report.Images(entries)
	m := filter.Images(now, all)
	set, err := parseFilters(f.filters, m)
	if err != nil {
		return err
	}
	list, err := filter.Apply(all, set, m)
	if err != nil {
		return err
	}
	rows := namedSo(report.ImageRows(now, list, f.noTrunc), set["reference"])
	report.SortImages(rows, f.sort)
	if f.quiet {
		var seen []string
		for _, r := range rows {
			if !slices.Contains(seen, r.ID()) {
				seen = append(seen, r.ID())
				fmt.Fprintln(a.out, r.ID())
			}
		}
		return nil
	}
	return output.Print(a.out, f.list(f.table(), report.ImageHeadings()), list, rows)
}

// namedSo leaves of the rows those whose names were asked for.
func namedSo(rows []report.ImageRow, patterns []string) []report.ImageRow {
	if len(patterns) == 0 {
		return rows
	}
	return slices.DeleteFunc(rows, func(r report.ImageRow) bool {
		return !slices.ContainsFunc(patterns, func(pattern string) bool {
			ok, err := filter.Reference(r.Name(), pattern)
			return ok && err == nil
		})
	})
}

func (f *imagesFlags) table() string {
	columns := "{{.Repository}}\t{{.Tag}}"
	if f.digests {
		columns += "\t{{.Digest}}"
	}
	columns += "\t{{.ID}}\t{{.Created}}\t{{.Size}}"
	if f.history {
		columns += "\t{{.History}}"
	}
	return columns
}
