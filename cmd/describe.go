package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"berth/cmd/kubectl"
	"berth/engine"
	"berth/engine/spec"
	"berth/reconciler"
)

func (a *app) describe() *cobra.Command {
	var c choosing
	cmd := &cobra.Command{
		Use:   "describe [flags] pod [NAME...] | pod/NAME...",
		Short: "Tell all about pods, with what happened to them",
		Long: `Tells all about pods as kubectl describe does: where their values come from, how each container does and did
last, the pod's conditions, and what happened lately, as far as a supervisor remembers. What is in a Secret is not
shown.`,
		Example: `  berth describe pod web
  berth describe pod -n shop -l app=web`,
		Args: minArgs(1, "a kind, pod, and names"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return kubectlFailure(a.runDescribe(cmd.Context(), &c, args))
		},
		ValidArgsFunction: a.completeObjects,
	}
	a.choosingFlags(cmd, &c)
	return cmd
}

func (a *app) runDescribe(ctx context.Context, c *choosing, args []string) error {
	requests, err := parseRequests(args)
	if err != nil {
		return err
	}
	for _, r := range requests {
		if r.kind.Name != kubectl.PodKind {
			return kubectlError{fmt.Errorf("error: only pods can be described: berth get %s -o yaml shows them", r.kind.Words[0])}
		}
	}
	return a.withEngine(ctx, func(ctx context.Context, e *engine.Engine) error {
		o, err := a.lookAround(ctx, e, supervisorViews(ctx, e))
		if err != nil {
			return err
		}
		events := reconciler.KnownEvents(ctx, e.Paths().Run)
		list, err := c.find(ctx, o, requests[0])
		errs := []error{err}
		for i, object := range list {
			pod, err := kubectl.PodOf(object)
			if err != nil {
				return err
			}
			if i > 0 {
				fmt.Fprint(a.out, "\n\n")
			}
			errs = append(errs, kubectl.DescribePod(a.out, pod, eventsOf(events, pod), a.now()))
		}
		if len(list) == 0 && err == nil {
			fmt.Fprintln(a.err, (&getFlags{choosing: *c}).nothing(requests))
		}
		return errors.Join(errs...)
	})
}

// eventsOf is what happened to a pod, also before it had an ID.
func eventsOf(events []reconciler.Event, pod *corev1.Pod) []corev1.Event {
	key := spec.PodKey{Namespace: pod.Namespace, Name: pod.Name}
	var out []corev1.Event
	for _, e := range events {
		if e.Pod == key && (e.ID == "" || pod.UID == "" || e.ID.UID() == string(pod.UID)) {
			out = append(out, e.Object())
		}
	}
	return slices.Clip(out)
}
