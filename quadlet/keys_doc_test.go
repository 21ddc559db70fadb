package quadlet

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// keysDoc is written from testdata/quadlet.md and the table of keys.
const keysDoc = "../docs/quadlet.md"

//go:embed testdata/quadlet.md
var keysDocHead string

func TestDocsListTheKeysAsTheyAre(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(keysDocHead)
	sections := map[string][]Key{}
	for _, k := range Keys() {
		sections[k.Section] = append(sections[k.Section], k)
	}
	for _, section := range []string{"Container", "Pod", "Kube", "Network", "Volume", "Image", "Build", "Artifact", "Quadlet"} {
		keys := sections[section]
		slices.SortFunc(keys, func(a, b Key) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
		fmt.Fprintf(&b, "\n## [%s]\n\n| key | value | stands for | |\n|---|---|---|---|\n", section)
		for _, k := range keys {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Name, k.Value, standsFor(k), strings.ReplaceAll(k.Means, "|", "\\|"))
		}
	}
	if *update {
		if err := os.WriteFile(keysDoc, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(keysDoc)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s is out of date (run with -update):\n%s", keysDoc, diff)
	}
}

// standsFor is a key's option with the place of its value.
func standsFor(k Key) string {
	switch {
	case k.Option == "":
		return ""
	case k.Value == Bool:
		return "`" + k.Option + "`"
	case strings.HasSuffix(k.Option, "="), strings.HasSuffix(k.Option, ":"):
		return "`" + k.Option + "VALUE`"
	}
	return "`" + k.Option + " VALUE`"
}

// TestKeysAreWellFormed holds what reading the table relies on.
func TestKeysAreWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range Keys() {
		id := k.Section + "." + k.Name
		if seen[id] {
			t.Errorf("%s stands in the table twice", id)
		}
		seen[id] = true
		if k.Means == "" || strings.HasSuffix(k.Means, ".") {
			t.Errorf("%s: what it means is to be a phrase: %q", id, k.Means)
		}
		if k.put == nil && !strings.HasPrefix(k.Option, "-") {
			t.Errorf("%s stands for no option and has no function", id)
		}
	}
}
