package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/spec"
	"berth/translate"
	"berth/translate/option"
)

func (a *app) update() *cobra.Command {
	var t targets
	var u option.Update
	cmd := &cobra.Command{
		Use:   "update [flags] CONTAINER",
		Short: "Give a container other limits while it runs",
		Long: `Gives a container other limits of CPU, memory and processes, or another restart policy, and prints its ID. What
runs goes on; only where the container's resizePolicy asks for it, it is restarted. What is not given stays as
it is.

What was set holds over restarts of the container, the supervisor and the host: until CPU or memory of the
container change in its YAML, or its pod is made anew. "kube generate" and "get -o yaml" show it.

As in Kubernetes, what is limited of a pod's container is requested, unless less is: a request that is as high as
the limit goes along with it. A memory limit below what the container uses is refused.

Of a container made by "berth run" or "berth create" all that the flags say can be set: its health check at once,
its environment and its ulimits from the next start on.`,
		Example: `  berth update --cpus 0.5 --memory 256m web-nginx
  berth update --pids-limit 100 --restart on-failure web-nginx
  berth update --cpus 0 --latest`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError(cmd, "'%s' takes one container, not %d", cmd.CommandPath(), len(args))
			}
			if err := namesOrWide(cmd, args, "a container", "latest"); err != nil {
				return err
			}
			if err := u.Check(); err != nil {
				return usageError(cmd, "%w", err)
			}
			return nil
		},
		ValidArgsFunction: a.completeContainers,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
			list, err := t.containers(ctx, e, a, args)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				return fmt.Errorf("there is no container: %w", spec.ErrNotFound)
			}
			return a.updateContainer(ctx, cmd, e, list[0], &u)
		})
	}
	f := cmd.Flags()
	u.Register(f)
	mustComplete(cmd, "restart", cobra.FixedCompletions([]cobra.Completion{"no", "on-failure", "always", "unless-stopped"}, cobra.ShellCompDirectiveNoFileComp))
	f.BoolVarP(&t.latest, "latest", "l", false, "update the newest container")
	a.namespaceFlag(cmd, &t.namespace)
	return cmd
}

func (a *app) updateContainer(ctx context.Context, cmd *cobra.Command, e *engine.Engine, c target, u *option.Update) error {
	if err := c.refuseInfra("change the limits of the others in"); err != nil {
		return err
	}
	id, name := c.pod.Pod.ID, c.status.Name
	made, err := a.applier(e).UpdateContainer(ctx, id, name, func(p *spec.Pod, set *spec.Container) error {
		if err := u.Apply(p, set); err != nil {
			return fmt.Errorf("container %q: %w", c.raw, err)
		}
		if set.ByHand == nil {
			translate.OOMScores(p, hostFacts().Memory)
		}
		return nil
	})
	a.afterwards(cmd, e, made || u.Restarts())
	if err != nil {
		return err
	}
	cid := c.status.ID
	if made {
		now, err := e.ObservePod(ctx, id)
		if err != nil {
			return err
		}
		if s, ok := now.Container(name); ok {
			cid = s.ID
		}
	}
	_, err = fmt.Fprintln(a.out, cid)
	return err
}
