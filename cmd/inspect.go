package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"berth/cmd/output"
	"berth/cmd/report"
	"berth/engine"
	"berth/engine/network"
	"berth/engine/spec"
)

// inspector finds one kind of thing by name; what is not there is
// spec.ErrNotFound or spec.ErrImageMissing.
type inspector struct {
	kind string
	find func(ctx context.Context, e *engine.Engine, namespace, name string) (any, error)
}

// inspectors are all kinds, in the order in which inspect guesses.
func inspectors() []inspector {
	return []inspector{
		{"container", inspectContainer},
		{"image", func(ctx context.Context, e *engine.Engine, _, name string) (any, error) {
			return e.Images().Inspect(ctx, name)
		}},
		{"volume", func(ctx context.Context, e *engine.Engine, _, name string) (any, error) {
			return e.Volumes().Inspect(ctx, name)
		}},
		{"network", inspectNetwork},
		{"pod", inspectPod},
	}
}

func inspectContainer(ctx context.Context, e *engine.Engine, namespace, name string) (any, error) {
	p, c, err := e.FindContainer(ctx, namespace, name)
	if err != nil {
		return nil, err
	}
	facts, err := e.Describe(ctx, &p, c)
	if err != nil {
		return nil, err
	}
	r := report.InspectContainer(&p, c)
	r.Describe(facts)
	return r, nil
}

func inspectNetwork(ctx context.Context, e *engine.Engine, _, name string) (any, error) {
	n, err := findNetwork(ctx, e, name)
	if err != nil {
		return nil, err
	}
	pods, err := e.Observe(ctx)
	if err != nil {
		return nil, err
	}
	return report.InspectNetwork(n, pods), nil
}

// podmansNetwork is podman's name of the default network; no other has it.
const podmansNetwork = "podman"

// findNetwork finds a network by name, ID or a beginning of its ID.
func findNetwork(ctx context.Context, e *engine.Engine, name string) (network.Network, error) {
	all, err := e.Networks().List(ctx)
	if err != nil {
		return network.Network{}, err
	}
	if name == podmansNetwork {
		name = network.DefaultNetwork
	}
	for _, n := range all {
		if n.Name == name || len(name) >= 12 && strings.HasPrefix(n.ID, name) {
			return n, nil
		}
	}
	return network.Network{}, fmt.Errorf("network %q: %w", name, spec.ErrNotFound)
}

func inspectPod(ctx context.Context, e *engine.Engine, namespace, name string) (any, error) {
	p, err := e.FindPod(ctx, namespace, name)
	if err != nil {
		return nil, err
	}
	r := report.InspectPod(&p)
	r.Locate(func(volume string) string {
		v, err := e.Volumes().Inspect(ctx, volume)
		if err != nil {
			return "" // it is made with the first container
		}
		return v.Mountpoint
	})
	return r, nil
}

// inspectFlags are the flags of inspect and the commands of the same name.
type inspectFlags struct {
	format, namespace string
	latest, all, size bool
}

func (a *app) inspect() *cobra.Command {
	var f inspectFlags
	var kind string
	kinds := []string{"all"}
	for _, i := range inspectors() {
		kinds = append(kinds, i.kind)
	}
	cmd := &cobra.Command{
		Use:   "inspect [flags] NAME [NAME...]",
		Short: "Show all that is known of containers, pods, images, volumes or networks",
		Long: `Prints what is known of each name as JSON, or by a template. Without --type, a name is taken for
a container, an image, a volume, a network or a pod, in this order.`,
		Example: `  berth inspect web-nginx
  berth inspect --type pod web
  berth inspect --format "{{.State.Status}} {{.NetworkSettings.IPAddress}}" web-nginx`,
		Args: func(cmd *cobra.Command, args []string) error { return namesOrWide(cmd, args, "something", "latest") },
		RunE: func(cmd *cobra.Command, args []string) error {
			try := inspectors()
			if f.latest && kind == "all" {
				kind = "container"
			}
			if kind != "all" {
				try = slices.DeleteFunc(try, func(i inspector) bool { return i.kind != kind })
			}
			return a.runInspect(cmd.Context(), try, &f, args)
		},
		ValidArgsFunction: a.completeAnything,
	}
	cmd.Flags().VarP(newChoice(&kind, "all", kinds), "type", "t", "what the names are of: "+orList(kinds))
	complete(cmd, "type", kinds...)
	a.inspectFlags(cmd, &f, "container", "pod")
	return cmd
}

// inspectFlags adds the flags of the kinds there are.
func (a *app) inspectFlags(cmd *cobra.Command, f *inspectFlags, kinds ...string) {
	flags := cmd.Flags()
	flags.StringVarP(&f.format, "format", "f", "", "print as json, or by a Go `template`")
	of := func(kind string) bool { return slices.Contains(kinds, kind) }
	if of("container") || of("pod") {
		a.namespaceFlag(cmd, &f.namespace)
		flags.BoolVarP(&f.latest, "latest", "l", false, "the newest "+kinds[0])
	}
	if of("container") {
		flags.BoolVarP(&f.size, "size", "s", false, "also what containers have on disk")
	}
	if of("volume") {
		flags.BoolVarP(&f.all, "all", "a", false, "all volumes")
	}
}

// newInspect makes the inspect command of one kind.
func (a *app) newInspect(kind, placeholder, example string, completion cobra.CompletionFunc) *cobra.Command {
	var f inspectFlags
	cmd := &cobra.Command{
		Use:     fmt.Sprintf("inspect [flags] %s [%s...]", placeholder, placeholder),
		Short:   fmt.Sprintf("Show all that is known of a %s", kind),
		Long:    fmt.Sprintf("Prints what is known of each %s as a JSON list, or by a template.", kind),
		Example: example,
		Args: func(cmd *cobra.Command, args []string) error {
			return namesOrWide(cmd, args, "a "+kind, "latest", "all")
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			one := slices.DeleteFunc(inspectors(), func(i inspector) bool { return i.kind != kind })
			return a.runInspect(cmd.Context(), one, &f, args)
		},
		ValidArgsFunction: completion,
	}
	a.inspectFlags(cmd, &f, kind)
	return cmd
}

// inspected are the names of what is to be inspected.
func (a *app) inspected(ctx context.Context, e *engine.Engine, kind string, f *inspectFlags, names []string) ([]string, error) {
	t := targets{latest: true, namespace: f.namespace}
	switch {
	case f.all:
		return volumeNames(ctx, e)
	case f.latest && kind == "pod":
		pods, err := t.pods(ctx, e, nil)
		for _, p := range pods {
			names = append(names, string(p.Pod.ID))
		}
		return names, err
	case f.latest:
		list, err := t.containers(ctx, e, a, nil)
		for _, c := range list {
			names = append(names, string(c.status.ID))
		}
		return names, err
	}
	return names, nil
}

// runInspect prints what is found, then says what is not.
func (a *app) runInspect(ctx context.Context, try []inspector, flags *inspectFlags, names []string) error {
	e, err := a.engine()
	if err != nil {
		return err
	}
	if names, err = a.inspected(ctx, e, try[0].kind, flags, names); err != nil {
		return err
	}
	var found []any
	var errs []error
	for _, name := range names {
		object, err := lookFor(ctx, e, try, flags.namespace, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if c, ok := object.(report.ContainerInspect); ok && flags.size {
			size, err := containerSize(ctx, e, spec.ContainerID(c.ID), c.Image)
			if err != nil {
				return err
			}
			c.SizeRw, c.SizeRootFs = &size.Rw, &size.RootFs
			object = c
		}
		found = append(found, object)
	}
	f := output.ParseFormat(flags.format)
	if len(found) > 0 || !f.Given() || f.IsJSON() {
		if err := output.Objects(a.out, f, found); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}

func lookFor(ctx context.Context, e *engine.Engine, try []inspector, namespace, name string) (any, error) {
	for _, i := range try {
		object, err := i.find(ctx, e, namespace, name)
		switch {
		case err == nil:
			return object, nil
		case errors.Is(err, spec.ErrNotFound), errors.Is(err, spec.ErrImageMissing):
			if len(try) == 1 {
				return nil, err
			}
		default:
			return nil, err
		}
	}
	return nil, fmt.Errorf("no container, image, volume, network or pod is called %q: %w", name, spec.ErrNotFound)
}
