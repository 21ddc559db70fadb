package kubectl

import (
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/duration"

	"berth/cmd/output"
)

// kubectl's columns: three blanks between them, six characters at least.
const (
	columnGap = 3
	columnMin = 6
)

// Table writes rows in columns. One that is written to again, by a watch,
// remembers how wide its columns were.
type Table struct {
	Out      io.Writer
	NoHeader bool

	widths []int
	headed bool
}

// Print writes rows below the headings, which are written once.
func (t *Table) Print(headings []string, rows [][]string) error {
	all := rows
	if !t.headed && !t.NoHeader {
		all = append([][]string{headings}, rows...)
	}
	t.headed = true
	for _, row := range all {
		for i, cell := range row {
			if i >= len(t.widths) {
				t.widths = append(t.widths, columnMin)
			}
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(cell)+columnGap)
		}
	}
	var b strings.Builder
	for _, row := range all {
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", t.widths[i]-utf8.RuneCountInString(cell)))
			}
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(t.Out, output.PrintableLines(b.String()))
	return err
}

// Age is how long ago t was: "5m", "3d2h". What a clock that was set back since
// has in the future is of now.
func Age(now, t time.Time) string {
	if t.IsZero() {
		return "<unknown>"
	}
	return duration.HumanDuration(max(now.Sub(t), 0))
}

// orNone is what kubectl says of nothing.
func orNone(s string) string {
	if s == "" {
		return "<none>"
	}
	return s
}
