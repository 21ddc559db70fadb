package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"berth/cmd/filter"
	"berth/cmd/report"
	"berth/engine"
	"berth/engine/spec"
	"berth/reconciler"
)

func (a *app) containerPrune() *cobra.Command {
	return a.newPrune("berth container prune", "Remove containers that have ended",
		`Removes the containers made by hand that do not run and that nothing will start again, and prints their IDs.
Those in pods stay, as parts of them: see pod prune.
Filters narrow it down: label, label!, until and the others of ps.`,
		"all containers that have ended and were made by hand", filter.Containers(a.now(), nil).Keys(),
		func(ctx context.Context, e *engine.Engine, filters []string) error {
			list, err := a.spentContainers(ctx, e, filters)
			if err != nil {
				return err
			}
			return forEachInPod(ctx, a.out, list, a.pruneContainer(e))
		})
}

func (a *app) podPrune() *cobra.Command {
	return a.newPrune("berth pod prune", "Remove pods that have ended",
		`Removes the pods whose containers have ended and that nothing will start again, with what kube play was given for
them, and prints their IDs. Pods of folders and Deployments stay: they would be made again.
Filters narrow it down: label, label!, until and the others of pod ps.`,
		"all pods that have ended", filter.Pods(a.now()).Keys(),
		func(ctx context.Context, e *engine.Engine, filters []string) error {
			list, err := a.spentPods(ctx, e, filters)
			if err != nil {
				return err
			}
			return forEach(ctx, a.out, list, a.prunePod(e))
		})
}

// newPrune makes a prune command; what names what goes, keys are its filters.
func (a *app) newPrune(command, short, long, what string, keys []string, prune func(context.Context, *engine.Engine, []string) error) *cobra.Command {
	var force bool
	var filters []string
	cmd := &cobra.Command{
		Use: "prune [flags]", Short: short, Long: long,
		Example: fmt.Sprintf("  %[1]s\n  %[1]s --force --filter until=24h", command),
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := filter.Parse(filters, keys); err != nil {
				return err
			}
			if !force {
				if yes, err := a.confirm(cmd.Context(), "This removes "+what+"."); !yes {
					return err
				}
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				defer a.afterwards(cmd, e, false)
				return prune(ctx, e, filters)
			})
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&force, "force", "f", false, "do not ask")
	f.StringArrayVar(&filters, "filter", nil, "remove only what matches (`key=value`)")
	return cmd
}

// spentContainers are the containers that may be pruned.
func (a *app) spentContainers(ctx context.Context, e *engine.Engine, filters []string) ([]target, error) {
	pods, err := e.Observe(ctx)
	if err != nil {
		return nil, err
	}
	all := report.Containers(a.now(), pods)
	m := filter.Containers(a.now(), all)
	set, err := parseFilters(filters, m)
	if err != nil {
		return nil, err
	}
	list, err := filter.Apply(all, set, m)
	if err != nil {
		return nil, err
	}
	var spent []target
	for _, c := range list {
		if status := c.ContainerStatus(); !c.IsInfra && reconciler.SpentContainer(c.PodStatus(), status.Name) {
			spent = append(spent, target{c.ID, *c.PodStatus(), status})
		}
	}
	return spent, nil
}

// pruneContainer removes a container and gives its ID, but nothing for one that
// was started, or is needed, or gone, by now.
func (a *app) pruneContainer(e *engine.Engine) func(context.Context, target) (string, error) {
	return func(ctx context.Context, c target) (string, error) {
		return unlessKept(string(c.status.ID), a.applier(e).RemoveSpentContainer(ctx, c.pod.Pod.ID, c.status.Name))
	}
}

func (a *app) spentPods(ctx context.Context, e *engine.Engine, filters []string) ([]spec.PodStatus, error) {
	observed, err := e.Observe(ctx)
	if err != nil {
		return nil, err
	}
	m := filter.Pods(a.now())
	set, err := parseFilters(filters, m)
	if err != nil {
		return nil, err
	}
	list, err := filter.Apply(report.Pods(observed), set, m)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(observed, func(p spec.PodStatus) bool {
		wanted := slices.ContainsFunc(list, func(r report.Pod) bool { return r.ID == string(p.Pod.ID) })
		return !wanted || !reconciler.SpentPod(&p)
	}), nil
}

// prunePod removes a pod and gives its ID, as pruneContainer.
func (a *app) prunePod(e *engine.Engine) func(context.Context, spec.PodStatus) (string, error) {
	return func(ctx context.Context, p spec.PodStatus) (string, error) {
		return unlessKept(string(p.Pod.ID), a.applier(e).RemoveSpentPod(ctx, p.Pod.ID))
	}
}

func unlessKept(id string, err error) (string, error) {
	if errors.Is(err, spec.ErrInUse) || errors.Is(err, spec.ErrNotFound) {
		return "", nil
	}
	return id, err
}
