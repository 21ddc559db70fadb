package volume

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"berth/engine/spec"
	"berth/internal/testhost"
)

func set(t *testing.T) Set {
	t.Helper()
	dir := t.TempDir()
	s := Set{Named: NewStore(filepath.Join(dir, "volumes"), nil, nil), Disk: filepath.Join(dir, "disk"), Run: filepath.Join("/dev/shm", filepath.Base(t.TempDir())+filepath.Base(dir))}
	for _, d := range []string{s.Disk, s.Run} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := s.Release(); err != nil {
			t.Error(err)
		}
		_ = os.RemoveAll(s.Run)
	})
	return s
}

func TestNamedVolumes(t *testing.T) {
	ctx := context.Background()
	s := NewStore(t.TempDir(), nil, nil)
	made, err := s.Create(ctx, Volume{Name: "data", Labels: map[string]string{"a": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(made.Mountpoint, "f"), []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(ctx, Volume{Name: "data"}); !errors.Is(err, spec.ErrExists) {
		t.Errorf("a second volume of one name: %v", err)
	}
	path, err := s.Ensure(ctx, &spec.NamedVolume{Volume: "data"})
	if err != nil || path != made.Mountpoint {
		t.Errorf("Ensure = %q, %v", path, err)
	}
	if _, err := s.Ensure(ctx, &spec.NamedVolume{Volume: "other"}); err != nil {
		t.Error(err)
	}
	list, err := s.List(ctx)
	if err != nil || len(list) != 2 || list[0].Name != "data" || list[0].Labels["a"] != "b" {
		t.Errorf("List = %+v, %v", list, err)
	}
	for _, bad := range []string{"", "..", "a/b", ".hidden", "a b", "\x00"} {
		if _, err := s.Create(ctx, Volume{Name: bad}); err == nil {
			t.Errorf("volume name %q was taken", bad)
		}
	}
	if _, err := s.Create(ctx, Volume{Name: "odd", Options: map[string]string{"colour": "red"}}); err == nil {
		t.Error("an unknown option was taken")
	}
	if err := s.Remove(ctx, "data"); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(ctx, "data"); !errors.Is(err, spec.ErrNotFound) {
		t.Errorf("removing it twice: %v", err)
	}
	if _, err := os.Stat(made.Mountpoint); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its data is still there: %v", err)
	}
}

func TestFilesChangeAllAtOnce(t *testing.T) {
	s := set(t)
	v := &spec.Volume{Name: "conf", Files: &spec.FilesVolume{Content: "one", Files: []spec.File{
		{Path: "a", Mode: 0o644, Data: []byte("a1")}, {Path: "deep/b", Mode: 0o400, Data: []byte("b1")}, {Path: "old", Mode: 0o600}}}}
	dir, err := s.Prepare(context.Background(), v)
	if err != nil {
		t.Fatal(err)
	}
	check := func(path, want string) {
		t.Helper()
		got, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil || string(got) != want {
			t.Errorf("%s is %q, %v; want %q", path, got, err, want)
		}
	}
	check("a", "a1")
	check("deep/b", "b1")
	if info, err := os.Stat(filepath.Join(dir, "deep/b")); err != nil || info.Mode().Perm() != 0o400 {
		t.Errorf("mode of deep/b: %v, %v", info, err)
	}
	if err := s.Update("conf", &spec.FilesVolume{Content: "two", Files: []spec.File{
		{Path: "a", Mode: 0o644, Data: []byte("a2")}, {Path: "new", Mode: 0o644, Data: []byte("n2")}}}); err != nil {
		t.Fatal(err)
	}
	check("a", "a2")
	check("new", "n2")
	entries, _ := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"..data", "..two", "a", "new"}; !slices.Equal(names, want) {
		t.Errorf("the volume holds %q, want %q", names, want)
	}
	if got := s.Content("conf"); got != "two" {
		t.Errorf("Content = %q", got)
	}
	// A record knows the digest only: the files stay as they are.
	if _, err := s.Prepare(context.Background(), &spec.Volume{Name: "conf", Files: &spec.FilesVolume{Content: "one", Omitted: true}}); err != nil {
		t.Error(err)
	}
	check("a", "a2")
	if _, err := s.Prepare(context.Background(), &spec.Volume{Name: "lost", Files: &spec.FilesVolume{Omitted: true}}); !errors.Is(err, spec.ErrConfig) {
		t.Errorf("files nobody has: %v", err)
	}
	for _, path := range []string{"../x", "/x", "a/../../x", ""} {
		bad := &spec.FilesVolume{Content: "bad", Files: []spec.File{{Path: path}}}
		if err := s.Update("conf", bad); err == nil {
			t.Errorf("file path %q was taken", path)
		}
	}
}

func TestFilesKnowTheirPod(t *testing.T) {
	s := set(t)
	s.Pod = "5f1e"
	made := func(files ...spec.File) *spec.FilesVolume {
		return &spec.FilesVolume{Content: files[0].Path, Files: files}
	}
	dir, err := s.Prepare(context.Background(), &spec.Volume{Name: "own", Files: made(spec.File{Path: "uid", Data: []byte(spec.LatePodUID), Late: true})})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Update("own", made(spec.File{Path: "again", Data: []byte(spec.LatePodUID), Late: true}, spec.File{Path: "plain", Data: []byte(spec.LatePodUID)})); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"again": "5f1e", "plain": spec.LatePodUID} {
		if got, err := os.ReadFile(filepath.Join(dir, path)); err != nil || string(got) != want {
			t.Errorf("%s is %q, %v; want %q", path, got, err, want)
		}
	}
}

func TestSubPathNeverLeavesTheVolume(t *testing.T) {
	testhost.Need(t)
	s := set(t)
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("outside"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir, err := s.Prepare(context.Background(), &spec.Volume{Name: "v", Empty: &spec.EmptyVolume{}})
	if err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"abs": outside, "up": "../../../../../../../../" + outside, "dir": filepath.Dir(outside), "in": "real"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "real"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "real/f"), []byte("inside"), 0o644); err != nil {
		t.Fatal(err)
	}
	for i, sub := range []string{"abs", "up", "dir/secret"} {
		if path, err := s.SubPath(dir, sub, "c", i); err == nil {
			if got, err := os.ReadFile(path); err == nil && string(got) == "outside" {
				t.Errorf("subPath %q shows a file outside the volume", sub)
			}
		}
	}
	for i, sub := range []string{"../x", "/etc", "a/../.."} {
		if _, err := s.SubPath(dir, sub, "c", 10+i); !errors.Is(err, spec.ErrConfig) {
			t.Errorf("subPath %q: %v", sub, err)
		}
	}
	path, err := s.SubPath(dir, "in/f", "c", 20)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "inside" {
		t.Errorf("subPath through a link inside shows %q", got)
	}
	if err := HasPart(dir, "in/f"); err != nil {
		t.Error(err)
	}
	if err := HasPart(dir, "made/here"); !errors.Is(err, spec.ErrConfig) {
		t.Errorf("a missing part: %v", err)
	}
	made, err := s.SubPath(dir, "made/here", "c", 21)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(made, "g"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "made/here/g")); err != nil {
		t.Errorf("a missing subPath was not made in the volume: %v", err)
	}
	if err := s.ReleaseContainer("c"); err != nil {
		t.Error(err)
	}
}

func TestHostPathTypes(t *testing.T) {
	s, dir := set(t), t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, kind string
		ok         bool
	}{
		{dir, "", true}, {filepath.Join(dir, "unset"), "", true}, {filepath.Join(dir, "unset"), "Directory", true},
		{dir, "Directory", true}, {file, "Directory", false}, {filepath.Join(dir, "none"), "Directory", false},
		{filepath.Join(dir, "made"), "DirectoryOrCreate", true}, {file, "File", true}, {dir, "File", false},
		{filepath.Join(dir, "made.txt"), "FileOrCreate", true}, {dir, "FileOrCreate", false},
		{"/dev/null", "CharDevice", true}, {"/dev/null", "BlockDevice", false}, {file, "Socket", false},
	} {
		v := &spec.Volume{Name: "h", Host: &spec.HostVolume{Path: c.path, Type: c.kind}}
		_, before := os.Lstat(c.path)
		if err := Check(v); (err == nil) != c.ok || (err != nil && !errors.Is(err, spec.ErrConfig)) {
			t.Errorf("%s as %q, checked before: %v", c.path, c.kind, err)
		}
		if _, after := os.Lstat(c.path); (before == nil) != (after == nil) {
			t.Errorf("%s as %q was made by the check", c.path, c.kind)
		}
		_, err := s.Prepare(context.Background(), v)
		if (err == nil) != c.ok || (err != nil && !errors.Is(err, spec.ErrConfig)) {
			t.Errorf("%s as %q: %v", c.path, c.kind, err)
		}
	}
}
