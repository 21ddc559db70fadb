package volume

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/testhost"
	"berth/internal/tree"
)

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func made(t *testing.T, s *Store, name string) Volume {
	t.Helper()
	v, err := s.Create(t.Context(), Volume{Name: name})
	must(t, err)
	return v
}

func TestWhatIsExportedIsImported(t *testing.T) {
	testhost.Need(t)
	s := NewStore(diskFolder(t), nil, nil)
	from, to := made(t, s, "from"), made(t, s, "to")
	in := func(path string) string { return filepath.Join(from.Mountpoint, path) }
	must(t, os.Chmod(from.Mountpoint, 0o2770), os.Chown(from.Mountpoint, 5, 6),
		os.MkdirAll(in("deep/er"), 0o755), os.WriteFile(in("deep/er/f"), []byte("content"), 0o600),
		os.Chown(in("deep/er/f"), 1000, 2000), os.Chmod(in("deep/er/f"), 0o4711),
		unix.Setxattr(in("deep/er/f"), "user.note", []byte("n\x00te"), 0),
		os.Link(in("deep/er/f"), in("hard")), os.Symlink("/etc/passwd", in("link")), os.Chown(in("deep"), 7, 8),
		unix.Mkfifo(in("pipe"), 0o640), unix.Mknod(in("gone"), unix.S_IFCHR, 0), os.WriteFile(in(".wh.f"), nil, 0o600),
		os.WriteFile(in("\xffodd\n"), []byte("x"), 0o600))
	var archived bytes.Buffer
	must(t, s.Export(t.Context(), from, &archived))
	must(t, os.WriteFile(filepath.Join(to.Mountpoint, "stays"), nil, 0o600), os.WriteFile(filepath.Join(to.Mountpoint, "deep"), nil, 0o600))
	must(t, s.Import(t.Context(), to, &archived))

	want := look(t, from.Mountpoint)
	want["stays"] = ""
	got := look(t, to.Mountpoint)
	got["stays"] = ""
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if got[path] != want[path] {
			t.Errorf("%q is %s\nwant %s", path, got[path], want[path])
		}
	}
	if len(got) != len(want) {
		t.Errorf("there are %d files, want %d", len(got), len(want))
	}
	one, _ := os.Stat(filepath.Join(to.Mountpoint, "hard"))
	other, _ := os.Stat(filepath.Join(to.Mountpoint, "deep/er/f"))
	if !os.SameFile(one, other) {
		t.Error("two names of one file became two files")
	}
}

// diskFolder is on a file system that keeps attributes.
func diskFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/lib/berth", "test-")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// look is all there is to see of the files below dir.
func look(t *testing.T, dir string) map[string]string {
	t.Helper()
	seen := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		var b strings.Builder
		name, _ := filepath.Rel(dir, path)
		note := make([]byte, 100)
		n, _ := unix.Lgetxattr(path, "user.note", note)
		target, _ := os.Readlink(path)
		data := ""
		if d.Type().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			data = string(content)
		}
		parts := []any{d.Type(), st.Mode, st.Uid, st.Gid, st.Rdev, st.Mtim, target, data, string(note[:max(n, 0)])}
		for _, part := range parts {
			b.WriteString(strings.TrimSpace(strings.ReplaceAll(fmt.Sprint(part), "\n", "")) + " ")
		}
		seen[name] = b.String()
		return nil
	}))
	return seen
}

func TestNothingInAnArchiveLeadsOutOfTheVolume(t *testing.T) {
	testhost.Need(t)
	dir := diskFolder(t)
	s := NewStore(filepath.Join(dir, "volumes"), nil, nil)
	outside := filepath.Join(dir, "outside")
	must(t, os.MkdirAll(outside, 0o755), os.WriteFile(filepath.Join(outside, "f"), []byte("untouched"), 0o600))
	for name, entries := range map[string][]tar.Header{
		"dots":           {{Name: "../../../outside/f", Typeflag: tar.TypeReg}},
		"an absolute":    {{Name: outside + "/f", Typeflag: tar.TypeReg}},
		"a symlink":      {{Name: "l", Linkname: outside, Typeflag: tar.TypeSymlink}, {Name: "l/f", Typeflag: tar.TypeReg}},
		"a far symlink":  {{Name: "l", Linkname: "../../../outside", Typeflag: tar.TypeSymlink}, {Name: "l/f", Typeflag: tar.TypeReg}},
		"a symlink file": {{Name: "l", Linkname: outside + "/f", Typeflag: tar.TypeSymlink}, {Name: "l", Typeflag: tar.TypeReg}},
		"a hard link":    {{Name: "h", Linkname: outside + "/f", Typeflag: tar.TypeLink}, {Name: "h", Typeflag: tar.TypeReg}},
		"a far link":     {{Name: "h", Linkname: "../../../outside/f", Typeflag: tar.TypeLink}, {Name: "h", Typeflag: tar.TypeReg}},
	} {
		v := made(t, s, strings.ReplaceAll(name, " ", "-"))
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, h := range entries {
			content := ""
			if h.Typeflag == tar.TypeReg {
				content = "written"
			}
			h.Size, h.Mode = int64(len(content)), 0o644
			must(t, w.WriteHeader(&h))
			_, err := io.WriteString(w, content)
			must(t, err)
		}
		must(t, w.Close())
		err := s.Import(t.Context(), v, &b)
		if got, _ := os.ReadFile(filepath.Join(outside, "f")); string(got) != "untouched" {
			t.Errorf("%s: %q was written out of the volume", name, got)
		}
		if left, _ := os.ReadDir(outside); len(left) != 1 {
			t.Errorf("%s: something was made out of the volume (%v)", name, err)
		}
	}
}

func TestAnExportFollowsNoSymlink(t *testing.T) {
	dir := t.TempDir()
	s := NewStore(filepath.Join(dir, "volumes"), nil, nil)
	v := made(t, s, "data")
	secret := filepath.Join(dir, "secret")
	must(t, os.WriteFile(secret, []byte("hidden"), 0o600), os.Symlink(secret, filepath.Join(v.Mountpoint, "a")),
		os.Symlink(dir, filepath.Join(v.Mountpoint, "b")))
	var b bytes.Buffer
	must(t, s.Export(t.Context(), v, &b))
	if bytes.Contains(b.Bytes(), []byte("hidden")) {
		t.Error("a file of the host is in the archive")
	}
}

// shrinking writes, and cuts a file when its header is written.
type shrinking struct {
	io.Writer
	cut func()
}

func (s *shrinking) Write(p []byte) (int, error) {
	if s.cut != nil && bytes.HasPrefix(p, []byte("log")) {
		s.cut()
		s.cut = nil
	}
	return s.Writer.Write(p)
}

func TestAFileThatShrinksIsToldOf(t *testing.T) {
	s := NewStore(t.TempDir(), nil, nil)
	v := made(t, s, "data")
	file := filepath.Join(v.Mountpoint, "log")
	must(t, os.WriteFile(file, bytes.Repeat([]byte("x"), 1<<20), 0o600), os.WriteFile(filepath.Join(v.Mountpoint, "z"), []byte("z"), 0o600))
	var b bytes.Buffer
	writes := 0
	out := &shrinking{Writer: &b}
	out.cut = func() { must(t, os.Truncate(file, 10)); writes++ }
	err := s.Export(t.Context(), v, out)
	if !errors.Is(err, tree.ErrShrank) || !strings.Contains(err.Error(), "log") || writes != 1 {
		t.Errorf("Export: %v", err)
	}
	r, names := tar.NewReader(&b), []string{}
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		must(t, err)
		names = append(names, h.Name)
	}
	if !slices.Equal(names, []string{"./", "log", "z"}) {
		t.Errorf("the archive has %v", names)
	}
}

func TestCopiesEndWithTheirContext(t *testing.T) {
	testhost.Need(t)
	s := NewStore(diskFolder(t), nil, nil)
	v := made(t, s, "data")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Export(ctx, v, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("Export: %v", err)
	}
	if err := s.Import(ctx, v, strings.NewReader("")); err == nil {
		t.Error("Import went on")
	}
	if err := s.Import(t.Context(), v, strings.NewReader(strings.Repeat("no archive", 1000))); err == nil {
		t.Error("what is no archive was imported")
	}
	if err := s.Import(t.Context(), v, strings.NewReader("")); err == nil {
		t.Error("nothing at all was imported")
	}
	if err := s.Import(t.Context(), v, strings.NewReader(strings.Repeat("\x00", 1024))); err != nil {
		t.Errorf("an empty archive: %v", err)
	}
}
