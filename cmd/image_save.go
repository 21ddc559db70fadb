package cmd

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"berth/engine/image"
)

func (a *app) newSave(command string) *cobra.Command {
	var to, format string
	var quiet, several bool
	formats := []string{string(image.FormatDockerArchive), string(image.FormatOCIArchive), string(image.FormatOCIDir), string(image.FormatDockerDir)}
	cmd := &cobra.Command{
		Use:   "save [flags] IMAGE [IMAGE...]",
		Short: "Save images to an archive or a folder",
		Long: `Writes images to a file or folder, or without --output to standard output. Several images fit into
docker-archive, oci-archive and oci-dir.`,
		Example: fmt.Sprintf(`  %[1]s -o web.tar localhost/web
  %[1]s --format oci-archive -o all.tar nginx redis
  %[1]s localhost/web | ssh edge berth load`, command),
		Args: minArgs(1, "the name or ID of an image"),
		RunE: func(cmd *cobra.Command, args []string) error {
			target := image.Target{Format: image.Format(format), Path: to, Quiet: quiet}
			if to == "" {
				if format == string(image.FormatOCIDir) || format == string(image.FormatDockerDir) {
					return usageError(cmd, "--format %s needs --output", format)
				}
				if isTerminal(a.out) {
					return errors.New("an archive is not written to a terminal: give --output, or redirect standard output")
				}
				target.To = a.out
			}
			e, err := a.engine()
			if err != nil {
				return err
			}
			return e.Images().Save(cmd.Context(), target, args...)
		},
		ValidArgsFunction: a.completeImages,
	}
	f := cmd.Flags()
	f.StringVarP(&to, "output", "o", "", "`file` or folder to write")
	f.Var(newChoice(&format, formats[0], formats), "format", "what to write: "+orList(formats))
	complete(cmd, "format", formats...)
	f.BoolVarP(&quiet, "quiet", "q", false, "print no progress")
	ignored(f, "an archive's layers are not compressed, those of a folder stay as they are", "compress", "uncompressed")
	f.BoolVarP(&several, "multi-image-archive", "m", false, "nothing: several images are always allowed")
	_ = f.MarkHidden("multi-image-archive")
	return cmd
}
