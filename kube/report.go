package kube

import (
	"fmt"
	"unicode/utf8"

	"berth/internal/source"
)

// report collects what is wrong with one file.
type report struct {
	file                    string
	diags                   source.Diagnostics
	errors, warnings, notes int
}

func (r *report) add(d source.Diagnostic) {
	count := &r.errors
	switch {
	case d.Harmless:
		count = &r.notes
	case d.Warning:
		count = &r.warnings
	}
	*count++
	if *count > maxProblems {
		return
	}
	d.File = r.file
	d.Field = shorten(d.Field, 300)
	r.diags = append(r.diags, d)
}

// errorf reports an error at a place that belongs to no field.
func (r *report) errorf(line, col int, format string, args ...any) {
	if r.errors >= maxProblems {
		r.errors++
		return
	}
	r.add(source.Diagnostic{Pos: source.Pos{Line: line, Col: col}, Message: fmt.Sprintf(format, args...)})
}

// all is everything reported, with a last word about what was too much.
func (r *report) all() source.Diagnostics {
	if more := r.errors - maxProblems; more > 0 {
		r.diags = append(r.diags, source.Diagnostic{
			Pos: source.Pos{File: r.file}, Message: fmt.Sprintf("%d more problems are not shown", more),
		})
	}
	return r.diags
}

// shorten cuts s to about n bytes.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// quote is s in quotes, short and on one line.
func quote(s string) string { return fmt.Sprintf("%q", shorten(s, 60)) }

// warnf reports a warning at a place that belongs to no field.
func (r *report) warnf(line, col int, format string, args ...any) {
	if r.warnings >= maxProblems {
		return
	}
	r.add(source.Diagnostic{Pos: source.Pos{Line: line, Col: col}, Message: fmt.Sprintf(format, args...), Warning: true})
}
