package cmd

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"berth/engine"
)

func (a *app) export() *cobra.Command {
	var to, namespace string
	cmd := &cobra.Command{
		Use:   "export [flags] CONTAINER",
		Short: "Write the files of a container as an archive",
		Long: `Writes the files of a container, without those on its volumes, as a tar archive: to a file, or without --output to
standard output. "berth import" makes an image of it. A container that runs goes on meanwhile.`,
		Example: "  berth export --output web.tar web\n  berth export web | berth import - localhost/web:flat",
		Args:    exactArgs(1, "the name or ID of one container"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if to == "" && isTerminal(a.out) {
				return errors.New("an archive is not written to a terminal: give --output, or redirect standard output")
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				p, c, err := e.FindContainer(ctx, namespace, args[0])
				if err != nil {
					return err
				}
				if err := (target{args[0], p, c}).refuseInfra("export the containers of"); err != nil {
					return err
				}
				write := func(w io.Writer) error { return e.ExportContainer(ctx, p.Pod.ID, c.Name, w) }
				if to == "" {
					return write(a.out)
				}
				return writeWhole(to, write)
			})
		},
		ValidArgsFunction: a.completeFirstContainer,
	}
	cmd.Flags().StringVarP(&to, "output", "o", "", "`file` to write")
	a.namespaceFlag(cmd, &namespace)
	return cmd
}
