package image

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.podman.io/storage"
	graphdriver "go.podman.io/storage/drivers"

	"berth/engine/spec"
)

func TestRootfs(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	load(t, s, simple("x"))
	img, err := s.Lookup(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	id, other := spec.NewContainerID(), spec.NewContainerID()
	for range 2 { // twice is as good as once
		if err := s.CreateRootfs(ctx, id, Rootfs{Name: "web", Image: img.ID, Volatile: true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.CreateRootfs(ctx, other, Rootfs{Name: "web", Image: img.ID, Volatile: true}); err != nil {
		t.Errorf("a name that is taken: %v", err)
	}
	var path string
	for range 2 {
		if path, err = s.MountRootfs(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	if data, err := os.ReadFile(filepath.Join(path, "hello")); err != nil || string(data) != "hello from x" {
		t.Errorf("read %q, %v", data, err)
	}
	if err := os.WriteFile(filepath.Join(path, "new"), make([]byte, 1<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	if size, err := s.RootfsSize(ctx, id); err != nil || size < 1<<20 {
		t.Errorf("size %d, %v", size, err)
	}
	ours, err := s.Rootfses(ctx)
	if made := ours[id]; err != nil || len(ours) != 2 || time.Since(made) < 0 || time.Since(made) > time.Hour {
		t.Errorf("ours: %v, %v", ours, err)
	}
	for range 2 {
		if err := s.UnmountRootfs(ctx, id); err != nil {
			t.Error(err)
		}
	}
	if mounted(t, path) {
		t.Error("mounted twice, unmounted once: still mounted")
	}
	if path, err = s.MountRootfs(ctx, id); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(path, "new")); err != nil {
		t.Errorf("what was written is gone: %v", err)
	}
	for _, id := range []spec.ContainerID{id, id, other} {
		if err := s.RemoveRootfs(ctx, id); err != nil {
			t.Error(err)
		}
		if err := s.UnmountRootfs(ctx, id); err != nil {
			t.Errorf("unmount of what is gone: %v", err)
		}
	}
	if mounted(t, path) {
		t.Error("removed but mounted")
	}
	if _, err := s.MountRootfs(ctx, id); !errors.Is(err, spec.ErrNotFound) {
		t.Errorf("mount of what is gone: %v", err)
	}
	if err := s.CreateRootfs(ctx, id, Rootfs{Name: "x", Image: strings.Repeat("0", 64), Volatile: true}); !errors.Is(err, spec.ErrImageMissing) {
		t.Errorf("on no image: %v", err)
	}
	if _, err := s.Remove(ctx, "x", false); err != nil {
		t.Error(err)
	}
	nothingLeft(t, s)
}

func mounted(t *testing.T, path string) bool {
	t.Helper()
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(table), " "+path+" ")
}

func TestRootfsOnAnotherImageIsRefused(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	load(t, s, simple("a"), simple("b"))
	a, _ := s.Lookup(ctx, "a")
	b, _ := s.Lookup(ctx, "b")
	id := spec.NewContainerID()
	if err := s.CreateRootfs(ctx, id, Rootfs{Image: a.ID, Volatile: true}); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateRootfs(ctx, id, Rootfs{Image: b.ID, Volatile: true}); !errors.Is(err, spec.ErrExists) {
		t.Errorf("error %v, want %v", err, spec.ErrExists)
	}
}

func TestRootfsAfterAKillBetweenLayerAndContainer(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	load(t, s, simple("x"))
	img, err := s.Lookup(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	store, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	top, err := store.Image(img.ID)
	if err != nil {
		t.Fatal(err)
	}
	made, removed := spec.NewContainerID(), spec.NewContainerID()
	for _, id := range []spec.ContainerID{made, removed} {
		if _, err := store.CreateLayer(string(id), top.TopLayer, nil, "", true, &storage.LayerOptions{Volatile: true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.CreateRootfs(ctx, made, Rootfs{Name: "x", Image: img.ID, Volatile: true}); err != nil {
		t.Errorf("create: %v", err)
	}
	for _, id := range []spec.ContainerID{made, removed} {
		if err := s.RemoveRootfs(ctx, id); err != nil {
			t.Errorf("remove: %v", err)
		}
	}
	if _, err := s.Remove(ctx, "x", false); err != nil {
		t.Error(err)
	}
	nothingLeft(t, s)
}

func TestRootfsAfterAKillBetweenMountAndNote(t *testing.T) {
	if realDisk() == "" {
		t.Skip("overlay mounts: run on a test host")
	}
	ctx := context.Background()
	s := testStore(t)
	load(t, s, simple("x"))
	img, err := s.Lookup(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	store, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	unnoted := func() (spec.ContainerID, string) {
		id := spec.NewContainerID()
		if err := s.CreateRootfs(ctx, id, Rootfs{Image: img.ID, Volatile: true}); err != nil {
			t.Fatal(err)
		}
		driver, err := store.GraphDriver()
		if err != nil {
			t.Fatal(err)
		}
		path, err := driver.Get(string(id), graphdriver.MountOpts{}) // the mount, without the storage's note
		if err != nil {
			t.Fatal(err)
		}
		return id, path
	}
	id, path := unnoted()
	if err := s.RemoveRootfs(ctx, id); err != nil {
		t.Errorf("remove: %v", err)
	}
	if mounted(t, path) {
		t.Error("still mounted")
	}

	// A remover that was killed left a layer, mounted as it is, among the things
	// to delete: whoever opens the storage next is to delete them.
	_, path = unnoted()
	doomed := filepath.Join(store.GraphRoot(), "overlay", "tempdirs", "temp-dir-1")
	if err := os.MkdirAll(doomed, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Dir(path), filepath.Join(doomed, "1-layer")); err != nil {
		t.Fatal(err)
	}
	if err := untilSettled(store, func() error { return os.RemoveAll(doomed) }); err != nil {
		t.Errorf("delete what is doomed: %v", err)
	}
}

func BenchmarkRootfs(b *testing.B) {
	ctx := context.Background()
	if realDisk() == "" {
		b.Skip("needs overlay: run it on a test host")
	}
	dir, err := os.MkdirTemp(realDisk(), "bench-")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	// Storage syncs its list of mounts, which costs nothing where it belongs: on tmpfs.
	run, err := os.MkdirTemp("/run", "bench-")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(run)
	s := New(Options{Root: filepath.Join(dir, "root"), RunRoot: run, Driver: "overlay"})
	oci := filepath.Join(dir, "oci")
	layout(&testing.T{}, oci, simple("x"))
	if _, err := s.Load(ctx, Source{Path: oci}); err != nil {
		b.Fatal(err)
	}
	img, err := s.Lookup(ctx, "x")
	if err != nil {
		b.Fatal(err)
	}
	store, _ := s.open()
	defer func() { _, _ = store.Shutdown(true) }()
	for _, test := range []struct {
		name string
		keep int
	}{{"empty", 0}, {"besides 200 others", 200}} {
		for range test.keep {
			if err := s.CreateRootfs(ctx, spec.NewContainerID(), Rootfs{Image: img.ID, Volatile: true}); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(test.name+"/create and mount", func(b *testing.B) {
			for b.Loop() {
				id := spec.NewContainerID()
				if err := s.CreateRootfs(ctx, id, Rootfs{Image: img.ID, Volatile: true}); err != nil {
					b.Fatal(err)
				}
				if _, err := s.MountRootfs(ctx, id); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := s.RemoveRootfs(ctx, id); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
		b.Run(test.name+"/unmount and remove", func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				id := spec.NewContainerID()
				if err := s.CreateRootfs(ctx, id, Rootfs{Image: img.ID, Volatile: true}); err != nil {
					b.Fatal(err)
				}
				if _, err := s.MountRootfs(ctx, id); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if err := s.RemoveRootfs(ctx, id); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(test.name+"/ensure", func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Ensure(ctx, spec.ImageRequest{Ref: "x"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
