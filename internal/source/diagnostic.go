package source

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Pos is a place in a file. Line and Col count from 1; 0 means unknown.
type Pos struct {
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	Col  int    `json:"column,omitempty"`
}

// String is "file:line:col", without what is unknown.
func (p Pos) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Col == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Diagnostic is one problem at one place.
type Diagnostic struct {
	Pos
	Field   string `json:"field,omitempty"` // "spec.containers[0].image"; empty when it is about the whole
	Message string `json:"message"`         // what is wrong and what to do, one line
	Warning bool   `json:"warning,omitempty"`
	// Harmless says of a warning that nothing is lost: it is for those who ask.
	Harmless bool `json:"harmless,omitempty"`
}

// Error is "file:line:col: field: message".
func (d Diagnostic) Error() string {
	var b strings.Builder
	if at := d.Pos.String(); at != "" {
		b.WriteString(at + ": ")
	}
	if d.Field != "" {
		b.WriteString(d.Field + ": ")
	}
	b.WriteString(d.Message)
	return b.String()
}

// Diagnostics is everything found wrong, one problem a line.
type Diagnostics []Diagnostic

// Error lists every diagnostic on a line of its own.
func (ds Diagnostics) Error() string {
	lines := make([]string, len(ds))
	for i, d := range ds {
		lines[i] = d.Error()
	}
	return strings.Join(lines, "\n")
}

// Err is the errors among ds, ordered by place, or nil if all are warnings.
func (ds Diagnostics) Err() error {
	errs := ds.filter(false)
	if len(errs) == 0 {
		return nil
	}
	return errs
}

// Warnings is the warnings among ds, ordered by place.
func (ds Diagnostics) Warnings() Diagnostics { return ds.filter(true) }

func (ds Diagnostics) filter(warning bool) Diagnostics {
	var out Diagnostics
	for _, d := range ds {
		if d.Warning == warning {
			out = append(out, d)
		}
	}
	slices.SortStableFunc(out, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return out
}
