package cmd

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"berth/cmd/report"
	"berth/engine"
)

// Completions read what ps reads: records and processes, never the image
// store unless images are asked for. They are silent about errors: a shell
// would print them into the line being typed.

// completing offers names, without those that stand on the line already.
func (a *app) completing(names func(context.Context, *engine.Engine) ([]string, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		e, err := a.engine()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx := cmd.Context()
		if ctx == nil {
			ctx = context.Background()
		}
		list, err := names(ctx, e)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var fit []cobra.Completion
		for _, name := range list {
			if strings.HasPrefix(name, prefix) && !slices.Contains(args, name) {
				fit = append(fit, name)
			}
		}
		return fit, cobra.ShellCompDirectiveNoFileComp
	}
}

func (a *app) completePods(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return a.completing(podNames)(cmd, args, prefix)
}

func (a *app) completeContainers(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return a.completing(containerNames)(cmd, args, prefix)
}

func (a *app) completePodsAndContainers(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return a.completing(joinNames(podNames, containerNames))(cmd, args, prefix)
}

func (a *app) completeImages(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return a.completing(imageNames)(cmd, args, prefix)
}

func (a *app) completeContainersAndImages(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return a.completing(joinNames(containerNames, imageNames))(cmd, args, prefix)
}

func (a *app) completeVolumes(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return a.completing(volumeNames)(cmd, args, prefix)
}

func (a *app) completeNetworks(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return a.completing(networkNames)(cmd, args, prefix)
}

func (a *app) completeSecrets(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return a.completing(secretNames)(cmd, args, prefix)
}

func (a *app) completeAnything(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return a.completing(joinNames(podNames, containerNames, volumeNames, networkNames))(cmd, args, prefix)
}

func (a *app) completeNamespaces(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return a.completing(func(ctx context.Context, e *engine.Engine) ([]string, error) {
		pods, err := e.Observe(ctx)
		var names []string
		for _, p := range pods {
			names = append(names, p.Pod.Namespace)
		}
		slices.Sort(names)
		return slices.Compact(names), err
	})(cmd, args, prefix)
}

// completeFirstContainer completes a container, then leaves the rest to files.
func (a *app) completeFirstContainer(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return a.completeContainers(cmd, args, prefix)
}

// completeFirstImage completes an image, then leaves the rest to files.
func (a *app) completeFirstImage(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return a.completeImages(cmd, args, prefix)
}

type namesFunc = func(context.Context, *engine.Engine) ([]string, error)

func joinNames(sources ...namesFunc) namesFunc {
	return func(ctx context.Context, e *engine.Engine) ([]string, error) {
		var all []string
		for _, names := range sources {
			list, err := names(ctx, e)
			if err != nil {
				return nil, err
			}
			all = append(all, list...)
		}
		return all, nil
	}
}

func podNames(ctx context.Context, e *engine.Engine) ([]string, error) {
	pods, err := e.Observe(ctx)
	var names []string
	for _, p := range pods {
		names = append(names, p.Pod.Name)
	}
	return names, err
}

func containerNames(ctx context.Context, e *engine.Engine) ([]string, error) {
	pods, err := e.Observe(ctx)
	var names []string
	for i := range pods {
		for _, c := range pods[i].Containers {
			if c.ID != "" {
				names = append(names, pods[i].Pod.ContainerName(c.Name))
			}
		}
	}
	return names, err
}

func imageNames(ctx context.Context, e *engine.Engine) ([]string, error) {
	images, err := e.Images().List(ctx, false)
	var names []string
	for _, i := range images {
		for _, full := range i.Names {
			names = append(names, full)
			if repository, tag := report.SplitTag(full); tag == "latest" {
				names = append(names, repository)
			}
		}
	}
	return names, err
}

func volumeNames(ctx context.Context, e *engine.Engine) ([]string, error) {
	volumes, err := e.Volumes().List(ctx)
	var names []string
	for _, v := range volumes {
		names = append(names, v.Name)
	}
	return names, err
}

func networkNames(ctx context.Context, e *engine.Engine) ([]string, error) {
	networks, err := e.Networks().List(ctx)
	var names []string
	for _, n := range networks {
		names = append(names, n.Name)
	}
	return names, err
}

func secretNames(_ context.Context, e *engine.Engine) ([]string, error) {
	secrets, err := e.Secrets().List()
	var names []string
	for _, s := range secrets {
		names = append(names, s.Name)
	}
	return names, err
}
