package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"berth/cmd/filter"
	"berth/cmd/output"
	"berth/engine"
	"berth/engine/spec"
)

type systemPruneFlags struct {
	all, force, volumes bool
	external            bool
	filters             []string
}

func (a *app) systemPrune() *cobra.Command {
	var f systemPruneFlags
	cmd := &cobra.Command{
		Use:   "prune [flags]",
		Short: "Remove what nobody uses",
		Long: `Removes containers made by hand and pods that have ended, networks that no pod has joined and images that have no
name and no container; with --all, images that have a name, too, and with --volumes, volumes that no pod uses. Prints
what went, and how much room that made. What comes from folders and Deployments stays.

Filters are label, label! and until. With --external it removes nothing but the layers of containers that are gone,
which stay where a command was cut short; "system check --repair" removes all that such commands left behind.`,
		Example: "  berth system prune\n  berth system prune --all --volumes --force\n  berth system prune --filter until=24h\n  berth system prune --external",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return usageError(cmd, "%w", err)
			}
			if f.external {
				return a.withEngine(cmd.Context(), a.pruneLayers)
			}
			if !f.force {
				if yes, err := a.confirm(cmd.Context(), f.warning()); !yes {
					return err
				}
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				defer a.afterwards(cmd, e, false)
				return a.pruneSystem(ctx, e, &f)
			})
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.all, "all", "a", false, "remove images that have a name, too")
	flags.BoolVarP(&f.force, "force", "f", false, "do not ask")
	flags.BoolVar(&f.volumes, "volumes", false, "remove volumes, too, with their data")
	flags.BoolVar(&f.external, "external", false, "remove only layers of containers that are gone")
	ignored(flags, "berth builds nothing, so it leaves no containers of builds", "build")
	flags.StringArrayVar(&f.filters, "filter", nil, "remove only what matches (`key=value`)")
	return cmd
}

// check refuses filters that not all kinds have, and what does not go together.
func (f *systemPruneFlags) check() error {
	if f.external && (f.all || f.volumes || len(f.filters) > 0) {
		return errors.New("--external goes with none of --all, --volumes and --filter")
	}
	_, err := filter.Parse(f.filters, []string{"label", "label!", "until"})
	return err
}

func (f *systemPruneFlags) warning() string {
	list := []string{"all containers that have ended and were made by hand", "all pods that have ended"}
	if f.volumes {
		list = append(list, "all volumes that no pod uses, with their data")
	}
	if f.all {
		list = append(list, "all images without a container")
	} else {
		list = append(list, "all images that have no name and no container")
	}
	list = append(list, "all networks that no pod has joined")
	return "This command removes:\n\t- " + strings.Join(list, "\n\t- ") + "\n"
}

// pruneSystem removes kind after kind, those that use others first, going on
// through errors.
func (a *app) pruneSystem(ctx context.Context, e *engine.Engine, f *systemPruneFlags) error {
	before, err := e.Usage(ctx)
	if err != nil {
		return err
	}
	var freed int64
	containers, err := a.spentContainers(ctx, e, f.filters)
	errs := []error{err}
	under := func(heading string) io.Writer { return &headed{w: a.out, heading: heading} }
	errs = append(errs, forEachInPod(ctx, under("Deleted Containers"), containers, a.pruneContainer(e)))
	pods, err := a.spentPods(ctx, e, f.filters)
	errs = append(errs, err, forEach(ctx, under("Deleted Pods"), pods, a.prunePod(e)))
	for _, c := range before.Containers {
		if _, err := e.ObservePod(ctx, c.Pod.ID); errors.Is(err, spec.ErrNotFound) ||
			slices.ContainsFunc(containers, func(t target) bool { return t.status.ID == c.Status.ID }) {
			freed += c.Size
		}
	}
	if f.volumes {
		kind := a.unusedVolumes()
		names, err := kind.find(ctx, e, f.filters)
		errs = append(errs, err, kind.prune(ctx, e, under("Deleted Volumes"), names))
		for _, v := range before.Volumes {
			if _, err := e.Volumes().Inspect(ctx, v.Name); errors.Is(err, spec.ErrNotFound) {
				freed += v.Size
			}
		}
	}
	keep, err := a.keepers(ctx, e, f.filters)
	errs = append(errs, err)
	if err == nil {
		removed, err := e.Images().Prune(ctx, f.all, keep)
		errs, freed = append(errs, err), freed+removed.Freed
		images := under("Deleted Images")
		for _, id := range removed.Deleted {
			fmt.Fprintln(images, id)
		}
	}
	kind := a.unusedNetworks()
	names, err := kind.find(ctx, e, f.filters)
	errs = append(errs, err, kind.prune(ctx, e, under("Deleted Networks"), names))
	fmt.Fprintln(a.out, "Total reclaimed space:", output.TightSize(freed))
	return errors.Join(errs...)
}

// pruneLayers removes the layers of containers that are gone.
func (a *app) pruneLayers(ctx context.Context, e *engine.Engine) error {
	leaks, err := e.Check(ctx)
	if err != nil {
		return err
	}
	return a.repairLeaks(ctx, slices.DeleteFunc(leaks, func(l engine.Leak) bool { return l.Kind != "layer" }))
}

// headed writes a heading ahead of the first word.
type headed struct {
	w       io.Writer
	heading string
	begun   bool
}

func (h *headed) Write(p []byte) (int, error) {
	if !h.begun {
		h.begun = true
		if _, err := fmt.Fprintln(h.w, h.heading); err != nil {
			return 0, err
		}
	}
	return h.w.Write(p)
}
