package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"berth/cmd/output"
	"berth/engine"
	"berth/internal/source"
	"berth/reconciler"
)

func (a *app) status() *cobra.Command {
	var format string
	var events, verbose bool
	cmd := &cobra.Command{
		Use:   "status [flags]",
		Short: "Show what berth serve sees and what is wrong",
		Long: `Asks the supervisor which folders it reads, what is wrong there by file and line, and how each pod does: its
phase, restarts, and the reason where it is not as it should be. Ends with 1 if no supervisor is running.`,
		Example: "  berth status\n  berth status --events\n  berth status --format json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine.Engine) error {
				s, err := reconciler.NewClient(e.Paths().Run).Status(ctx)
				if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED) {
					return &exitError{1, errors.New("no supervisor is running: berth serve starts one")}
				}
				if err != nil {
					return err
				}
				if f := output.ParseFormat(format); f.Given() {
					return output.Object(a.out, f, s)
				}
				return a.printStatus(s, events, verbose)
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "", "print as json, or by a Go `template`")
	cmd.Flags().BoolVar(&events, "events", false, "show what happened lately, too")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "show which fields have no effect on one host, too")
	return cmd
}

func (a *app) printStatus(s reconciler.Status, events, verbose bool) error {
	now := a.now()
	fmt.Fprintf(a.out, "Supervisor: berth %s, process %d, up %s\n\n", s.Version, s.PID, output.Duration(now.Sub(s.Since)))
	err := a.table("SOURCE\tOBJECTS\tSTATE", func(w io.Writer) {
		for _, src := range s.Sources {
			state := "read"
			if src.Unknown {
				state = "cannot be read wholly: what runs of it stays"
			}
			fmt.Fprintf(w, "%s\t%d\t%s\n", src.Owner, src.Objects, state)
		}
	})
	if err != nil {
		return err
	}
	a.printProblems(s.Diagnostics, verbose)
	fmt.Fprintln(a.out)
	err = a.table("NAMESPACE\tPOD\tPHASE\tRESTARTS\tOWNER\tREASON", func(w io.Writer) {
		for _, p := range s.Pods {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", p.Namespace, p.Name, p.Phase, p.Restarts, p.Owner, a.reason(p))
		}
	})
	if err != nil {
		return err
	}
	if len(s.Units) > 0 {
		fmt.Fprintln(a.out)
		if err := a.printUnits(s.Units); err != nil {
			return err
		}
	}
	if !events {
		return nil
	}
	fmt.Fprintln(a.out)
	return a.table("LAST\tTYPE\tPOD\tREASON\tCOUNT\tMESSAGE", func(w io.Writer) {
		for _, ev := range s.Events {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", output.Ago(now, ev.Last), ev.Type, ev.Pod, ev.Reason, ev.Count, ev.Message)
		}
	})
}

// printUnits prints how Quadlet units do.
func (a *app) printUnits(units []reconciler.UnitView) error {
	return a.table("QUADLET\tSTATUS\tRESTARTS\tMAKES\tREASON", func(w io.Writer) {
		for _, u := range units {
			reason := u.Message
			if wait := u.RetryAt.Sub(a.now()); !u.RetryAt.IsZero() && wait > 0 {
				reason += fmt.Sprintf(" (next try in %s)", output.Duration(wait))
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", output.Printable(u.Name), u.Status, u.Restarts, u.Resource, reason)
		}
	})
}

// printProblems prints what is wrong in the sources, and to those who ask what
// merely has no effect.
func (a *app) printProblems(problems source.Diagnostics, verbose bool) {
	title := "\nPROBLEMS\n"
	for _, d := range problems {
		kind := "error"
		switch {
		case d.Harmless && !verbose:
			continue
		case d.Harmless:
			kind = "note"
		case d.Warning:
			kind = "warning"
		}
		fmt.Fprintf(a.out, "%s%s: %s\n", title, kind, d.Error())
		title = ""
	}
}

// reason says why a pod is not as it should be, in one line.
func (a *app) reason(p reconciler.PodReport) string {
	text := p.Reason
	if p.Message != "" {
		text += ": " + p.Message
	}
	if wait := p.NextTry.Sub(a.now()); !p.NextTry.IsZero() && wait > 0 {
		text += fmt.Sprintf(" (next try in %s)", output.Duration(wait))
	}
	return text
}

func (a *app) table(heading string, rows func(io.Writer)) error {
	w := tabwriter.NewWriter(a.out, 0, 2, 2, ' ', 0)
	fmt.Fprintln(w, heading)
	rows(w)
	return w.Flush()
}
