package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"berth/engine"
)

func (a *app) volumeMount() *cobra.Command {
	return &cobra.Command{
		Use:   "mount VOLUME [VOLUME...]",
		Short: "Mount volumes and print where",
		Long: `Mounts what volumes are kept on, a device or a layer, and prints the folder where the data is. It stays mounted
until 'berth volume unmount' or a reboot. Volumes that are plain folders need no mount: their folder is printed.`,
		Example: "  berth volume mount data\n  ls $(berth volume mount data)",
		Args:    minArgs(1, "the name of a volume"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				return forEach(ctx, a.out, args, e.MountVolume)
			})
		},
		ValidArgsFunction: a.completeVolumes,
	}
}

func (a *app) volumeUnmount() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:     "unmount [flags] VOLUME [VOLUME...]",
		Aliases: []string{"umount"},
		Short:   "Unmount volumes",
		Long: `Unmounts what volumes are kept on, and prints their names. A volume of a pod that is up stays mounted, and that
is an error.`,
		Example: "  berth volume unmount data\n  berth volume unmount --all",
		Args:    func(cmd *cobra.Command, args []string) error { return namesOrWide(cmd, args, "a volume", "all") },
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				if all {
					var err error
					if args, err = mountedVolumes(ctx, e); err != nil {
						return err
					}
				}
				return forEach(ctx, a.out, args, func(ctx context.Context, name string) (string, error) {
					return name, e.UnmountVolume(ctx, name)
				})
			})
		},
		ValidArgsFunction: a.completeVolumes,
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "unmount all volumes")
	return cmd
}

func mountedVolumes(ctx context.Context, e *engine.Engine) ([]string, error) {
	list, err := e.Volumes().List(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, v := range list {
		mounted, err := v.Mounted()
		if err != nil {
			return nil, err
		}
		if mounted {
			names = append(names, v.Name)
		}
	}
	return names, nil
}
