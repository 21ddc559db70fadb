package tree_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/testhost"
	"berth/internal/tree"
)

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func absent(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is there: %v", path, err)
	}
}

func TestAllBelowGoes(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(dir, "outside")
	write(t, filepath.Join(outside, "f"))
	root := filepath.Join(dir, "root")
	write(t, filepath.Join(root, "a/b/c"))
	write(t, filepath.Join(root, "a/d"))
	for _, link := range []string{"a/link", "link"} {
		if err := os.Symlink(outside, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // gone is success
		if err := tree.Remove(root + "/"); err != nil {
			t.Fatal(err)
		}
	}
	absent(t, root)
	if _, err := os.Stat(filepath.Join(outside, "f")); err != nil {
		t.Errorf("a symlink was followed: %v", err)
	}
	if err := tree.Remove(filepath.Join(dir, "none/below")); err != nil {
		t.Error(err)
	}
	write(t, root)
	if err := tree.Remove(root); err != nil {
		t.Errorf("a file: %v", err)
	}
	absent(t, root)
	for _, path := range []string{"/", "", ".", "a/../.."} {
		if err := tree.Remove(path); err == nil {
			t.Errorf("Remove(%q) succeeded", path)
		}
	}
}

// TestNoFolderIsTooDeep has more levels than this process may have descriptors.
func TestNoFolderIsTooDeep(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 128, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &old) }()
	root := filepath.Join(t.TempDir(), "root")
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Open(root, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	for range 1000 {
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"x", "y"} {
			if err := unix.Mkdirat(at, name, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		var next int
		next, err = unix.Openat(at, "x", unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		_ = unix.Close(at)
		at = next
	}
	_ = unix.Close(at)
	if err := tree.Remove(root); err != nil {
		t.Fatal(err)
	}
	absent(t, root)
}

func TestWhatIsMountedStays(t *testing.T) {
	testhost.Need(t)
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	write(t, filepath.Join(data, "precious"))
	root := filepath.Join(dir, "root")
	write(t, filepath.Join(root, "ours"))
	write(t, filepath.Join(root, "file"))
	at := filepath.Join(root, "a/b")
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	for target, source := range map[string]string{at: data, filepath.Join(root, "file"): filepath.Join(data, "precious")} {
		if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = unix.Unmount(target, unix.MNT_DETACH) }()
	}
	err := tree.Remove(root)
	if !errors.Is(err, tree.ErrMounted) || !strings.Contains(err.Error(), at) {
		t.Errorf("Remove = %v, want it to name %s as mounted", err, at)
	}
	if got, err := os.ReadFile(filepath.Join(data, "precious")); err != nil || string(got) != "kept" {
		t.Errorf("the data of the mount: %q, %v", got, err)
	}
	absent(t, filepath.Join(root, "ours"))
}
