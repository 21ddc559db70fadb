package kube

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fieldsDoc is generated from the support table.
const fieldsDoc = "../docs/fields.md"

func TestDocsListTheFieldsAsTheyAre(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`# Fields

What berth does with each field of the objects it runs. It is written from the table the decoder itself goes by:
` + "`go test ./kube -run Docs -update`" + ` writes it anew.

* **honoured**: it has its effect.
* **harmless**: accepted, and without effect on one host; ` + "`berth kube play -v` and `berth status -v`" + ` name it.
* **refused**: an object that sets it (to anything but the value in the note) is refused, with file, line and column. Nothing is dropped silently.
`)
	kind := ""
	for _, f := range Fields() {
		if f.Kind != kind {
			kind = f.Kind
			fmt.Fprintf(&b, "\n## %s\n\n| field | | |\n|---|---|---|\n", kind)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.Path, f.Support, strings.ReplaceAll(f.Note, "|", "\\|"))
	}
	if update := flag.Lookup("update"); update != nil && update.Value.String() == "true" {
		if err := os.WriteFile(fieldsDoc, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(fieldsDoc)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s is out of date (run with -update):\n%s", fieldsDoc, diff)
	}
}
