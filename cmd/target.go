package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

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
	attaches            bool   // -a is not for all
	namespace           string
	starts              bool // they run afterwards, and want a supervisor
	idFiles             []string
}

// idFilesFlag adds a flag that names files with IDs: --cidfile or --pod-id-file.
func (t *targets) idFilesFlag(cmd *cobra.Command, flag, what string) {
	cmd.Flags().StringArrayVar(&t.idFiles, flag, nil, fmt.Sprintf("also the %s whose ID stands in this `file`", what))
}

// maxIDFile bounds a file that holds an ID.
const maxIDFile = 4096

// withFiles adds the IDs that stand in files to the names.
func (t *targets) withFiles(names []string) ([]string, error) {
	var errs []error
	for _, path := range t.idFiles {
		id, err := readIDFile(path)
		switch {
		case err == nil:
			names = append(names, id)
		case t.ignore && errors.Is(err, fs.ErrNotExist):
		default:
			errs = append(errs, err)
		}
	}
	return names, errors.Join(errs...)
}

// readIDFile reads the first line of a file.
func readIDFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read an ID: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxIDFile))
	if err != nil {
		return "", fmt.Errorf("read an ID: %w", err)
	}
	id, _, _ := strings.Cut(string(data), "\n")
	if id = strings.TrimSpace(id); id == "" {
		return "", fmt.Errorf("there is no ID in %s", path)
	}
	return id, nil
}

// registerTargets adds the flags. what is "container" or "pod", verb what
// happens to them.
func (a *app) registerTargets(cmd *cobra.Command, t *targets, what, verb string) {
	f := cmd.Flags()
	allKey := "a"
	if t.attaches {
		allKey = ""
	}
	f.BoolVarP(&t.all, "all", allKey, false, fmt.Sprintf("%s all %ss", verb, what))
	f.BoolVarP(&t.latest, "latest", "l", false, fmt.Sprintf("%s the newest %s", verb, what))
	if what == "container" {
		f.StringArrayVarP(&t.filters, "filter", t.filterKey, nil, fmt.Sprintf("%s the containers that match (`key=value`, as in ps)", verb))
	}
	a.namespaceFlag(cmd, &t.namespace)
}

// check wants names or one of the flags that stand for many.
func (t *targets) check(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(t.idFiles) > 0 && !t.all && !t.latest && len(t.filters) == 0 {
			return nil
		}
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
	if len(names) == 0 && len(t.idFiles) == 0 {
		return t.manyContainers(ctx, e, a)
	}
	var found []target
	names, err := t.withFiles(names)
	errs := []error{err}
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
	if len(names) == 0 && len(t.idFiles) == 0 {
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
	names, err := t.withFiles(names)
	errs := []error{err}
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
