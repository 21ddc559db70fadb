package cmd

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"berth/engine"
)

// unusedKind is what a prune command removes that nobody uses.
type unusedKind struct {
	short, long, example string
	what                 string // in the question whether to
	find                 func(ctx context.Context, e *engine.Engine, filters []string) ([]string, error)
	remove               func(ctx context.Context, e *engine.Engine, name string) error
}

// newPruneUnused makes the command that removes, by name, what nobody uses. What
// somebody has come to use meanwhile stays.
func (a *app) newPruneUnused(k unusedKind) *cobra.Command {
	var force bool
	var filters []string
	cmd := &cobra.Command{
		Use: "prune [flags]", Short: k.short, Long: k.long, Example: k.example,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				names, err := k.find(ctx, e, filters)
				if err != nil || len(names) == 0 {
					return err
				}
				if !force {
					if yes, err := a.confirm(ctx, fmt.Sprintf("This removes %s: %s.", k.what, strings.Join(names, ", "))); !yes {
						return err
					}
				}
				return k.prune(ctx, e, a.out, names)
			})
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&force, "force", "f", false, "do not ask")
	f.StringArrayVar(&filters, "filter", nil, "remove only what matches (`key=value`)")
	return cmd
}

// prune removes what was found, and prints the names of what went.
func (k unusedKind) prune(ctx context.Context, e *engine.Engine, out io.Writer, names []string) error {
	return forEach(ctx, out, names, func(ctx context.Context, name string) (string, error) {
		return unlessKept(name, k.remove(ctx, e, name))
	})
}
