package cmd

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"berth/engine"
)

func (a *app) volumeExport() *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "export [flags] VOLUME",
		Short: "Write what is on a volume as an archive",
		Long: `Writes what is on a volume as a tar archive, to a file or without --output to standard output: with owners,
modes, times, hard links and extended attributes. Containers run on meanwhile: end those that write if files
have to fit together.

What a volume is kept on is mounted where it is not, and stays so until 'berth volume unmount'.`,
		Example: `  berth volume export --output data.tar data
  berth volume export data | ssh edge berth volume import data -`,
		Args: exactArgs(1, "the name of one volume"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if to == "" && isTerminal(a.out) {
				return errors.New("an archive is not written to a terminal: give --output, or redirect standard output")
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				if to == "" {
					return e.ExportVolume(ctx, args[0], a.out)
				}
				return writeWhole(to, func(w io.Writer) error { return e.ExportVolume(ctx, args[0], w) })
			})
		},
		ValidArgsFunction: a.completeVolumes,
	}
	cmd.Flags().StringVarP(&to, "output", "o", "", "`file` to write")
	return cmd
}

// writeWhole has write fill a file that is there whole or not at all. What is no
// file, such as a pipe, is written to as it is. Data of containers is for nobody
// else to read.
func writeWhole(path string, write func(io.Writer) error) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".berth-*") // mode 0600
	if wrong := (*fs.PathError)(nil); errors.As(err, &wrong) {
		wrong.Path = path
	}
	if err != nil {
		return err
	}
	err = write(f)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func (a *app) volumeImport() *cobra.Command {
	return &cobra.Command{
		Use:   "import VOLUME FILE|-",
		Short: "Unpack an archive onto a volume",
		Long: `Unpacks a tar archive, compressed or not, onto a volume that is there: a file, or standard input ("-"). What
is on the volume and not in the archive stays. Nothing in the archive can lead out of the volume.`,
		Example: `  berth volume import data data.tar
  gunzip -c data.tar.gz | berth volume import data -`,
		Args: exactArgs(2, "the name of a volume and an archive, or -"),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := a.in
			if args[1] == "-" {
				if isTerminal(a.in) {
					return errors.New("an archive is not read from a terminal: pipe it to standard input, or name a file")
				}
			} else {
				f, err := os.Open(args[1])
				if err != nil {
					return err
				}
				defer f.Close()
				in = f
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				return e.ImportVolume(ctx, args[0], in)
			})
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
			switch len(args) {
			case 0:
				return a.completeVolumes(cmd, args, prefix)
			case 1:
				return nil, cobra.ShellCompDirectiveDefault // the file
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
	}
}
