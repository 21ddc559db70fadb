package kube

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"berth/internal/source"
)

var update = flag.Bool("update", false, "rewrite the wanted output in testdata")

// TestGolden decodes the files of each archive in testdata and compares what
// came of them with the archive's last file, "want": first the objects, then
// every problem. -update rewrites it.
func TestGolden(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			want := ""
			if last := len(archive.Files) - 1; archive.Files[last].Name == "want" {
				want = string(archive.Files[last].Data)
				archive.Files = archive.Files[:last]
			}
			got := decodeAll(t, archive.Files)
			if *update {
				archive.Files = append(archive.Files, txtar.File{Name: "want", Data: []byte(got)})
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// decodeAll is what comes of the files, as text.
func decodeAll(t *testing.T, files []txtar.File) string {
	t.Helper()
	var all []*Object
	var ds source.Diagnostics
	for _, f := range files {
		objects, problems := Decode(f.Name, f.Data)
		all = append(all, objects...)
		ds = append(ds, problems...)
	}
	ds = append(ds, Duplicates(all)...)
	var b strings.Builder
	for _, o := range all {
		b.WriteString(o.Key().String() + " at " + o.Pos.String() + "\n")
		checkRoundTrip(t, o)
	}
	if err := ds.Err(); err != nil {
		b.WriteString(err.Error() + "\n")
	}
	for _, w := range ds.Warnings() {
		word := "warning: "
		if w.Harmless {
			word = "note: "
		}
		b.WriteString(word + w.Error() + "\n")
	}
	return b.String()
}

// checkRoundTrip reads an object's canonical form back: nothing may change.
func checkRoundTrip(t *testing.T, o *Object) {
	t.Helper()
	data, err := o.JSON()
	if err != nil {
		t.Fatal(err)
	}
	again, ds := Decode("again.json", data)
	if err := ds.Err(); err != nil || len(again) != 1 {
		t.Fatalf("%s: canonical form cannot be read back: %v\n%s", o.Key(), err, data)
	}
	if diff := cmp.Diff(o.typed(), again[0].typed()); diff != "" {
		t.Errorf("%s changed:\n%s", o.Key(), diff)
	}
	second, err := again[0].JSON()
	if err != nil || string(second) != string(data) {
		t.Errorf("%s: canonical form is not stable: %v\n%s\n%s", o.Key(), err, data, second)
	}
	given, err := o.Given()
	if err != nil {
		t.Fatal(err)
	}
	again, ds = Decode("given.json", given)
	if err := ds.Err(); err != nil || len(again) != 1 {
		t.Fatalf("%s: what was given cannot be read again: %v\n%s", o.Key(), err, given)
	}
	if diff := cmp.Diff(o.typed(), again[0].typed()); diff != "" {
		t.Errorf("%s is another one when it is given again:\n%s", o.Key(), diff)
	}
	if third, err := again[0].Given(); err != nil || string(third) != string(given) {
		t.Errorf("%s: what was given is not stable: %v\n%s\n%s", o.Key(), err, given, third)
	}
}
