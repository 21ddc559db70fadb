package cmd

import (
	"context"
	"errors"
	"fmt"
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
	return report.InspectContainer(&p, c), nil
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

// findNetwork finds a network by name, ID or a beginning of its ID.
func findNetwork(ctx context.Context, e *engine.Engine, name string) (network.Network, error) {
	all, err := e.Networks().List(ctx)
	if err != nil {
		return network.Network{}, err
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
	return report.InspectPod(&p), nil
}

func (a *app) inspect() *cobra.Command {
	var kind, format, namespace string
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
		Args: minArgs(1, "the name or ID of something"),
		RunE: func(cmd *cobra.Command, args []string) error {
			try := inspectors()
			if kind != "all" {
				for _, i := range inspectors() {
					if i.kind == kind {
						try = []inspector{i}
					}
				}
			}
			return a.runInspect(cmd.Context(), try, format, namespace, args)
		},
		ValidArgsFunction: a.completeAnything,
	}
	cmd.Flags().VarP(newChoice(&kind, "all", kinds), "type", "t", "what the names are of: "+orList(kinds))
	complete(cmd, "type", kinds...)
	inspectFlags(cmd, &format)
	a.namespaceFlag(cmd, &namespace)
	return cmd
}

func inspectFlags(cmd *cobra.Command, format *string) {
	cmd.Flags().StringVarP(format, "format", "f", "", "print as json, or by a Go `template`")
}

// newInspect makes the inspect command of one kind.
func (a *app) newInspect(kind, placeholder, example string, completion cobra.CompletionFunc) *cobra.Command {
	var format, namespace string
	cmd := &cobra.Command{
		Use:     fmt.Sprintf("inspect [flags] %s [%s...]", placeholder, placeholder),
		Short:   fmt.Sprintf("Show all that is known of a %s", kind),
		Long:    fmt.Sprintf("Prints what is known of each %s as a JSON list, or by a template.", kind),
		Example: example,
		Args:    minArgs(1, "the name or ID of a "+kind),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, i := range inspectors() {
				if i.kind == kind {
					return a.runInspect(cmd.Context(), []inspector{i}, format, namespace, args)
				}
			}
			return nil
		},
		ValidArgsFunction: completion,
	}
	inspectFlags(cmd, &format)
	if kind == "pod" || kind == "container" {
		a.namespaceFlag(cmd, &namespace)
	}
	return cmd
}

// runInspect prints what is found, then says what is not.
func (a *app) runInspect(ctx context.Context, try []inspector, format, namespace string, names []string) error {
	e, err := a.engine()
	if err != nil {
		return err
	}
	var found []any
	var errs []error
	for _, name := range names {
		object, err := lookFor(ctx, e, try, namespace, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found = append(found, object)
	}
	f := output.ParseFormat(format)
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
