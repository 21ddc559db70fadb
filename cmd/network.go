package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"berth/cmd/filter"
	"berth/cmd/output"
	"berth/cmd/report"
	"berth/engine"
	"berth/engine/network"
	"berth/engine/spec"
)

func (a *app) network() *cobra.Command {
	return newGroup("network", "Manage networks",
		`Lists, makes, changes and removes networks. Pods that name none join the network berth, which is made when it is
first needed.`,
		a.networkLs(), a.networkCreate(), a.networkInspect(), a.networkRm(), a.networkExists(),
		a.networkPrune(), a.networkUpdate(), a.networkReload(), a.networkConnect(), a.networkDisconnect())
}

func (a *app) networkInspect() *cobra.Command {
	return a.newInspect("network", "NETWORK", `  berth network inspect berth
  berth network inspect --format "{{range .Subnets}}{{.Subnet}}{{end}}" berth`, a.completeNetworks)
}

// networkRow is a network as templates of `network ls` see it.
type networkRow struct {
	report.Network
	full bool
}

// ID is the network's ID.
func (r networkRow) ID() string { return output.ShortID(r.Network.ID, r.full) }

// Labels are all labels.
func (r networkRow) Labels() report.LabelMap { return r.Network.Labels }

// Label is the value of one label.
func (r networkRow) Label(name string) string { return r.Network.Labels[name] }

func (a *app) networkLs() *cobra.Command {
	var l listing
	cmd := &cobra.Command{
		Use:     "ls [flags]",
		Aliases: []string{"list"},
		Short:   "List networks",
		Long:    "Lists networks. Filters are name, id, driver, label, label!, dangling (joined by no pod) and until.",
		Example: `  berth network ls
  berth network ls --filter driver=bridge --format "{{.Name}} {{.Subnets}}"`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				list, err := a.filteredNetworks(ctx, e, l.filters)
				if err != nil {
					return err
				}
				if l.quiet {
					for _, n := range list {
						fmt.Fprintln(a.out, n.Name)
					}
					return nil
				}
				rows := make([]networkRow, len(list))
				for i, n := range list {
					rows[i] = networkRow{report.Network{Network: n}, l.noTrunc}
				}
				return output.Print(a.out, l.list("{{.ID}}\t{{.Name}}\t{{.Driver}}", map[string]string{"ID": "NETWORK ID"}), list, rows)
			})
		},
	}
	l.register(cmd, "n")
	return cmd
}

func (a *app) filteredNetworks(ctx context.Context, e *engine.Engine, filters []string) ([]network.Network, error) {
	pods, err := e.Observe(ctx)
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, p := range pods {
		for _, name := range p.Networks() {
			used[name] = true
		}
	}
	m := filter.Networks(a.now(), used)
	set, err := parseFilters(filters, m)
	if err != nil {
		return nil, err
	}
	all, err := e.Networks().List(ctx)
	if err != nil {
		return nil, err
	}
	return filter.Apply(all, set, m)
}

func (a *app) networkRm() *cobra.Command {
	var force bool
	var grace time.Duration
	cmd := &cobra.Command{
		Use:   "rm [flags] NETWORK [NETWORK...]",
		Short: "Remove networks",
		Long: `Removes networks that no pod has joined. With --force, the pods are removed first.

Exits with 1 if a network is not there, with 2 if one is in use.`,
		Example: "  berth network rm backend\n  berth network rm --force backend",
		Args:    minArgs(1, "the name of a network"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				return removalError(forEach(ctx, a.out, args, func(ctx context.Context, name string) (string, error) {
					n, err := findNetwork(ctx, e, name)
					if force && errors.Is(err, spec.ErrNotFound) {
						return "", nil
					}
					if err != nil {
						return "", err
					}
					if force {
						if err := a.removePodsOn(ctx, e, n.Name, grace); err != nil {
							return "", err
						}
					}
					return name, e.RemoveNetwork(ctx, n.Name)
				}))
			})
		},
		ValidArgsFunction: a.completeNetworks,
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "remove the pods on it first; say nothing of networks that are not there")
	addGrace(cmd, &grace)
	return cmd
}
