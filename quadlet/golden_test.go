package quadlet

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the wanted output in testdata, and docs/quadlet.md")

// TestGolden converts the unit files of each archive in testdata and compares
// what came of them with the archive's last file, "want": services, links, then
// problems. An archive whose comment begins with "user" is of a user's systemd.
// -update rewrites it.
func TestGolden(t *testing.T) {
	for _, name := range archives(t) {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive := read(t, name)
			want := ""
			if last := len(archive.Files) - 1; archive.Files[last].Name == "want" {
				want = string(archive.Files[last].Data)
				archive.Files = archive.Files[:last]
			}
			got := converted(Convert(inputs(archive), Options{Program: "/usr/bin/berth", User: strings.HasPrefix(string(archive.Comment), "user"), Host: testHost{}}))
			if *update {
				archive.Files = append(archive.Files, txtar.File{Name: "want", Data: []byte(got)})
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestEveryKeyHasACase fails on a key that no golden case sets.
func TestEveryKeyHasACase(t *testing.T) {
	set := map[string]bool{}
	for _, name := range archives(t) {
		for _, in := range inputs(read(t, name)) {
			f, _ := Parse(in.Name, in.Path, in.Data)
			for _, s := range f.Sections {
				for _, l := range s.Lines {
					set[s.Name+"."+l.Key] = true
				}
			}
		}
	}
	for _, k := range Keys() {
		if !set[k.Section+"."+k.Name] {
			t.Errorf("no case in testdata sets [%s] %s=", k.Section, k.Name)
		}
	}
}

func archives(t testing.TB) []string {
	t.Helper()
	all, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(all) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	return all
}

func read(t testing.TB, name string) *txtar.Archive {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

// inputs are the unit files of an archive, which lie in /q, with their drop-ins.
func inputs(a *txtar.Archive) []Input {
	var all []Input
	dropIns := map[string][]DropIn{}
	for _, f := range a.Files {
		dir, name := path.Split(f.Name)
		switch {
		case dir != "":
			dropIns[path.Clean(dir)] = append(dropIns[path.Clean(dir)], DropIn{Name: name, Path: "/q/" + f.Name, Data: f.Data})
		case name != "want":
			all = append(all, Input{Name: name, Path: "/q/" + name, Data: f.Data})
		}
	}
	for i := range all {
		n, _ := ParseName(all[i].Name)
		for _, dir := range n.DropInDirs() {
			for _, d := range dropIns[dir] {
				if !slices.ContainsFunc(all[i].DropIns, func(have DropIn) bool { return have.Name == d.Name }) {
					all[i].DropIns = append(all[i].DropIns, d)
				}
			}
		}
		slices.SortFunc(all[i].DropIns, func(a, b DropIn) int { return cmp.Compare(a.Name, b.Name) })
	}
	return all
}

// converted is what came of unit files, as text.
func converted(results []Result) string {
	var b strings.Builder
	for _, r := range results {
		if r.Unit != nil {
			fmt.Fprintf(&b, "==== %s: %s\n%s", r.Name, r.Unit.Service, strings.TrimPrefix(string(r.Unit.Text()), header))
			for _, l := range r.Unit.Links {
				fmt.Fprintf(&b, "%s -> %s\n", l.Path, l.Target)
			}
			for _, d := range r.Unit.Upholds {
				fmt.Fprintf(&b, "%s: %q\n", d.Path, d.Data)
			}
		}
	}
	for _, r := range results {
		for _, p := range r.Problems {
			word := "error"
			if p.Warning {
				word = "warning"
			}
			fmt.Fprintf(&b, "%s: %v\n", word, p)
		}
	}
	return b.String()
}

// testHost has /dev/fuse, and root with its group.
type testHost struct{}

func (testHost) Exists(path string) bool { return path == "/dev/fuse" }

func (testHost) UserID(name string) (uint32, error) {
	ids := map[string]uint32{"root": 0, "1000": 1000}
	if id, ok := ids[name]; ok {
		return id, nil
	}
	return 0, errors.New("no such user")
}

func (h testHost) GroupID(name string) (uint32, error) { return h.UserID(name) }
