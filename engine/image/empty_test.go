package image

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
)

// An emptied root file system is as new; where that cannot be had it is said.
func TestEmptyRootfs(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	load(t, s, simple("x"))
	img, err := s.Lookup(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	id := spec.NewContainerID()
	if err := s.CreateRootfs(ctx, id, Rootfs{Image: img.ID, Volatile: true}); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	use := func(do func(root string) error) {
		t.Helper()
		root, err := s.MountRootfs(ctx, id)
		if err == nil {
			err = do(root)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := s.UnmountRootfs(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	use(func(root string) error {
		for _, err := range []error{
			os.Remove(filepath.Join(root, "hello")), os.MkdirAll(filepath.Join(root, "a/b"), 0o700),
			os.WriteFile(filepath.Join(root, "a/b/c"), []byte("secret"), 0), os.Symlink(filepath.Dir(outside), filepath.Join(root, "link")),
		} {
			if err != nil {
				return err
			}
		}
		return nil
	})
	store, _ := s.open()
	ok, err := s.EmptyRootfs(ctx, id)
	if overlay := store.GraphDriverName() == "overlay"; err != nil || ok != overlay {
		t.Fatalf("emptied: %v, %v, with overlay: %v", ok, err, overlay)
	} else if !overlay {
		return
	}
	if _, err := os.Stat(outside); err != nil {
		t.Error("what a link meant is gone")
	}
	use(func(root string) error {
		entries, err := os.ReadDir(root)
		for _, e := range entries {
			if e.Name() == "a" || e.Name() == "link" {
				t.Errorf("%s is left", e.Name())
			}
		}
		if data, err := os.ReadFile(filepath.Join(root, "hello")); err != nil || string(data) != "hello from x" {
			t.Errorf("read %q, %v", data, err)
		}
		return err
	})
	for what, change := range map[string]func(root string) error{
		"its mode":     func(root string) error { return os.Chmod(root, 0o700) },
		"its owner":    func(root string) error { return os.Chown(root, 7, 7) },
		"an attribute": func(root string) error { return unix.Lsetxattr(root, "trusted.x", []byte("y"), 0) },
	} {
		use(change)
		if ok, err := s.EmptyRootfs(ctx, id); err != nil || ok {
			t.Errorf("after %s of its root was changed: %v, %v", what, ok, err)
		}
		if err := s.RemoveRootfs(ctx, id); err != nil {
			t.Fatal(err)
		}
		if err := s.CreateRootfs(ctx, id, Rootfs{Image: img.ID, Volatile: true}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.MountRootfs(ctx, id); err != nil {
		t.Fatal(err)
	}
	if ok, err := s.EmptyRootfs(ctx, id); err != nil || ok {
		t.Errorf("while it is mounted: %v, %v", ok, err)
	}
	if err := s.RemoveRootfs(ctx, id); err != nil {
		t.Error(err)
	}
	if ok, err := s.EmptyRootfs(ctx, id); err != nil || ok {
		t.Errorf("one that is gone: %v, %v", ok, err)
	}
}
