package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"berth/cmd/filter"
	"berth/cmd/output"
	"berth/engine"
	"berth/engine/spec"
	"berth/engine/volume"
)

func (a *app) volume() *cobra.Command {
	return newGroup("volume", "Manage volumes",
		`Lists, makes, copies and removes named volumes. A PersistentVolumeClaim is kept on the volume of its name;
its data outlives pods.`,
		a.volumeLs(), a.volumeCreate(), a.volumeInspect(), a.volumeRm(), a.volumePrune(), a.volumeExists(),
		a.volumeExport(), a.volumeImport(), a.volumeMount(), a.volumeUnmount())
}

func (a *app) volumeInspect() *cobra.Command {
	return a.newInspect("volume", "VOLUME", `  berth volume inspect data
  berth volume inspect --format "{{.Mountpoint}}" data`, a.completeVolumes)
}

// volumeRow is a volume as templates of `volume ls` see it.
type volumeRow struct{ volume.Volume }

// Label is the value of one label.
func (r volumeRow) Label(name string) string { return r.Volume.Labels[name] }

func (a *app) volumeLs() *cobra.Command {
	var l listing
	cmd := &cobra.Command{
		Use:     "ls [flags]",
		Aliases: []string{"list"},
		Short:   "List volumes",
		Long: `Lists volumes. Filters are name, label, label!, driver, scope, opt, dangling (used by no pod), until,
and since or after, which take a time or another volume.`,
		Example: `  berth volume ls
  berth volume ls --filter dangling=true -q
  berth volume ls --format "{{.Name}} {{.Mountpoint}}"`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				list, err := a.filteredVolumes(ctx, e, l.filters)
				if err != nil {
					return err
				}
				if l.quiet {
					for _, v := range list {
						fmt.Fprintln(a.out, v.Name)
					}
					return nil
				}
				rows := make([]volumeRow, len(list))
				for i, v := range list {
					rows[i] = volumeRow{v}
				}
				return output.Print(a.out, l.list("{{.Driver}}\t{{.Name}}", map[string]string{"Name": "VOLUME NAME"}), list, rows)
			})
		},
	}
	l.register(cmd, "n")
	return cmd
}

func (a *app) filteredVolumes(ctx context.Context, e *engine.Engine, filters []string) ([]volume.Volume, error) {
	users, err := e.VolumeUsers(ctx)
	if err != nil {
		return nil, err
	}
	all, err := e.Volumes().List(ctx)
	if err != nil {
		return nil, err
	}
	m := filter.Volumes(a.now(), users, all)
	set, err := parseFilters(filters, m)
	if err != nil {
		return nil, err
	}
	return filter.Apply(all, set, m)
}

func (a *app) volumeRm() *cobra.Command {
	var all, force bool
	var grace time.Duration
	cmd := &cobra.Command{
		Use:   "rm [flags] VOLUME [VOLUME...]",
		Short: "Remove volumes and their data",
		Long: `Removes volumes and the data on them. One that pods use is only removed with --force, and with it those pods
and what kube play was given for them. Pods from a folder are made again by berth serve, and their volumes too.

Exits with 1 if a volume is not there, with 2 if one is in use.`,
		Example: `  berth volume rm data
  berth volume rm --force data`,
		Args: func(cmd *cobra.Command, args []string) error { return namesOrWide(cmd, args, "a volume", "all") },
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				if all {
					var err error
					if args, err = volumeNames(ctx, e); err != nil {
						return err
					}
				}
				return removalError(forEach(ctx, a.out, args, func(ctx context.Context, name string) (string, error) {
					if !force {
						return name, e.RemoveVolume(ctx, name, false)
					}
					err := a.removeVolume(ctx, e, name, grace)
					if errors.Is(err, spec.ErrNotFound) {
						return "", nil
					}
					return name, err
				}))
			})
		},
		ValidArgsFunction: a.completeVolumes,
	}
	f := cmd.Flags()
	f.BoolVarP(&all, "all", "a", false, "remove all volumes")
	f.BoolVarP(&force, "force", "f", false, "remove volumes in use, and the pods that use them; say nothing of volumes that are not there")
	addGrace(cmd, &grace)
	return cmd
}
