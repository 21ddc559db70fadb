package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/oci"
	"berth/engine/spec"
)

type attachFlags struct {
	noStdin, sigProxy, latest bool
	detachKeys, namespace     string
}

func (a *app) attach() *cobra.Command {
	var f attachFlags
	cmd := &cobra.Command{
		Use:   "attach [flags] CONTAINER",
		Short: "Connect to a running container's input and output",
		Long: `Connects standard input, output and error to those of a running container, until it ends; then ends with its
exit code. The detach keys leave it running. Without a terminal, signals are passed on to the container.`,
		Example: `  berth attach web-shell
  berth attach --no-stdin web-nginx
  berth attach --detach-keys ctrl-a,d web-shell`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.latest {
				return noArgs(cmd, args)
			}
			return exactArgs(1, "the name or ID of one container")(cmd, args)
		},
		RunE:              func(cmd *cobra.Command, args []string) error { return a.runAttach(cmd.Context(), &f, args) },
		ValidArgsFunction: a.completeContainers,
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.noStdin, "no-stdin", false, "do not pass standard input on")
	flags.BoolVar(&f.sigProxy, "sig-proxy", true, "pass signals on to the container")
	flags.BoolVarP(&f.latest, "latest", "l", false, "connect to the newest container")
	flags.StringVar(&f.detachKeys, "detach-keys", oci.DefaultDetachKeys, "`keys` that leave the container running")
	a.namespaceFlag(cmd, &f.namespace)
	return cmd
}

func (a *app) runAttach(ctx context.Context, f *attachFlags, args []string) error {
	keys, err := oci.ParseDetachKeys(f.detachKeys)
	if err != nil {
		return err
	}
	e, err := a.engine()
	if err != nil {
		return err
	}
	t := targets{latest: f.latest, namespace: f.namespace}
	list, err := t.containers(ctx, e, a, args)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return errors.New("there is no container")
	}
	return a.attachTo(ctx, e, list[0], keys, f)
}

func (a *app) attachTo(ctx context.Context, e *engine.Engine, c target, keys []byte, f *attachFlags) error {
	if !c.status.Running() {
		return fmt.Errorf("container %q is %s: only one that runs can be attached to", c.raw, c.status.State)
	}
	s := oci.Streams{Stdout: a.out, Stderr: a.err, DetachKeys: keys}
	own, _ := c.pod.Pod.Container(c.status.Name)
	if own != nil && own.Stdin && !f.noStdin {
		s.Stdin = a.in
	}
	terminal := own != nil && own.TTY
	if terminal {
		leave, err := a.takeTerminal(ctx, &s, s.Stdin != nil, nil)
		if err != nil {
			return err
		}
		defer leave()
	} else if f.sigProxy {
		// Signals are the container's now, not the end of ours.
		ctx = context.WithoutCancel(ctx)
		defer forwardSignals(ctx, e, c.pod.Pod.ID, c.status.Name)()
	}
	err := e.Attach(ctx, c.pod.Pod.ID, c.status.Name, s, nil)
	if errors.Is(err, oci.ErrDetached) {
		return nil
	}
	if err != nil {
		return err
	}
	status, err := e.WaitContainer(ctx, c.pod.Pod.ID, c.status.Name)
	if err != nil && !errors.Is(err, spec.ErrNotFound) {
		return err
	}
	return exit(status.ExitCode)
}
