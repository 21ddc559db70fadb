package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"berth/engine"
)

// newExists makes an exists command, which answers by its exit code.
func (a *app) newExists(kind, placeholder, example string, completion cobra.CompletionFunc,
	find func(ctx context.Context, e *engine.Engine, namespace, name string) error,
) *cobra.Command {
	var namespace string
	cmd := &cobra.Command{
		Use:     "exists [flags] " + placeholder,
		Short:   fmt.Sprintf("Say by exit code whether a %s exists", kind),
		Long:    fmt.Sprintf("Exits with 0 if the %s exists, with 1 if it does not, with 125 if that cannot be told. Prints nothing.", kind),
		Example: example,
		Args:    exactArgs(1, "the name or ID of one "+kind),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := a.engine()
			if err != nil {
				return err
			}
			return notExists(find(cmd.Context(), e, namespace, args[0]))
		},
		ValidArgsFunction: completion,
	}
	if kind == "pod" || kind == "container" {
		a.namespaceFlag(cmd, &namespace)
	}
	if kind == "container" {
		ignored(cmd.Flags(), "containers that others keep in the storage are not looked at", "external")
	}
	return cmd
}

func (a *app) podExists() *cobra.Command {
	return a.newExists("pod", "POD", "  berth pod exists web || berth kube play web.yaml", a.completePods,
		func(ctx context.Context, e *engine.Engine, namespace, name string) error {
			_, err := e.FindPod(ctx, namespace, name)
			return err
		})
}

func (a *app) containerExists() *cobra.Command {
	return a.newExists("container", "CONTAINER", "  berth container exists web-nginx && echo there", a.completeContainers,
		func(ctx context.Context, e *engine.Engine, namespace, name string) error {
			_, _, err := e.FindContainer(ctx, namespace, name)
			return err
		})
}

func (a *app) imageExists() *cobra.Command {
	return a.newExists("image", "IMAGE", "  berth image exists nginx || berth pull nginx", a.completeImages,
		func(ctx context.Context, e *engine.Engine, _, name string) error {
			_, err := e.Images().Lookup(ctx, name)
			return err
		})
}

func (a *app) volumeExists() *cobra.Command {
	return a.newExists("volume", "VOLUME", "  berth volume exists data || berth volume create data", a.completeVolumes,
		func(ctx context.Context, e *engine.Engine, _, name string) error {
			_, err := e.Volumes().Inspect(ctx, name)
			return err
		})
}

func (a *app) networkExists() *cobra.Command {
	return a.newExists("network", "NETWORK", "  berth network exists backend || berth network create backend", a.completeNetworks,
		func(ctx context.Context, e *engine.Engine, _, name string) error {
			_, err := findNetwork(ctx, e, name)
			return err
		})
}
