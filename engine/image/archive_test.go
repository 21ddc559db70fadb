package image

import (
	"archive/tar"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExtractLayoutTakesOnlyTheLayout(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "hostile.tar")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(f)
	for _, h := range []tar.Header{
		{Name: "../evil", Typeflag: tar.TypeReg, Mode: 0o644},
		{Name: "/evil", Typeflag: tar.TypeReg, Mode: 0o644},
		{Name: "blobs/../../evil", Typeflag: tar.TypeReg, Mode: 0o644},
		{Name: "blobs", Typeflag: tar.TypeSymlink, Linkname: dir},
		{Name: "blobs/sha256", Typeflag: tar.TypeSymlink, Linkname: dir},
		{Name: "blobs/sha256/link", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"},
		{Name: "blobs/sha256/abc", Typeflag: tar.TypeReg, Mode: 0o644},
		{Name: "./index.json", Typeflag: tar.TypeReg, Mode: 0o644},
		{Name: "other", Typeflag: tar.TypeReg, Mode: 0o644},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	if err := extractLayout(context.Background(), file, out); err != nil {
		t.Fatal(err)
	}
	var got []string
	err = filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			got = append(got, strings.TrimPrefix(path, dir))
		}
		return err
	})
	if want := "/hostile.tar /out/blobs/sha256/abc /out/index.json"; err != nil || strings.Join(got, " ") != want {
		t.Errorf("files %v, %v; want %s", got, err, want)
	}
}

func TestExtractLayoutRefusesAHugeIndex(t *testing.T) {
	file := filepath.Join(t.TempDir(), "huge.tar")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := tar.NewWriter(f).WriteHeader(&tar.Header{Name: "index.json", Typeflag: tar.TypeReg, Size: maxIndex + 1}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := extractLayout(context.Background(), file, t.TempDir()); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("error %v", err)
	}
}

func TestSweepTakesOnlyWhatNobodyHolds(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	alive, dead := New(Options{}), New(Options{})
	held, release, err := alive.scratch()
	if err != nil {
		t.Fatal(err)
	}
	stale, err := os.MkdirTemp(tempBase(), scratchPrefix)
	if err != nil {
		t.Fatal(err)
	}
	outside := t.TempDir()
	link := filepath.Join(tempBase(), scratchPrefix+"link")
	if err := os.Symlink(outside, link); err != nil {
		t.Fatal(err)
	}
	_, releaseOther, err := dead.scratch() // sweeps
	if err != nil {
		t.Fatal(err)
	}
	releaseOther()
	for path, want := range map[string]bool{held: true, stale: false, outside: true, link: true} {
		if _, err := os.Lstat(path); (err == nil) != want {
			t.Errorf("%s: there: %t, want %t", path, err == nil, want)
		}
	}
	release()
	if _, err := os.Lstat(held); err == nil {
		t.Error("released but there")
	}
}
