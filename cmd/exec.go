package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"berth/cmd/terminal"
	"berth/engine"
	"berth/engine/oci"
	"berth/engine/spec"
	"berth/translate/option"
)

type execFlags struct {
	interactive, tty, detach, privileged, latest bool
	user, workdir, detachKeys, namespace         string
	env, envFiles, idFiles                       []string
}

// notMade is podman's exit code of a command that was not begun in a container.
const notMade = 255

func (a *app) exec() *cobra.Command {
	var f execFlags
	cmd := &cobra.Command{
		Use:   "exec [flags] CONTAINER COMMAND [ARG...]",
		Short: "Run a command in a running container",
		Long: `Runs a command in a running container and ends with its exit code: 126 if it cannot be executed, 127 if it
is not there, 255 if it cannot be begun, as where the container does not run, 125 if something else is wrong. With
--detach it prints an ID and leaves the command running.

Flags stand before the container; what follows it is the command's own.`,
		Example: `  berth exec web-nginx ls -l /etc/nginx
  berth exec -it web-nginx sh
  berth exec --user nobody --env MODE=test --workdir /tmp web-nginx env`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.latest || len(f.idFiles) > 0 {
				return minArgs(1, "a command")(cmd, args)
			}
			return minArgs(2, "a container and a command")(cmd, args)
		},
		RunE:              func(cmd *cobra.Command, args []string) error { return a.runExec(cmd.Context(), &f, args) },
		ValidArgsFunction: a.completeFirstContainer,
	}
	flags := cmd.Flags()
	flags.SetInterspersed(false)
	flags.BoolVarP(&f.interactive, "interactive", "i", false, "pass standard input on")
	flags.BoolVarP(&f.tty, "tty", "t", false, "give the command a terminal")
	flags.BoolVarP(&f.detach, "detach", "d", false, "do not wait for the command")
	flags.BoolVarP(&f.latest, "latest", "l", false, "in the newest container")
	flags.StringArrayVar(&f.idFiles, "cidfile", nil, "in the container whose ID stands in this `file`")
	ignored(flags, "no record of the command is kept", "no-session")
	flags.BoolVar(&f.privileged, "privileged", false, "give the command all capabilities")
	flags.StringVarP(&f.user, "user", "u", "", "run as this `user[:group]`, by name or number")
	flags.StringVarP(&f.workdir, "workdir", "w", "", "run in this `folder` of the container")
	flags.StringArrayVarP(&f.env, "env", "e", nil, "set a variable (`NAME=value`); NAME alone takes the caller's, NAME* all that begin so")
	flags.StringArrayVar(&f.envFiles, "env-file", nil, "set the variables of a `file`, one a line; with - before it, it may be missing")
	flags.StringVar(&f.detachKeys, "detach-keys", oci.DefaultDetachKeys, "`keys` that leave the terminal")
	a.namespaceFlag(cmd, &f.namespace)
	return cmd
}

func (a *app) runExec(ctx context.Context, f *execFlags, args []string) error {
	o, err := f.options(optionHost{in: a.in})
	if err != nil {
		return err
	}
	e, err := a.engine()
	if err != nil {
		return err
	}
	t := targets{latest: f.latest, namespace: f.namespace, idFiles: f.idFiles}
	var names []string
	if !f.latest && len(f.idFiles) == 0 {
		names, args = args[:1], args[1:]
	}
	list, err := t.containers(ctx, e, a, names)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return errors.New("there is no container")
	}
	o.Args = args
	code, err := a.execIn(ctx, e, list[0], o, f)
	var command *oci.CommandError
	switch {
	case errors.Is(err, oci.ErrDetached):
		return nil
	case errors.As(err, &command):
		return &exitError{command.Code, err}
	case err != nil:
		return &exitError{notMade, err}
	case f.detach:
		fmt.Fprintln(a.out, spec.NewContainerID())
	}
	return exit(code)
}

// options is what the flags say; bad ones are found before anything is opened.
func (f *execFlags) options(host option.Host) (oci.ExecOptions, error) {
	o := oci.ExecOptions{User: f.user, WorkingDir: f.workdir, TTY: f.tty, Privileged: f.privileged, Detach: f.detach}
	keys, err := oci.ParseDetachKeys(f.detachKeys)
	if err != nil {
		return o, err
	}
	if f.tty {
		o.Streams.DetachKeys = keys
	}
	o.Env, err = option.Environment(f.envFiles, f.env, host)
	return o, err
}

func (a *app) execIn(ctx context.Context, e *engine.Engine, c target, o oci.ExecOptions, f *execFlags) (code int, err error) {
	if !c.status.Running() {
		return 0, fmt.Errorf("container %q is %s: a command can only run in a container that runs", c.raw, c.status.State)
	}
	if !f.detach {
		o.Streams.Stdout, o.Streams.Stderr = a.out, a.err
		if f.interactive {
			o.Streams.Stdin = a.in
		}
	}
	if f.tty && !f.detach {
		leave, err := a.takeTerminal(ctx, &o.Streams, f.interactive, &o.Size)
		if err != nil {
			return 0, err
		}
		defer leave()
	}
	return e.Exec(ctx, c.pod.Pod.ID, c.status.Name, o)
}

// takeTerminal makes our terminal the far one: raw, if input is passed on, and
// its size forwarded. leave gives it back.
func (a *app) takeTerminal(ctx context.Context, s *oci.Streams, input bool, first *oci.Size) (leave func(), err error) {
	restore := func() error { return nil }
	if f, ok := a.in.(*os.File); ok && input {
		if restore, err = terminal.Raw(f); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	if f, ok := a.out.(*os.File); ok && isTerminal(f) {
		if size, ok := terminal.SizeOf(f); ok && first != nil {
			*first = oci.Size(size)
		}
		s.Resize = sizes(ctx, f)
	}
	return func() {
		cancel()
		if err := restore(); err != nil {
			a.warn("the terminal was not given back: %v", err)
		}
	}, nil
}

// sizes are the sizes of the terminal in the engine's words.
func sizes(ctx context.Context, f *os.File) <-chan oci.Size {
	out := make(chan oci.Size)
	go func() { // ends with ctx
		defer close(out)
		for size := range terminal.Sizes(ctx, f) {
			select {
			case out <- oci.Size(size):
			case <-ctx.Done():
			}
		}
	}()
	return out
}
