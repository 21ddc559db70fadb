package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/oci"
	"berth/engine/spec"
	"berth/reconciler"
	"berth/translate/option"
)

func (a *app) start() *cobra.Command {
	t := targets{filterKey: "f", starts: true, attaches: true}
	var f startFlags
	cmd := &cobra.Command{
		Use:   "start [flags] CONTAINER [CONTAINER...]",
		Short: "Start containers",
		Long: `Starts containers that do not run, and their pod's network where it is down. One of a pod from YAML that has
ended is made anew, with another ID. Prints the names as they were given.

With --attach it stays with one container until that ends, and ends with its exit code.`,
		Example:           "  berth start web-nginx\n  berth start --filter status=exited\n  berth start --attach --interactive shell",
		Args:              t.check("container"),
		ValidArgsFunction: a.completeContainers,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if t.all {
			t.filters = append(t.filters, "status=created", "status=exited", "status=unknown")
		}
		if f.attach || f.interactive {
			return commandFailure(a.startAttached(cmd, &t, &f, args))
		}
		return commandFailure(a.onContainers(&t, a.startContainer)(cmd, args))
	}
	a.registerTargets(cmd, &t, "container", "start")
	flags := cmd.Flags()
	flags.BoolVarP(&f.attach, "attach", "a", false, "connect to the container's output")
	flags.BoolVarP(&f.interactive, "interactive", "i", false, "also pass standard input on")
	flags.BoolVar(&f.sigProxy, "sig-proxy", true, "pass signals on to the container")
	flags.StringVar(&f.detachKeys, "detach-keys", oci.DefaultDetachKeys, "`keys` that leave the container running")
	return cmd
}

// startFlags say what of a container that is started the terminal gets.
type startFlags struct {
	attach, interactive, sigProxy bool
	detachKeys                    string
}

// startAttached starts one container and stays with it.
func (a *app) startAttached(cmd *cobra.Command, t *targets, f *startFlags, args []string) error {
	ctx := cmd.Context()
	e, err := a.engine()
	if err != nil {
		return err
	}
	list, err := t.containers(ctx, e, a, args)
	if err != nil {
		return err
	}
	if len(list) != 1 {
		return usageError(cmd, "--attach is for one container, not %d", len(list))
	}
	c := list[0]
	if err := c.refuseInfra("start"); err != nil {
		return err
	}
	if c.status.Running() {
		return fmt.Errorf("container %q runs already: use attach", c.raw)
	}
	made, ok := c.pod.Pod.Container(c.status.Name)
	if !ok {
		return fmt.Errorf("container %q: %w", c.raw, spec.ErrNotFound)
	}
	attach := option.Attach{ProxySignals: f.sigProxy, Keys: f.detachKeys}
	var streams []string
	if made.ByHand != nil {
		streams = made.ByHand.Attach
	}
	attach.Choose(streams, f.interactive)
	with, err := a.attachment(&c.pod.Pod, made, attach)
	if err != nil {
		return err
	}
	session := newSession(e, with)
	defer session.close()
	id := c.pod.Pod.ID
	err = a.applier(e).StartContainer(ctx, id, c.status.Name, reconciler.StartOptions{
		Want:    a.desired(ctx, e, &c.pod.Pod),
		Connect: func(ctx context.Context, id spec.PodID, name string) error { return a.connect(ctx, session, id, name) },
	})
	if err != nil {
		return err
	}
	if !c.pod.Pod.Bare || restartable(&c.pod.Pod, made) || made.Healthy() != nil {
		a.handOver(cmd, e)
	}
	return a.staysUntilEnd(cmd, e, id, session, nil)
}

// onContainers does the same to all containers a command is for; to none where one
// that was named is not there.
func (a *app) onContainers(t *targets, do func(context.Context, *engine.Engine, target) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
			list, err := t.containers(ctx, e, a, args)
			if err != nil {
				return err
			}
			defer a.afterwards(cmd, e, t.starts)
			return forEachInPod(ctx, a.out, list, func(ctx context.Context, c target) (string, error) { return c.raw, do(ctx, e, c) })
		})
	}
}

// startContainer starts one container of a pod, the pod's sandbox first where
// it is down.
func (a *app) startContainer(ctx context.Context, e *engine.Engine, c target) error {
	if err := c.refuseInfra("start"); err != nil {
		return err
	}
	return a.applier(e).StartContainer(ctx, c.pod.Pod.ID, c.status.Name, reconciler.StartOptions{Want: a.wanted(ctx, e, c)})
}

// wanted is a container's pod with the contents of its files, where its start
// takes them.
func (a *app) wanted(ctx context.Context, e *engine.Engine, c target) *spec.Pod {
	if c.pod.Sandbox == spec.SandboxReady && !c.pod.Pod.Bare {
		return nil
	}
	return a.desired(ctx, e, &c.pod.Pod)
}
