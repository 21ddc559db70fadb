package kubectl

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"berth/cmd/output"
)

// describer writes what kubectl describe does: names and values in columns,
// what belongs to a name indented below it.
type describer struct {
	w   *tabwriter.Writer
	now time.Time
}

func newDescriber(w io.Writer, now time.Time) *describer {
	return &describer{tabwriter.NewWriter(w, 0, 8, 2, ' ', 0), now}
}

// line writes a line so many levels deep; tabs divide its columns.
func (d *describer) line(level int, format string, args ...any) {
	text := fmt.Sprintf(strings.Repeat("  ", level)+format, args...)
	fmt.Fprintln(d.w, output.PrintableLines(text)) // an error shows at Flush
}

// pairs writes a map, "<none>" if it is empty, the first pair beside the name.
func (d *describer) pairs(level int, name, separator string, m map[string]string) {
	if len(m) == 0 {
		d.line(level, "%s:\t<none>", name)
		return
	}
	head := name + ":"
	for _, key := range slices.Sorted(maps.Keys(m)) {
		d.line(level, "%s\t%s%s%s", head, key, separator, m[key])
		head = ""
	}
}

// list writes a list, "<none>" if it is empty, each item below the other.
func (d *describer) list(level int, name string, items []string) {
	if len(items) == 0 {
		d.line(level, "%s:\t<none>", name)
		return
	}
	head := name + ":"
	for _, item := range items {
		d.line(level, "%s\t%s", head, item)
		head = ""
	}
}

// block writes items indented below a name.
func (d *describer) block(level int, name string, items []string) {
	d.line(level, "%s:", name)
	for _, item := range items {
		for line := range strings.SplitSeq(item, "\n") {
			d.line(level+1, "%s", line)
		}
	}
}
