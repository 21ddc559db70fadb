package output

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
	"text/template"
	"text/template/parse"
)

// List prints rows of one kind.
type List struct {
	// Table is the template of a row of the command's own table, its columns
	// divided by tabs: "{{.ID}}\t{{.Names}}".
	Table string
	// Headings are the column headings by field name, where they are not the
	// name itself in upper case with blanks ("ImageName" → "IMAGE NAME").
	Headings map[string]string
	// Format is the user's --format.
	Format Format
	// NoHeading leaves the headings out.
	NoHeading bool
}

// Print writes rows as l.Format says. data is what JSON is made of, rows what
// templates see; both list the same things in the same order.
func Print[T, R any](w io.Writer, l List, data []T, rows []R) error {
	if l.Format.IsJSON() {
		if data == nil {
			data = []T{}
		}
		return JSON(w, data)
	}
	text := l.Table
	if l.Format.given {
		text = l.Format.text
	}
	perList := strings.Contains(text, "{{range") || strings.Contains(text, "{{ range")
	t, err := parseTemplate(text)
	if err != nil {
		return err
	}
	buffer := bufio.NewWriter(w) // a table is written cell by cell
	out := io.Writer(buffer)
	table := l.Format.kind == kindTable
	var tw *tabwriter.Writer
	if table || strings.Contains(text, "\t") {
		tw = tabwriter.NewWriter(buffer, 12, 2, 2, ' ', 0)
		out = tw
	}
	if table && !l.NoHeading {
		if _, err := fmt.Fprintln(out, l.heading(t)); err != nil {
			return err
		}
	}
	if table { // for people; what scripts ask for they get as it is
		out = printer{out}
	}
	if err := execute(out, t, rows, perList); err != nil {
		return err
	}
	if tw != nil {
		if err := tw.Flush(); err != nil {
			return err
		}
	}
	return buffer.Flush()
}

func execute[R any](out io.Writer, t *template.Template, rows []R, perList bool) error {
	if perList {
		if err := t.Execute(out, rows); err != nil {
			return templateError(err)
		}
		_, err := fmt.Fprintln(out)
		return err
	}
	var line bytes.Buffer
	for i := range rows {
		line.Reset()
		// The row itself: of a copy, each field asked for would make another.
		if err := t.Execute(&line, reflect.ValueOf(&rows[i]).Elem()); err != nil {
			return templateError(err)
		}
		line.WriteByte('\n')
		if _, err := out.Write(line.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// printer writes text, whole characters at a time, as PrintableLines.
type printer struct{ to io.Writer }

func (p printer) Write(text []byte) (int, error) {
	if _, err := io.WriteString(p.to, PrintableLines(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// heading is the row of headings: the template's text, with each action
// replaced by the heading of the first field it names.
func (l List) heading(t *template.Template) string {
	var b strings.Builder
	for _, node := range t.Root.Nodes {
		if text, ok := node.(*parse.TextNode); ok {
			b.Write(text.Text)
			continue
		}
		if field := firstField(node); field != "" {
			b.WriteString(l.headingOf(field))
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

func (l List) headingOf(field string) string {
	if h, ok := l.Headings[field]; ok {
		return h
	}
	return spaced(field)
}

// firstField is the last name of the first field chain below node.
func firstField(node parse.Node) string {
	switch n := node.(type) {
	case *parse.ActionNode:
		return firstField(n.Pipe)
	case *parse.IfNode:
		return firstOf(n.Pipe, n.List)
	case *parse.RangeNode:
		return firstField(n.Pipe)
	case *parse.WithNode:
		return firstField(n.Pipe)
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			if f := firstField(c); f != "" {
				return f
			}
		}
	case *parse.CommandNode:
		for _, a := range n.Args {
			if f := firstField(a); f != "" {
				return f
			}
		}
	case *parse.FieldNode:
		return n.Ident[len(n.Ident)-1]
	case *parse.ChainNode:
		return n.Field[len(n.Field)-1]
	}
	return ""
}

func firstOf(pipe *parse.PipeNode, list *parse.ListNode) string {
	if f := firstField(pipe); f != "" {
		return f
	}
	for _, n := range list.Nodes {
		if f := firstField(n); f != "" {
			return f
		}
	}
	return ""
}

// spaced is "ImageName" as "IMAGE NAME"; a run of capitals is one word.
func spaced(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' && (name[i-1] < 'A' || name[i-1] > 'Z') {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return strings.ToUpper(b.String())
}
