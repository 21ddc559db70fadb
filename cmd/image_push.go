package cmd

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/image"
)

func (a *app) newPush(command string) *cobra.Command {
	var r registryFlags
	var format, digestfile string
	cmd := &cobra.Command{
		Use:   "push [flags] IMAGE [DESTINATION]",
		Short: "Send an image to a registry",
		Long: `Sends an image to the registry that its name, or DESTINATION, begins with. Layers that the registry has are not sent
again. Archives and folders are for save.`,
		Example: fmt.Sprintf("  %[1]s registry.example.com/team/web:1\n  %[1]s --digestfile web.digest localhost/web:1 registry.example.com/team/web:1", command),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usageError(cmd, "'%s' needs an image, and may have where it goes", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				to := ""
				if len(args) > 1 {
					to = args[1]
				}
				digest, err := e.Images().Push(ctx, args[0], to, image.PushOptions{PullOptions: r.options(cmd.Flags()), Format: format})
				if err != nil || digestfile == "" {
					return err
				}
				return os.WriteFile(digestfile, []byte(digest), 0o644)
			})
		},
		ValidArgsFunction: a.completeFirstImage,
	}
	f := cmd.Flags()
	r.register(f)
	f.StringVar(&digestfile, "digestfile", "", "write the digest that the image has there to this `file`")
	f.StringVarP(&format, "format", "f", "", "`format` of the manifest: oci or v2s2 (default: as the image has it)")
	complete(cmd, "format", "oci", "v2s2")
	return cmd
}
