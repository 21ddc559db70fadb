package cmd

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"berth/cmd/output"
	"berth/engine/image"
)

// historyRow is one step as templates see it.
type historyRow struct {
	image.Step
	now         time.Time
	full, human bool
}

// ID is the image the step made.
func (r historyRow) ID() string {
	if r.Step.ID == "<missing>" {
		return r.Step.ID
	}
	return output.ShortID(r.Step.ID, r.full)
}

// Created is how long ago the step was made, or when.
func (r historyRow) Created() string {
	if !r.human {
		return r.CreatedAt()
	}
	return r.CreatedSince()
}

// CreatedSince is how long ago the step was made.
func (r historyRow) CreatedSince() string { return output.Ago(r.now, r.Step.Created) }

// CreatedAt is when the step was made.
func (r historyRow) CreatedAt() string { return r.Step.Created.Format(time.RFC3339) }

// CreatedBy is the instruction.
func (r historyRow) CreatedBy() string {
	by := strings.Join(strings.Fields(r.Step.CreatedBy), " ")
	if r.full {
		return by
	}
	return output.Elide(by, 42)
}

// Size is the size of the layer.
func (r historyRow) Size() string { return output.TightSize(r.Step.Size) }

func (a *app) newHistory(command string) *cobra.Command {
	var l listing
	human := true
	cmd := &cobra.Command{
		Use:     "history [flags] IMAGE",
		Short:   "Show how an image was made",
		Long:    "Lists the steps an image was made by, the latest first. What is not known of a step is <missing>.",
		Example: fmt.Sprintf("  %[1]s nginx\n  %[1]s --no-trunc --format \"{{.CreatedBy}}\" nginx", command),
		Args:    exactArgs(1, "the name or ID of one image"),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := a.engine()
			if err != nil {
				return err
			}
			steps, err := e.Images().History(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			rows := make([]historyRow, len(steps))
			for i, s := range steps {
				rows[i] = historyRow{s, a.now(), l.noTrunc, human}
			}
			if l.quiet {
				for _, r := range rows {
					fmt.Fprintln(a.out, r.ID())
				}
				return nil
			}
			return output.Print(a.out, l.list("{{.ID}}\t{{.Created}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}", nil), steps, rows)
		},
		ValidArgsFunction: a.completeImages,
	}
	f := cmd.Flags()
	f.StringVar(&l.format, "format", "", "print as json, or by a Go `template`")
	f.BoolVar(&l.noTrunc, "no-trunc", false, "do not shorten IDs and commands")
	f.BoolVarP(&l.quiet, "quiet", "q", false, "print IDs only")
	f.BoolVarP(&human, "human", "H", true, "print times in words")
	return cmd
}
