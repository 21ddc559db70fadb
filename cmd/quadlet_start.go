package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"berth/engine"
	"berth/engine/spec"
	"berth/reconciler"
	"berth/reconciler/unit"
)

func (a *app) quadletStart() *cobra.Command {
	return a.quadletAsk(unit.Start, "Start units that berth serve runs", `Starts units, and those they need, where berth serve runs them without systemd, and waits until they are up. One of
Type=oneshot has then done its work. With systemd it is systemctl start.`, `  berth quadlet start web
  berth quadlet start web.container worker@one.container`)
}

func (a *app) quadletStop() *cobra.Command {
	return a.quadletAsk(unit.Stop, "Stop units that berth serve runs", `Stops units, and those that need them, where berth serve runs them without systemd, and waits until they are down.
They stay down until they are started, their files change or the host boots. With systemd it is systemctl stop.`, `  berth quadlet stop web`)
}

func (a *app) quadletRestart() *cobra.Command {
	return a.quadletAsk(unit.Restart, "Restart units that berth serve runs", `Stops units and starts them again, with those that need them, where berth serve runs them without systemd. Those that
are down are started. With systemd it is systemctl restart.`, `  berth quadlet restart web db`)
}

func (a *app) quadletReset() *cobra.Command {
	return a.quadletAsk(unit.Reset, "Forget that units that berth serve runs have failed", `Forgets that units have failed, and how often they were started lately, so that StartLimitBurst= holds them up no more,
where berth serve runs them without systemd. Nothing is started. With systemd it is systemctl reset-failed.`,
		`  berth quadlet reset-failed web && berth quadlet start web`)
}

// quadletAsk is a command that has berth serve do something with its units.
func (a *app) quadletAsk(verb unit.Verb, short, long, example string) *cobra.Command {
	noBlock := false
	cmd := &cobra.Command{
		Use:   string(verb) + " [flags] UNIT [UNIT...]",
		Short: short,
		Long: long + `

UNIT is the name of the unit file or of its service, or one of them without what it ends in, as berth get quadlets
lists them.`,
		Example:           example,
		Args:              minArgs(1, "a unit"),
		ValidArgsFunction: a.completing(servedNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withServed(cmd.Context(), string(verb), args, func(ctx context.Context, e *engine.Engine, v *reconciler.UnitView) error {
				served := servedUnits(e)
				ask := unit.Ask{Unit: v.Service, Verb: verb}
				if noBlock {
					return served.Client.AskUnit(ctx, ask)
				}
				return served.Ask(ctx, ask)
			})
		},
	}
	cmd.Flags().BoolVar(&noBlock, "no-block", false, "do not wait until it is done")
	return cmd
}

func servedUnits(e *engine.Engine) reconciler.ServedUnits {
	return reconciler.ServedUnits{Client: reconciler.NewClient(e.Paths().Run)}
}

// withServed does something with each of the units that berth serve runs by these
// names, and prints theirs.
func (a *app) withServed(ctx context.Context, verb string, names []string, do func(context.Context, *engine.Engine, *reconciler.UnitView) error) error {
	return a.withEngine(ctx, func(ctx context.Context, e *engine.Engine) error {
		if _, err := servedUnits(e).Client.Version(ctx); err != nil {
			return fmt.Errorf("no berth serve is running here; for units that systemd runs there is systemctl %s", verb)
		}
		return forEach(ctx, a.out, names, func(ctx context.Context, name string) (string, error) {
			v, err := servedUnits(e).Find(ctx, name)
			if errors.Is(err, spec.ErrNotFound) {
				err = fmt.Errorf("berth serve runs no unit %q (berth get quadlets lists those it runs); for what systemd runs there is systemctl %s", name, verb)
			}
			if err != nil {
				return "", err
			}
			if v.Status == "bad" {
				return "", fmt.Errorf("%s: %w", v.Name, v.Problems.Err())
			}
			if err := do(ctx, e, &v); err != nil {
				return "", fmt.Errorf("%s %s: %w", verb, v.Name, err)
			}
			return v.Name, nil
		})
	})
}

// servedNames are the names of the units that berth serve runs.
func servedNames(ctx context.Context, e *engine.Engine) ([]string, error) {
	views, err := reconciler.NewClient(e.Paths().Run).Units(ctx)
	var names []string
	for i := range views {
		names = append(names, views[i].Name)
	}
	return names, err
}
