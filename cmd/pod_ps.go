package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"berth/cmd/filter"
	"berth/cmd/output"
	"berth/cmd/report"
	"berth/engine"
)

type podPsFlags struct {
	listing
	ids, names, statuses, kernelNamespaces, latest bool
	namespace                                      string
}

func (a *app) podPs() *cobra.Command {
	var f podPsFlags
	cmd := &cobra.Command{
		Use:     "ps [flags]",
		Aliases: []string{"ls", "list"},
		Short:   "List pods",
		Long: `Lists pods, newest first.

STATUS is Created (nothing ran yet), Running (all containers run), Degraded (some run), Exited (all have
ended), Stopped (some have ended, none runs) or Paused. Filters are id, name, namespace, label, label!,
status, network, owner, until, ctr-ids, ctr-names, ctr-status and ctr-number.`,
		Example: `  berth pod ps
  berth pod ps --ctr-names --ctr-status
  berth pod ps --filter status=degraded -q
  berth pod ps --format "{{.Namespace}}/{{.Name}} {{.Status}}"`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.quiet && f.format != "" {
				return usageError(cmd, "--quiet and --format cannot be used together")
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error { return a.listPods(ctx, e, &f) })
		},
	}
	f.register(cmd, "")
	f.sortable(cmd, "created", report.PodSortKeys())
	flags := cmd.Flags()
	flags.BoolVar(&f.ids, "ctr-ids", false, "show the IDs of the containers")
	flags.BoolVar(&f.names, "ctr-names", false, "show the names of the containers")
	flags.BoolVar(&f.statuses, "ctr-status", false, "show the states of the containers")
	flags.BoolVar(&f.kernelNamespaces, "ns", false, "show cgroup and namespace")
	flags.BoolVarP(&f.latest, "latest", "l", false, "list the newest pod only")
	a.namespaceFlag(cmd, &f.namespace)
	return cmd
}

func (a *app) listPods(ctx context.Context, e *engine.Engine, f *podPsFlags) error {
	pods, err := e.Observe(ctx)
	if err != nil {
		return err
	}
	now := a.now()
	m := filter.Pods(now)
	set, err := parseFilters(f.filters, m)
	if err != nil {
		return err
	}
	list, err := filter.Apply(report.Pods(inNamespace(pods, f.namespace)), set, m)
	if err != nil {
		return err
	}
	if f.latest && len(list) > 1 {
		list = list[:1]
	}
	report.SortPods(list, f.sort)
	if f.quiet {
		for _, p := range list {
			fmt.Fprintln(a.out, output.ShortID(p.ID, f.noTrunc))
		}
		return nil
	}
	return output.Print(a.out, f.list(f.table(), report.PodHeadings()), list, report.PodRows(now, list, f.noTrunc))
}

func (f *podPsFlags) table() string {
	columns := "{{.ID}}\t{{.Name}}\t{{.Status}}\t{{.Created}}\t{{.InfraID}}"
	if f.ids {
		columns += "\t{{.ContainerIds}}"
	}
	if f.names {
		columns += "\t{{.ContainerNames}}"
	}
	if f.statuses {
		columns += "\t{{.ContainerStatuses}}"
	}
	if f.kernelNamespaces {
		columns += "\t{{.Cgroup}}\t{{.Namespace}}"
	}
	if !f.ids && !f.names && !f.statuses {
		columns += "\t{{.NumberOfContainers}}"
	}
	return columns
}
