package image

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSaveAndLoad(t *testing.T) {
	ctx := context.Background()
	from := testStore(t)
	load(t, from, simple("one"), simple("quay.io/t/two:2"))
	if err := from.Tag(ctx, "one", "one:also"); err != nil {
		t.Fatal(err)
	}
	one, err := from.Lookup(ctx, "one")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		format Format
		images []string
		loaded []string
	}{
		{"several images in a Docker archive", FormatDockerArchive, []string{"one", "quay.io/t/two:2", "one:also"}, []string{"localhost/one:also", "localhost/one:latest", "quay.io/t/two:2"}},
		{"several in an OCI archive", FormatOCIArchive, []string{"one", "one:also", "quay.io/t/two:2"}, []string{"localhost/one:also", "localhost/one:latest", "quay.io/t/two:2"}},
		{"an OCI folder", FormatOCIDir, []string{"one"}, []string{"localhost/one:latest"}},
		{"by ID: no name", FormatDockerArchive, []string{one.ID[:12]}, []string{"sha256:" + one.ID}},
		{"by the end of its name", FormatOCIArchive, []string{"t/two:2"}, []string{"quay.io/t/two:2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a:b")
			if err := from.Save(ctx, Target{Format: test.format, Path: path}, test.images...); err != nil {
				t.Fatal(err)
			}
			if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
				t.Errorf("more than the target was left: %v", entries)
			}
			to := testStore(t)
			names, err := to.Load(ctx, Source{Path: path})
			slices.Sort(names)
			if err != nil || !slices.Equal(names, test.loaded) {
				t.Errorf("loaded %v, %v; want %v", names, err, test.loaded)
			}
			list, err := to.List(ctx, true)
			if err != nil || len(list) == 0 || list[0].Labels["made-by"] != "test" {
				t.Errorf("list %+v, %v", list, err)
			}
			noScratch(t)
		})
	}
}

func TestLoadAStream(t *testing.T) {
	ctx := context.Background()
	from := testStore(t)
	load(t, from, simple("one"))
	for _, format := range []Format{FormatOCIArchive, FormatDockerArchive} {
		var plain, packed bytes.Buffer
		if err := from.Save(ctx, Target{Format: format, To: &plain}, "one"); err != nil {
			t.Fatal(err)
		}
		gz := gzip.NewWriter(&packed)
		if _, err := gz.Write(plain.Bytes()); err != nil {
			t.Fatal(err)
		}
		if err := gz.Close(); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "x.tar.gz")
		if err := os.WriteFile(file, packed.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		for name, source := range map[string]Source{"plain": {From: &plain}, "compressed": {From: &packed}, "a compressed file": {Path: file}} {
			to := testStore(t)
			names, err := to.Load(ctx, source)
			if err != nil || !slices.Equal(names, []string{"localhost/one:latest"}) {
				t.Errorf("%s, %s: %v, %v", format, name, names, err)
			}
			noScratch(t)
		}
	}
}

func TestSaveRefuses(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	load(t, s, simple("one"), simple("two"))
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine"), []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	precious := filepath.Join(full, "mine")
	for _, test := range []struct {
		name   string
		target Target
		images []string
		err    string
	}{
		{"an unknown image", Target{Format: FormatOCIArchive, Path: precious}, []string{"three"}, "not known"},
		{"an unknown format", Target{Format: "zip", Path: precious}, []string{"one"}, "unknown format"},
		{"a folder with something in it", Target{Format: FormatOCIDir, Path: full}, []string{"one"}, "not empty"},
		{"two images in a Docker folder", Target{Format: FormatDockerDir, Path: full + "/x"}, []string{"one", "two"}, "holds one image"},
		{"a folder to a stream", Target{Format: FormatOCIDir, To: &bytes.Buffer{}}, []string{"one"}, "needs a path"},
	} {
		if err := s.Save(ctx, test.target, test.images...); err == nil || !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Save(ended, Target{Format: FormatDockerArchive, Path: precious}, "one"); err == nil {
		t.Error("saved with an ended context")
	}
	if data, err := os.ReadFile(precious); err != nil || string(data) != "precious" {
		t.Errorf("the old file: %q, %v", data, err)
	}
	if entries, _ := os.ReadDir(full); len(entries) != 1 {
		t.Errorf("left: %v", entries)
	}
}
