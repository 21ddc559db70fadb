package kube

import (
	"bytes"
	"path/filepath"
	"testing"

	"golang.org/x/tools/txtar"
)

// FuzzDecode feeds anything to Decode. It must not panic, must tell a bounded
// number of problems, must refuse what it returns nothing of, and what it does
// return must survive being written and read again.
func FuzzDecode(f *testing.F) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if file.Name != "want" {
				f.Add(file.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		objects, ds := Decode("fuzz.yaml", data)
		if len(ds) > 2*maxProblems+1 {
			t.Errorf("%d diagnostics", len(ds))
		}
		if len(objects) == 0 && ds.Err() == nil && !bytes.Contains(data, []byte("items")) {
			t.Error("neither an object nor an error")
		}
		for _, d := range ds {
			if d.File != "fuzz.yaml" || d.Message == "" || len(d.Error()) > 3000 {
				t.Errorf("bad diagnostic %q", d)
			}
		}
		for _, o := range objects {
			if o.Name == "" || o.Pos.Line == 0 {
				t.Errorf("%s has no name or no place", o.Key())
			}
			checkRoundTrip(t, o)
		}
	})
}
