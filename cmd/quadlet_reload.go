package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/reconciler"
)

func (a *app) quadletReload() *cobra.Command {
	return &cobra.Command{
		Use:   "reload UNIT [UNIT...]",
		Short: "Have units that berth serve runs read their configuration again",
		Long: `Does what ReloadCmd= or ReloadSignal= of a unit says, and of those its reload goes on to
(PropagatesReloadTo=, ReloadPropagatedFrom=), where berth serve runs them without systemd. With systemd it is
systemctl reload.

UNIT is the name of the unit file or of its service, or one of them without what it ends in, as berth get quadlets
lists them.`,
		Example:           `  berth quadlet reload web`,
		Args:              minArgs(1, "a unit"),
		ValidArgsFunction: a.completing(servedNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withServed(cmd.Context(), "reload", args, func(ctx context.Context, e *engine.Engine, v *reconciler.UnitView) error {
				switch {
				case v.Status != "active":
					return fmt.Errorf("it is %s", v.Status)
				case len(v.Reload) == 0:
					return errors.New("it says nothing of it: ReloadCmd= or ReloadSignal= does")
				}
				var errs []error
				for _, command := range v.Reload {
					errs = append(errs, a.callAs(ctx, e, v.Service, "/", command, a.err))
				}
				return errors.Join(errs...)
			})
		},
	}
}
