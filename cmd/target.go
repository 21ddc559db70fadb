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
)

// targets says which containers or pods a command is for: names, or flags that
// stand for many.
type targets struct {
	all, latest, ignore bool
	filters             []string
	filterKey           string // the shorthand of --filter
	namespace           string
	starts              bool // they run afterwards, and want a supervisor
}

// registerTargets adds the flags. what is "container" or "pod", verb what
// happens to them.
func (a *app) registerTargets(cmd *cobra.Command, t *targets, what, verb string) {
	f := cmd.Flags()
	f.BoolVarP(&t.all, "all", "a", false, fmt.Sprintf("%s all %ss", verb, what))
	f.BoolVarP(&t.latest, "latest", "l", false, fmt.Sprintf("%s the newest %s", verb, what))
	if what == "container" {
		f.StringArrayVarP(&t.filters, "filter", t.filterKey, nil, fmt.Sprintf("%s the containers that match (`key=value`, as in ps)", verb))
	}
	a.namespaceFlag(cmd, &t.namespace)
}

// check wants names or one of the flags that stand for many.
func (t *targets) check(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		return namesOrWide(cmd, args, "a "+what, "all", "latest", "filter")
	}
}

// target is one container a command acts on.
type target struct {
	raw    string // as it was named
	pod    spec.PodStatus
	status spec.ContainerStatus
}

// infra reports whether the target is its pod's infra container.
func (t target) infra() bool { return t.status.ID == t.pod.Infra.ID }

// refuseInfra explains what to do instead.
func (t target) refuseInfra(verb string) error {
	if !t.infra() {
		return nil
	}
	return fmt.Errorf("container %q is the infra container of pod %s: %s the pod", t.raw, quoteKey(t.pod.Pod.Key()), verb)
}

// containers finds the containers meant; those found come with the error about
// the others. Infra containers are only found by name.
func (t *targets) containers(ctx context.Context, e *engine.Engine, a *app, names []string) ([]target, error) {
	if len(names) == 0 {
		return t.manyContainers(ctx, e, a)
	}
	var found []target
	var errs []error
	for _, name := range names {
		p, c, err := e.FindContainer(ctx, t.namespace, name)
		switch {
		case err == nil:
			found = append(found, target{name, p, c})
		case t.ignore && errors.Is(err, spec.ErrNotFound):
		default:
			errs = append(errs, err)
		}
	}
	return found, errors.Join(errs...)
}

func (t *targets) manyContainers(ctx context.Context, e *engine.Engine, a *app) ([]target, error) {
	pods, err := e.Observe(ctx)
	if err != nil {
		return nil, err
	}
	now := a.now()
	list := report.Containers(now, inNamespace(pods, t.namespace))
	list = slices.DeleteFunc(list, func(c report.Container) bool { return c.IsInfra })
	m := filter.Containers(now, list)
	set, err := parseFilters(t.filters, m)
	if err != nil {
		return nil, err
	}
	if list, err = filter.Apply(list, set, m); err != nil {
		return nil, err
	}
	if t.latest {
		report.SortContainers(list, "created")
		list = list[max(0, len(list)-1):]
	}
	var found []target
	for _, c := range list {
		found = append(found, target{c.ID, *c.PodStatus(), c.ContainerStatus()})
	}
	return found, nil
}

// pods finds the pods meant; those found come with the error about the others.
func (t *targets) pods(ctx context.Context, e *engine.Engine, names []string) ([]spec.PodStatus, error) {
	if len(names) == 0 {
		all, err := e.Observe(ctx)
		if err != nil {
			return nil, err
		}
		all = slices.DeleteFunc(inNamespace(all, t.namespace), func(st spec.PodStatus) bool { return st.Pod.Bare })
		if t.latest && len(all) > 1 {
			newest := slices.MaxFunc(all, func(a, b spec.PodStatus) int { return a.Pod.CreatedAt.Compare(b.Pod.CreatedAt) })
			all = []spec.PodStatus{newest}
		}
		return all, nil
	}
	var found []spec.PodStatus
	var errs []error
	for _, name := range names {
		p, err := e.FindPod(ctx, t.namespace, name)
		switch {
		case err == nil:
			found = append(found, p)
		case t.ignore && errors.Is(err, spec.ErrNotFound):
		default:
			errs = append(errs, err)
		}
	}
	return found, errors.Join(errs...)
}
