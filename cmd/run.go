package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/oci"
	"berth/engine/spec"
	"berth/reconciler"
	"berth/translate/option"
)

func (a *app) run() *cobra.Command {
	var f option.Run
	cmd := &cobra.Command{
		Use:   "run [flags] IMAGE [COMMAND [ARG...]]",
		Short: "Make a container and run it",
		Long: `Makes a container, starts it, and stays with it until it ends; then ends with its exit code: 126 if the command
cannot be executed, 127 if it is not there, 125 if something else is wrong. With --detach it prints the container's
ID and leaves it running.

Flags stand before the image; what follows it is the container's command and its arguments. The flags are those of
podman run. Without a terminal, signals are passed on to the container; the detach keys leave it running.

A container that is to be started again is looked after by the supervisor in the background, with the delays of
Kubernetes: at once, then 10 s, 20 s, up to 5 min. With always and unless-stopped it also starts at boot, if
berth.service is enabled, unless a person stopped it.`,
		Example: `  berth run --rm -it docker.io/library/busybox sh
  berth run -d --name web -p 8080:80 --restart always docker.io/library/nginx
  echo hello | berth run --rm -i busybox cat
  berth run --rm -v data:/data --user 1000 localhost/app:1 /bin/app --once`,
		Args:              minArgs(1, "an image"),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.runRun(cmd, &f, args) },
		ValidArgsFunction: a.completeFirstImage,
	}
	registerCreate(cmd, f.Register)
	return cmd
}

func (a *app) runRun(cmd *cobra.Command, f *option.Run, args []string) error {
	if err := f.Check(args); err != nil {
		return usageError(cmd, "%w", err)
	}
	ctx := cmd.Context()
	e, err := a.engine()
	if err != nil {
		return err
	}
	made, err := f.Make(args, a.optionHost(ctx, e))
	if err != nil {
		return err
	}
	if made.RemoveImage && made.Attach.Detach {
		return usageError(cmd, "--rmi is for containers that are waited for: drop --detach")
	}
	if made.Attach.Detach {
		return commandFailure(a.runDetached(cmd, e, made))
	}
	return commandFailure(a.runAttached(cmd, e, made))
}

// runDetached starts a container and leaves it to the supervisor, or to the
// systemd unit it is for.
func (a *app) runDetached(cmd *cobra.Command, e *engine.Engine, made *option.Made) error {
	ctx := cmd.Context()
	c, err := a.makeContainer(ctx, e, made, reconciler.CreateOptions{})
	if err != nil {
		a.wake(ctx, e)
		return err
	}
	_, byUnit := made.Pod.Owner.Unit()
	a.afterwards(cmd, e, !byUnit || isChecked(ctx, e, c))
	if err := a.tellSystemd(ctx, e, c, made.Container()); err != nil {
		return err
	}
	fmt.Fprintln(a.out, c.id)
	return a.endForSystemd(ctx, e, c, made.Container())
}

// runAttached starts a container and stays with it.
func (a *app) runAttached(cmd *cobra.Command, e *engine.Engine, made *option.Made) error {
	ctx := cmd.Context()
	with, err := a.attachment(made.Pod, made.Container(), made.Attach)
	if err != nil {
		return err
	}
	session := newSession(e, with)
	defer session.close()
	c, err := a.makeContainer(ctx, e, made, reconciler.CreateOptions{
		Connect: func(ctx context.Context, id spec.PodID, name string) error {
			if name != made.Container().Name {
				return nil
			}
			return a.connect(ctx, session, id, name)
		},
	})
	if err != nil {
		return err
	}
	if made.Attach.Stdin && !made.Attach.Stdout && !made.Attach.Stderr {
		fmt.Fprintln(a.out, c.id) // nothing else will say which it is
	}
	_, byUnit := made.Pod.Owner.Unit()
	if !byUnit && restartable(made.Pod, made.Container()) || isChecked(ctx, e, c) {
		a.handOver(cmd, e)
	}
	if err := a.tellSystemd(ctx, e, c, made.Container()); err != nil {
		return err
	}
	after := func(ctx context.Context, ended spec.ContainerStatus) error {
		return dropImage(ctx, e, made, ended.ImageID)
	}
	return a.staysUntilEnd(cmd, e, c.pod, session, after)
}

// restartable reports whether a container may be started again when it has ended.
func restartable(p *spec.Pod, c *spec.Container) bool {
	return cmp.Or(c.RestartPolicy, p.RestartPolicy) != spec.RestartNever
}

// isChecked reports whether a container that was made has a health check, its own
// or its image's, so that it needs a supervisor, whoever restarts it.
func isChecked(ctx context.Context, e *engine.Engine, c created) bool {
	st, err := e.ObservePod(ctx, c.pod)
	if err != nil {
		return false // it is gone already
	}
	made, ok := st.Pod.Container(c.name)
	return ok && made.Healthy() != nil
}

// staysUntilEnd stays with a container until it ends, or a person detaches; then
// does what is left to do of it, and ends with its exit code.
func (a *app) staysUntilEnd(
	cmd *cobra.Command, e *engine.Engine, pod spec.PodID, session *session, after func(context.Context, spec.ContainerStatus) error,
) error {
	err := session.wait()
	if errors.Is(err, oci.ErrDetached) {
		a.handOver(cmd, e)
		return nil
	}
	if err != nil {
		a.handOver(cmd, e) // it runs on
		return err
	}
	status, err := session.exit()
	if err != nil && !errors.Is(err, spec.ErrNotFound) {
		return err
	}
	ctx := context.WithoutCancel(cmd.Context())
	err = a.applier(e).Settle(ctx, pod)
	if after != nil {
		err = errors.Join(err, after(ctx, status))
	}
	if err != nil {
		return err
	}
	return exit(status.ExitCode)
}

// dropImage removes the image of a container that has ended, if that was asked
// for and nothing else uses it. Of one with several names only the one that was
// run goes.
func dropImage(ctx context.Context, e *engine.Engine, made *option.Made, image string) error {
	if !made.RemoveImage {
		return nil
	}
	if named, err := e.Images().Lookup(ctx, made.Container().Image); err == nil && named.ID == image {
		image = made.Container().Image
	}
	_, err := e.Images().Remove(ctx, image, false)
	if errors.Is(err, spec.ErrInUse) || errors.Is(err, spec.ErrImageMissing) {
		return nil
	}
	return err
}

// commandFailure gives a command that cannot run its exit code.
func commandFailure(err error) error {
	var command *oci.CommandError
	if errors.As(err, &command) {
		return &exitError{command.Code, err}
	}
	return err
}
