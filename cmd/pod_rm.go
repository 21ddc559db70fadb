package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"berth/cmd/report"
	"berth/engine"
	"berth/engine/spec"
	"berth/internal/atomicfile"
	"berth/kube"
	"berth/reconciler"
)

func (a *app) podRm() *cobra.Command {
	var t targets
	var force bool
	var grace time.Duration
	cmd := &cobra.Command{
		Use:   "rm [flags] POD [POD...]",
		Short: "Remove pods",
		Long: `Removes pods and their containers; the data of named volumes stays. A pod that runs is only removed with
--force. Prints the pods' IDs, and removes the files that --pod-id-file names.

A pod that comes from a folder or a Deployment is made again by berth serve: change the folder, or use kube down.
Exits with 1 if a pod is not there, with 2 if one runs.`,
		Example: `  berth pod rm web
  berth pod rm --force --time 0 web
  berth pod rm --all --force`,
		Args: t.check("pod"),
		RunE: func(cmd *cobra.Command, args []string) error {
			t.ignore = t.ignore || force
			err := a.onPods(&t, podID, func(ctx context.Context, e *engine.Engine, p spec.PodStatus) error {
				return a.removePod(ctx, e, p, force, grace)
			})(cmd, args)
			for i := 0; i < len(t.idFiles) && err == nil; i++ {
				err = atomicfile.Remove(t.idFiles[i])
			}
			return removalError(err)
		},
		ValidArgsFunction: a.completePods,
	}
	a.registerTargets(cmd, &t, "pod", "remove")
	t.idFilesFlag(cmd, "pod-id-file", "pod")
	addGrace(cmd, &grace)
	cmd.Flags().BoolVarP(&force, "force", "f", false, "stop pods that run; say nothing of those that are not there")
	cmd.Flags().BoolVarP(&t.ignore, "ignore", "i", false, "say nothing of pods that are not there")
	return cmd
}

// removePod removes a pod and, where it is all there is of what kube play was
// given, forgets that.
func (a *app) removePod(ctx context.Context, e *engine.Engine, p spec.PodStatus, force bool, grace time.Duration) error {
	key := p.Pod.Key()
	if state := report.PodState(&p); !force && (state == report.PodRunning || state == report.PodDegraded || state == report.PodPaused) {
		return fmt.Errorf("pod %s is %s: stop it first, or use --force: %w", quoteKey(key), state, spec.ErrInUse)
	}
	origin := p.Pod.Origin
	if p.Pod.Owner == spec.OwnerPlay && origin.Kind == "Pod" {
		set := kube.Set{Objects: []*kube.Object{{Kind: origin.Kind, Namespace: origin.Namespace, Name: origin.Name}}}
		_, err := a.applier(e).Down(ctx, set, reconciler.DownOptions{Grace: grace})
		return err
	}
	a.warnOfReturn(&p.Pod)
	return a.applier(e).RemovePod(ctx, p.Pod.ID, reconciler.RemoveOptions{Grace: grace, Volumes: true})
}

// warnOfReturn tells who makes a pod again that is removed by itself.
func (a *app) warnOfReturn(p *spec.Pod) {
	if dir, ok := p.Owner.Folder(); ok {
		a.warn("pod %s comes from the folder %s, and berth serve makes it again", quoteKey(p.Key()), dir)
	} else if p.Owner == spec.OwnerPlay {
		a.warn("pod %s belongs to %s, and berth serve makes it again: take it down with kube down", quoteKey(p.Key()), p.Origin)
	}
}

// removePodsOn removes the pods that have joined a network.
func (a *app) removePodsOn(ctx context.Context, e *engine.Engine, network string, grace time.Duration) error {
	others, err := a.forgetUsers(ctx, e, grace, func(p *spec.PodStatus) bool { return slices.Contains(p.Networks(), network) })
	errs := []error{err}
	for _, p := range others {
		errs = append(errs, a.removePod(ctx, e, p, true, grace))
	}
	return errors.Join(errs...)
}

// removeVolume removes a volume and the pods that use it.
func (a *app) removeVolume(ctx context.Context, e *engine.Engine, volume string, grace time.Duration) error {
	others, err := a.forgetUsers(ctx, e, grace, func(p *spec.PodStatus) bool {
		return slices.ContainsFunc(p.Pod.Volumes, func(v spec.Volume) bool { return v.Named != nil && v.Named.Volume == volume })
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range others {
		a.warnOfReturn(&p.Pod)
		errs = append(errs, a.applier(e).RemovePod(ctx, p.Pod.ID, reconciler.RemoveOptions{Grace: grace, Volumes: true}))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return e.RemoveVolumeAndPods(ctx, volume, grace)
}

// forgetUsers removes the pods that use what is about to go and come from kube
// play, and returns the other users. Of what kube play was given it forgets all
// these pods were made from, a Deployment too: a supervisor would make them
// again, and with them what they use.
func (a *app) forgetUsers(ctx context.Context, e *engine.Engine, grace time.Duration, use func(*spec.PodStatus) bool) (others []spec.PodStatus, err error) {
	pods, err := e.Observe(ctx)
	if err != nil {
		return nil, err
	}
	var played kube.Set
	for _, p := range pods {
		switch origin := p.Pod.Origin; {
		case !use(&p):
		case p.Pod.Owner == spec.OwnerPlay && origin.Kind != "":
			played.Objects = append(played.Objects, &kube.Object{Kind: origin.Kind, Namespace: origin.Namespace, Name: origin.Name})
		default:
			others = append(others, p)
		}
	}
	if len(played.Objects) > 0 {
		_, err = a.applier(e).Down(ctx, played, reconciler.DownOptions{Grace: grace})
	}
	return others, err
}
