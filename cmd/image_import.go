package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/image"
	"berth/internal/web"
)

func (a *app) newImport(command string) *cobra.Command {
	var o image.ImportOptions
	var quiet bool
	cmd := &cobra.Command{
		Use:   "import [flags] FILE|URL|- [IMAGE]",
		Short: "Make an image of an archive of files",
		Long: `Makes an image of one layer, a tar archive of a root file system, compressed or not, and prints its ID. The archive
is a file, a URL or standard input ("-"). An archive of an image is for load.

--change takes CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME and WORKDIR as a Containerfile has them.`,
		Example: fmt.Sprintf(`  %[1]s --change "CMD /bin/sh" rootfs.tar.xz localhost/base
  tar -C tree -c . | %[1]s --message "by hand" - localhost/tree`, command),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usageError(cmd, "'%s' needs an archive, and may have the name of an image", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				o.Name = args[1]
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				in, err := a.openSource(ctx, args[0])
				if err != nil {
					return err
				}
				defer in.Close()
				o.Source = web.Shown(args[0])
				id, err := e.Images().Import(ctx, in, o)
				if err != nil {
					return err
				}
				fmt.Fprintf(a.out, "sha256:%s\n", id)
				return nil
			})
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.Changes, "change", "c", nil, "`instruction` to apply to the image's configuration")
	f.StringVarP(&o.Message, "message", "m", "", "`text` for the image's history")
	f.StringVar(&o.OS, "os", "", "operating `system` of the image (default: this host's)")
	f.StringVar(&o.Arch, "arch", "", "`architecture` of the image (default: this host's)")
	f.StringVar(&o.Variant, "variant", "", "`variant` of the architecture")
	f.BoolVarP(&quiet, "quiet", "q", false, "nothing: no progress is printed")
	return cmd
}

// openSource opens a file, what a URL answers, or standard input.
func (a *app) openSource(ctx context.Context, from string) (io.ReadCloser, error) {
	switch {
	case from == "-":
		if isTerminal(a.in) {
			return nil, errors.New("an archive is not read from a terminal: pipe it to standard input, or name a file")
		}
		return io.NopCloser(a.in), nil
	case !web.IsURL(from):
		return os.Open(from)
	}
	body, err := web.Open(ctx, from, web.Options{Idle: importIdle, Most: importMost})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", web.Shown(from), err)
	}
	return body, nil
}

// An archive may take long to come, and be large; it may not stop coming, nor fill
// the disk of a host by itself.
const (
	importIdle = time.Minute
	importMost = 64 << 30
)
