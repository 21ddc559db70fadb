package translate

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"berth/kube"
)

var update = flag.Bool("update", false, "rewrite what the golden files expect")

// testHost is the host of all golden files.
var testHost = Host{NodeName: "node1", CPUs: 4000, Memory: 8 << 30}

// TestGolden translates the *.yaml files of each archive, with options.json if
// there is one, and compares with pods.json and problems.txt.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { golden(t, path) })
	}
}

func golden(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	set, options := readArchive(t, archive)
	result := Pods(set, testHost, options)
	if again := Pods(set, testHost, options); cmp.Diff(result, again) != "" {
		t.Errorf("the same input gives different pods")
	}
	_, more := Volumes(set)
	result.Diagnostics = dedupe(append(result.Diagnostics, more...))
	got := map[string][]byte{"pods.json": podsJSON(t, result), "problems.txt": problems(result)}
	if *update {
		archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { _, ours := got[f.Name]; return ours })
		for _, name := range []string{"problems.txt", "pods.json"} {
			if len(got[name]) > 0 {
				archive.Files = append(archive.Files, txtar.File{Name: name, Data: got[name]})
			}
		}
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{}
	for _, f := range archive.Files {
		want[f.Name] = string(f.Data)
	}
	for name, data := range got {
		if diff := cmp.Diff(want[name], string(data)); diff != "" {
			t.Errorf("%s (-want +got, run with -update if this is right):\n%s", name, diff)
		}
	}
}

func readArchive(t *testing.T, archive *txtar.Archive) (*kube.Set, Options) {
	t.Helper()
	set, options := &kube.Set{}, Options{}
	var assigned *Options
	for _, f := range archive.Files {
		switch {
		case strings.HasSuffix(f.Name, ".yaml"):
			objects, ds := kube.Decode(f.Name, f.Data)
			if err := ds.Err(); err != nil {
				t.Fatal(err)
			}
			set.Objects = append(set.Objects, objects...)
		case f.Name == "options.json": // of a watched folder: none of its own
			unmarshal(t, f.Data, &options)
		case f.Name == "play.json": // as `kube play` gives them
			assigned = &Options{}
			unmarshal(t, f.Data, assigned)
		}
	}
	for _, o := range set.Objects {
		o.Owner = "folder:/manifests"
	}
	if assigned != nil {
		if err := Assign(*assigned, set.Objects); err != nil {
			t.Fatal(err)
		}
	}
	return set, options
}

func unmarshal(t *testing.T, data []byte, into *Options) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
}

func podsJSON(t *testing.T, result Result) []byte {
	t.Helper()
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	for _, p := range result.Pods {
		if err := e.Encode(p); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

func problems(result Result) []byte {
	var lines []string
	for _, d := range result.Diagnostics {
		kind := "error: "
		if d.Warning {
			kind = "warning: "
		}
		lines = append(lines, kind+d.Error()+"\n")
	}
	for _, k := range result.Broken {
		lines = append(lines, "broken: "+k.String()+"\n")
	}
	for _, p := range result.Lacking {
		for _, c := range p.All() {
			if c.Lacks != "" {
				lines = append(lines, "lacking: "+p.Key().String()+" "+c.Name+": "+c.Lacks+"\n")
			}
		}
		for _, v := range p.Volumes {
			if v.Lacks != "" {
				lines = append(lines, "lacking: "+p.Key().String()+": "+v.Lacks+"\n")
			}
		}
	}
	return []byte(strings.Join(lines, ""))
}
