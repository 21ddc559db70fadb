package cmd

import (
	"fmt"

	"github.com/spf13/cobra"

	"berth/engine/image"
)

func (a *app) newLoad(command string) *cobra.Command {
	var input string
	var quiet bool
	cmd := &cobra.Command{
		Use:   "load [flags]",
		Short: "Load images from an archive",
		Long: `Loads the images of an archive (OCI or Docker, compressed or not) or of an OCI folder, and prints their
names. Without --input the archive is read from standard input.`,
		Example: fmt.Sprintf(`  %[1]s -i web.tar
  curl -s https://example.com/web.tar.gz | %[1]s`, command),
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			from := image.Source{Path: input, Quiet: quiet}
			if input == "" {
				if isTerminal(a.in) {
					return usageError(cmd, "nothing to load: give --input, or pipe an archive to standard input")
				}
				from.From = a.in
			}
			e, err := a.engine()
			if err != nil {
				return err
			}
			names, err := e.Images().Load(cmd.Context(), from)
			for _, name := range names {
				fmt.Fprintln(a.out, "Loaded image:", name)
			}
			return err
		},
	}
	cmd.Flags().StringVarP(&input, "input", "i", "", "`archive` or folder to load")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "print no progress")
	return cmd
}
