package volume

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/internal/testhost"
	"berth/internal/tree"
)

func TestASwapCutShortIsFinished(t *testing.T) {
	s := set(t)
	v := &spec.Volume{Name: "conf", Files: &spec.FilesVolume{Content: "one", Files: []spec.File{{Path: "a", Mode: 0o600}, {Path: "b", Mode: 0o600}}}}
	dir, err := s.Prepare(context.Background(), v)
	if err != nil {
		t.Fatal(err)
	}
	// Killed between the swap and the visible names.
	if err := os.Remove(filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("..data/gone", filepath.Join(dir, "gone")); err != nil {
		t.Fatal(err)
	}
	if err := s.Update("conf", v.Files); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "b")); err != nil {
		t.Errorf("a file of the content is not to be seen: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "gone")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file of the former content is still to be seen: %v", err)
	}
}

func TestAVolumeCanBeRemovedAfterARemovalThatWasCutShort(t *testing.T) {
	ctx, s := context.Background(), NewStore(t.TempDir(), nil, nil)
	for range 2 {
		if _, err := s.Create(ctx, Volume{Name: "data"}); err != nil {
			t.Fatal(err)
		}
		// What a removal killed in its midst leaves.
		if err := os.MkdirAll(filepath.Join(s.dir, ".gone-data", "_data", "half"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := s.Remove(ctx, "data"); err != nil {
			t.Error(err)
		}
	}
}

// mountAt mounts a tmpfs that shares its mount events, as systemd has all of a
// host's file systems do.
func mountAt(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", path, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", path, "", unix.MS_SHARED, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
}

func TestUnmountingAPartLeavesTheHostsMounts(t *testing.T) {
	testhost.Need(t)
	s, host := set(t), t.TempDir()
	mountAt(t, host)
	below := filepath.Join(host, "part", "disk")
	mountAt(t, below)
	release := map[string]func() error{
		"of a container": func() error { return s.ReleaseContainer("c") },
		"of the pod":     s.Release,
	}
	for name, release := range release {
		path, err := s.SubPath(host, "part", "c", 0)
		if err != nil {
			t.Fatal(err)
		}
		if seen, err := mountinfo.Mounted(filepath.Join(path, "disk")); err != nil || !seen {
			t.Fatalf("the part does not show what is mounted in it: %v", err)
		}
		if err := release(); err != nil {
			t.Error(err)
		}
		if still, err := mountinfo.Mounted(below); err != nil || !still {
			t.Fatalf("letting go the mounts %s unmounted a disk of the host: %v", name, err)
		}
		if left, err := mountinfo.GetMounts(mountinfo.PrefixFilter(s.Run)); err != nil || len(left) > 0 {
			t.Errorf("left mounted: %v, %v", left, err)
		}
	}
}

func TestAVolumeIsMountedOnceHoweverManyPodsStart(t *testing.T) {
	testhost.Need(t)
	ctx, s := context.Background(), NewStore(t.TempDir(), nil, nil)
	n := &spec.NamedVolume{Volume: "memory", Options: map[string]string{"type": "tmpfs"}}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := s.Ensure(ctx, n); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	v, err := s.Inspect(ctx, "memory")
	if err != nil {
		t.Fatal(err)
	}
	mounts, err := mountinfo.GetMounts(mountinfo.SingleEntryFilter(v.Mountpoint))
	if err != nil {
		t.Fatal(err)
	}
	all, _ := mountinfo.GetMounts(func(i *mountinfo.Info) (skip, stop bool) { return i.Mountpoint != v.Mountpoint, false })
	if len(mounts) != 1 || len(all) != 1 {
		t.Errorf("it is mounted %d times", len(all))
	}
	if err := s.Remove(ctx, "memory"); err != nil {
		t.Error(err)
	}
}

func TestRemovingAVolumeSparesWhatIsMountedInIt(t *testing.T) {
	testhost.Need(t)
	ctx, s := context.Background(), NewStore(t.TempDir(), nil, nil)
	v, err := s.Create(ctx, Volume{Name: "data"})
	if err != nil {
		t.Fatal(err)
	}
	precious := filepath.Join(t.TempDir(), "precious")
	if err := os.MkdirAll(precious, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(precious, "f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(v.Mountpoint, "in")
	if err := os.Mkdir(at, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(precious, at, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		left, _ := mountinfo.GetMounts(mountinfo.PrefixFilter(s.dir))
		for _, m := range left {
			_ = unix.Unmount(m.Mountpoint, unix.MNT_DETACH)
		}
	})
	if err := s.Remove(ctx, "data"); !errors.Is(err, tree.ErrMounted) {
		t.Errorf("Remove = %v", err)
	}
	if _, err := os.Stat(filepath.Join(precious, "f")); err != nil {
		t.Errorf("the data of what was mounted there is gone: %v", err)
	}
	if _, err := s.Inspect(ctx, "data"); err != nil {
		t.Errorf("the volume could not be removed and is gone all the same: %v", err)
	}
}

// layers makes folders for root file systems, and notes what is asked of it.
type layers struct {
	dir  string
	laid map[spec.ContainerID]string // its image
	fail error
	seen func(id spec.ContainerID)
}

func (l *layers) LayRootfs(_ context.Context, id spec.ContainerID, _, image string) error {
	if l.seen != nil {
		l.seen(id)
	}
	if l.fail == nil {
		l.laid[id] = image
	}
	return l.fail
}

func (l *layers) MountRootfs(_ context.Context, id spec.ContainerID) (string, error) {
	if l.laid[id] == "" {
		return "", spec.ErrNotFound
	}
	dir := filepath.Join(l.dir, string(id))
	return dir, os.MkdirAll(dir, 0o755)
}

func (l *layers) UnmountRootfs(context.Context, spec.ContainerID) error { return nil }

// Until the record is there nobody knows whose a layer is; once it is, the layer
// can be made at any time.
func TestAVolumeOnAnImageIsRecordedBeforeItsLayer(t *testing.T) {
	testhost.Need(t)
	l := &layers{dir: t.TempDir(), laid: map[spec.ContainerID]string{}}
	s := NewStore(t.TempDir(), l, nil)
	l.seen = func(id spec.ContainerID) {
		if v, err := s.Inspect(t.Context(), "site"); err != nil || v.StorageID != id {
			t.Errorf("the layer comes before its record: %+v, %v", v, err)
		}
	}
	site := Volume{Name: "site", Driver: DriverImage, Options: map[string]string{"image": "web:1"}}
	v, err := s.Create(t.Context(), site)
	if err != nil || l.laid[v.StorageID] != "web:1" {
		t.Fatal(err, l.laid)
	}
	// Killed between the two.
	delete(l.laid, v.StorageID)
	if err := os.WriteFile(filepath.Join(s.dir, "site", laying), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Mount(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	if l.laid[v.StorageID] != "web:1" || there(filepath.Join(s.dir, "site"), laying) {
		t.Errorf("it was not made up for: %v", l.laid)
	}
	if err := s.Remove(t.Context(), "site"); err != nil {
		t.Fatal(err)
	}
	l.fail = errors.New("no space")
	if _, err := s.Create(t.Context(), site); !errors.Is(err, l.fail) {
		t.Error(err)
	}
	if _, err := s.Inspect(t.Context(), "site"); !errors.Is(err, spec.ErrNotFound) {
		t.Errorf("what failed is there: %v", err)
	}
}
