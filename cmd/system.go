package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"berth/cmd/output"
	"berth/engine"
	"berth/reconciler"
)

func (a *app) system() *cobra.Command {
	return newGroup("system", "Check, measure, tidy up and reset",
		"Finds and removes what was left behind or is of no more use, says what takes how much disk, and resets everything.",
		a.systemCheck(), a.systemDf(), a.systemEvents(), a.newInfo("berth system info"), a.systemPrune(), a.systemReset())
}

func (a *app) systemCheck() *cobra.Command {
	var repair, quiet bool
	var format string
	cmd := &cobra.Command{
		Use:   "check [flags]",
		Short: "Find what pods left behind on this host",
		Long: `Compares records, mounts, network namespaces, addresses, firewall rules, cgroups and conmon processes, and
names what belongs to no pod. Ends with 1 if anything was found and is still there.`,
		Example: "  berth system check\n  berth system check --repair\n  berth system check --format json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				leaks, err := e.Check(ctx)
				if err != nil {
					return err
				}
				if f := output.ParseFormat(format); f.Given() {
					if err := output.Objects(a.out, f, leaks); err != nil {
						return err
					}
				} else if !quiet {
					a.printLeaks(leaks, repair)
				}
				if !repair {
					if len(leaks) > 0 {
						return exit(1)
					}
					return nil
				}
				return a.repairLeaks(ctx, leaks)
			})
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&repair, "repair", "r", false, "remove what is found")
	f.BoolVarP(&quiet, "quiet", "q", false, "print nothing but errors")
	f.StringVar(&format, "format", "", "print as json, or by a Go `template`")
	return cmd
}

func (a *app) printLeaks(leaks []engine.Leak, repair bool) {
	for _, l := range leaks {
		line := l.Kind + " " + l.Name
		if l.Detail != "" {
			line += ": " + l.Detail
		}
		fmt.Fprintln(a.out, line)
	}
	switch {
	case len(leaks) == 0:
		fmt.Fprintln(a.out, "Nothing was left behind.")
	case !repair:
		fmt.Fprintln(a.err, "Run 'berth system check --repair' to remove it.")
	}
}

// repairLeaks removes what was found, in its order, going on through errors.
func (a *app) repairLeaks(ctx context.Context, leaks []engine.Leak) error {
	var errs []error
	for _, l := range leaks {
		errs = append(errs, l.Remove(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		return &exitError{1, err}
	}
	return nil
}

func (a *app) systemReset() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "reset [flags]",
		Short: "Remove all pods, networks, volumes, secrets and images",
		Long: `Removes all pods, networks, volumes with their data, secrets, and images of this host's store that no one
else's container stands on. Nothing brings them back.`,
		Example: "  berth system reset\n  berth system reset --force",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				p := e.Paths()
				if !force {
					if yes, err := a.confirm(ctx, fmt.Sprintf("This removes all pods, all networks, all volumes with their data, all secrets and all images.\nIt empties %s and %s.", p.State, p.Run)); !yes {
						return err
					}
				}
				if err := dismissSupervisor(ctx, e); err != nil {
					return err
				}
				return errors.Join(e.Reset(ctx), reconciler.ForgetEvents(p.Run))
			})
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "do not ask")
	return cmd
}
