package cmd

import (
	"github.com/spf13/cobra"

	"berth/cmd/output"
)

// listing is the flags every list has.
type listing struct {
	format, sort              string
	filters                   []string
	quiet, noTrunc, noHeading bool
}

// register adds the flags; shorthand is that of --noheading, "" for none.
func (l *listing) register(cmd *cobra.Command, shorthand string) {
	f := cmd.Flags()
	f.StringVar(&l.format, "format", "", "print as json, or by a Go `template`; \"table …\" adds headings")
	f.StringArrayVarP(&l.filters, "filter", "f", nil, "list only what matches (`key=value`); values of one key are alternatives")
	f.BoolVarP(&l.quiet, "quiet", "q", false, "print IDs only")
	f.BoolVar(&l.noTrunc, "no-trunc", false, "do not shorten IDs and commands")
	f.BoolVarP(&l.noHeading, "noheading", shorthand, false, "leave the headings out")
}

// sortable adds --sort.
func (l *listing) sortable(cmd *cobra.Command, preset string, keys []string) {
	cmd.Flags().Var(newChoice(&l.sort, preset, keys), "sort", "sort by "+orList(keys))
	complete(cmd, "sort", keys...)
}

// list is how the rows are to be printed.
func (l *listing) list(table string, headings map[string]string) output.List {
	return output.List{Table: table, Headings: headings, Format: output.ParseFormat(l.format), NoHeading: l.noHeading}
}
