package output

import "strings"

// Format is what --format asks for. The zero value is the command's own table.
type Format struct {
	text  string
	kind  kind
	given bool
}

type kind int

const (
	kindTable kind = iota // rows below column headings
	kindPlain             // rows only
	kindJSON
)

// ParseFormat reads a --format value. Besides templates it may be "json" (or
// "{{json .}}"), or "table" followed by a template, which adds headings and
// aligns columns. \t and \n stand for tab and newline, since shells pass them
// on as they are written.
func ParseFormat(text string) Format {
	f := Format{given: text != ""}
	trimmed := strings.TrimLeft(text, " ")
	switch {
	case !f.given:
	case isJSON(text):
		f.kind = kindJSON
	case trimmed == "table":
		f.given = false
	case strings.HasPrefix(trimmed, "table "):
		f.text = outsideActions(unescape(strings.TrimLeft(trimmed[len("table "):], " ")), spacesToTabs)
	default:
		f.kind, f.text = kindPlain, unescape(text)
	}
	return f
}

// IsJSON reports whether JSON was asked for.
func (f Format) IsJSON() bool { return f.kind == kindJSON }

// Given reports whether the user asked for anything but the command's own table.
func (f Format) Given() bool { return f.given }

// Mentions reports whether a template names the field, so that what is
// expensive is only looked up when somebody wants to see it.
func (f Format) Mentions(field string) bool {
	return f.kind != kindJSON && strings.Contains(f.text, "."+field)
}

func unescape(s string) string {
	return outsideActions(s, strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace)
}

func spacesToTabs(s string) string {
	// Columns of a table are divided by tabs; podman takes blanks for the same.
	var b strings.Builder
	for i, r := range s {
		switch {
		case r != ' ':
			b.WriteRune(r)
		case i == 0 || s[i-1] != ' ':
			b.WriteByte('\t')
		}
	}
	return b.String()
}

func isJSON(text string) bool {
	switch strings.ReplaceAll(text, " ", "") {
	case "json", "{{json.}}", "{{json}}":
		return true
	}
	return false
}

// outsideActions changes the text of a template between its {{actions}}.
func outsideActions(s string, change func(string) string) string {
	var b strings.Builder
	for {
		open := strings.Index(s, "{{")
		if open < 0 {
			return b.String() + change(s)
		}
		end := strings.Index(s[open:], "}}")
		if end < 0 {
			return b.String() + change(s[:open]) + s[open:]
		}
		b.WriteString(change(s[:open]))
		b.WriteString(s[open : open+end+2])
		s = s[open+end+2:]
	}
}
