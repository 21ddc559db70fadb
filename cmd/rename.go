package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/translate/option"
)

func (a *app) rename() *cobra.Command {
	var namespace string
	cmd := &cobra.Command{
		Use:   "rename [flags] CONTAINER NAME",
		Short: "Give a container another name",
		Long: `Gives a container made by hand another name, whether it runs or not; the old one is free from then on, and on its
networks it goes by the new one at once. Its own /etc/hosts has the old one until it is started again. A container
from YAML has the name of its object and cannot be renamed.`,
		Example: "  berth rename web web-old\n  berth rename 3f2a web",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError(cmd, "'%s' needs a container and its new name", cmd.CommandPath())
			}
			if err := option.CheckName(args[1]); err != nil {
				return usageError(cmd, "%q cannot be a name: %w", args[1], err)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				p, c, err := e.FindContainer(ctx, namespace, args[0])
				if err != nil {
					return err
				}
				if err := (target{args[0], p, c}).refuseInfra("rename a container of"); err != nil {
					return err
				}
				if err := a.applier(e).RenameContainer(ctx, p.Pod.ID, c.Name, args[1]); err != nil {
					return fmt.Errorf("rename %q: %w", args[0], err)
				}
				a.wake(ctx, e)
				return nil
			})
		},
		ValidArgsFunction: a.completeFirstContainer,
	}
	a.namespaceFlag(cmd, &namespace)
	return cmd
}
