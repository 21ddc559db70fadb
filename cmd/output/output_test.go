package output

import (
	"strings"
	"testing"
	"time"
)

type row struct {
	ID     string
	Name   string
	Labels map[string]string
}

func (r row) Label(k string) string { return r.Labels[k] }

func rows() []row {
	return []row{
		{"0123456789ab", "web", map[string]string{"app": "shop"}},
		{"ba9876543210", "a-much-longer-name", nil},
	}
}

func print(t *testing.T, format string, noHeading bool) string {
	t.Helper()
	var b strings.Builder
	l := List{
		Table:     "{{.ID}}\t{{.Name}}",
		Headings:  map[string]string{"ID": "CONTAINER ID", "Name": "NAMES"},
		Format:    ParseFormat(format),
		NoHeading: noHeading,
	}
	if err := Print(&b, l, rows(), rows()); err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return b.String()
}

func TestFormats(t *testing.T) {
	const table = "CONTAINER ID  NAMES\n0123456789ab  web\nba9876543210  a-much-longer-name\n"
	for format, want := range map[string]string{
		"":                                    table,
		"table":                               table,
		"{{.ID}}":                             "0123456789ab\nba9876543210\n",
		`{{.Name}}\t{{.ID}}`:                  "web                 0123456789ab\na-much-longer-name  ba9876543210\n",
		`table {{.ID}}\t{{.Name}}`:            table,
		"table {{.ID}} {{.Name}}":             table,
		"table {{ .ID }}  {{ .Name }}":        table,
		`{{.Name}}\n{{.ID}}`:                  "web\n0123456789ab\na-much-longer-name\nba9876543210\n",
		`{{range .}}{{.Name}},{{end}}`:        "web,a-much-longer-name,\n",
		`{{.Label "app"}}|`:                   "shop|\n|\n",
		`table {{.Name | upper}}`:             "NAMES\nWEB\nA-MUCH-LONGER-NAME\n",
		`table {{if .Labels}}yes{{end}}`:      "LABELS\nyes\n\n",
		`{{truncate .Name 3}}`:                "web\na-m\n",
		`{{json .Labels}}`:                    "{\"app\":\"shop\"}\nnull\n",
		`{{join (split .Name "-") " "}} done`: "web done\na much longer name done\n",
	} {
		if got := print(t, format, false); got != want {
			t.Errorf("--format %q:\n%s\nwant\n%s", format, got, want)
		}
	}
	if got := print(t, "", true); strings.Contains(got, "NAMES") {
		t.Errorf("--noheading printed headings: %s", got)
	}
}

func TestJSONFormats(t *testing.T) {
	for _, format := range []string{"json", "{{json .}}", " {{ json . }}"} {
		got := print(t, format, false)
		if !strings.HasPrefix(got, "[\n  {\n    \"ID\": \"0123456789ab\"") {
			t.Errorf("--format %q: %s", format, got)
		}
	}
	var b strings.Builder
	if err := Print(&b, List{Format: ParseFormat("json")}, []row(nil), []row(nil)); err != nil || b.String() != "[]\n" {
		t.Errorf("nothing as JSON is %q, %v; want []", b.String(), err)
	}
}

func TestTemplateErrorsNameTheFlag(t *testing.T) {
	for _, format := range []string{"{{.ID", "{{.Nothing}}", "{{nofunction .ID}}"} {
		var b strings.Builder
		err := Print(&b, List{Format: ParseFormat(format)}, rows(), rows())
		if err == nil || !strings.HasPrefix(err.Error(), "--format: ") {
			t.Errorf("--format %q: error %v", format, err)
		}
	}
}

func TestObjects(t *testing.T) {
	var b strings.Builder
	if err := Objects(&b, ParseFormat("{{.Name}}"), rows()); err != nil || b.String() != "web\na-much-longer-name\n" {
		t.Errorf("template: %q, %v", b.String(), err)
	}
	b.Reset()
	if err := Objects(&b, ParseFormat(""), []row{}); err != nil || b.String() != "[]\n" {
		t.Errorf("nothing: %q, %v", b.String(), err)
	}
	b.Reset()
	if err := Objects(&b, ParseFormat("{{.Id}}{{if .Id}} {{.Name}}{{end}}"), rows()[:1]); err != nil || b.String() != "0123456789ab web\n" {
		t.Errorf("ID spelt as in JSON: %q, %v", b.String(), err)
	}
	b.Reset()
	if err := Object(&b, ParseFormat("{{.A}}"), struct{ A string }{"<&>"}); err != nil || b.String() != "<&>\n" {
		t.Errorf("object: %q, %v", b.String(), err)
	}
}

func TestText(t *testing.T) {
	now := time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		-time.Second:           "Less than a second ago",
		0:                      "Less than a second ago",
		time.Second:            "1 second ago",
		5 * time.Second:        "5 seconds ago",
		70 * time.Second:       "About a minute ago",
		3 * time.Minute:        "3 minutes ago",
		65 * time.Minute:       "About an hour ago",
		26 * time.Hour:         "26 hours ago",
		15 * 24 * time.Hour:    "2 weeks ago",
		1000 * 24 * time.Hour:  "2 years ago",
		100 * 24 * time.Hour:   "3 months ago",
		49 * time.Hour:         "2 days ago",
		36*time.Hour + 1:       "36 hours ago",
		59*time.Minute + 59e9:  "59 minutes ago",
		44*time.Second + 300e6: "44 seconds ago",
	} {
		if got := Ago(now, now.Add(-d)); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	if got := Ago(now, time.Time{}); got != "" {
		t.Errorf("never: %q", got)
	}
	for bytes, want := range map[int64]string{0: "0 B", 999: "999 B", 5830000: "5.83 MB", 331000000: "331 MB"} {
		if got := Size(bytes); got != want {
			t.Errorf("Size(%d) = %q, want %q", bytes, got, want)
		}
	}
	if got := Percent(1, 3); got != 33 {
		t.Errorf("Percent = %d", got)
	}
	if got := Percent(1, 0); got != 0 {
		t.Errorf("Percent of nothing = %d", got)
	}
	for text, want := range map[string]string{"/bin/sh -c sleep 1000000": "/bin/sh -c sleep ...", "für ein größeres Bild": "für ein gr..."} {
		if got := Elide(text, len(want)-len("...")+strings.Count(want, "gr...")); got != want {
			t.Errorf("Elide = %q, want %q", got, want)
		}
	}
}

// What a container or a registry made up must not move the cursor, set a title, or
// answer for the person at the terminal.
func TestTerminalsAreNotObeyedByMadeUpText(t *testing.T) {
	const evil = "a\x1b]0;title\a b\tc\r\nd\x7f \u009b31m \u202egnp \xff größer"
	if got, want := Printable(evil), "a?]0;title? b?c??d? ?31m ?gnp \ufffd größer"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := PrintableLines(evil), "a?]0;title? b\tc?\nd? ?31m ?gnp \ufffd größer"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	rows := []struct{ A string }{{"\x1b[31m"}}
	for format, want := range map[string]string{"": "A\n?[31m\n", "table {{.A}}": "A\n?[31m\n", "{{.A}}": "\x1b[31m\n"} {
		var b strings.Builder
		if err := Print(&b, List{Table: "{{.A}}", Format: ParseFormat(format)}, rows, rows); err != nil || b.String() != want {
			t.Errorf("%q: %q, %v", format, b.String(), err)
		}
	}
}
