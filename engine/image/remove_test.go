package image

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.podman.io/storage"

	"berth/engine/spec"
)

func TestLookup(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	load(t, s, simple("docker.io/library/nginx:1"), simple("quay.io/a/tool:latest"), simple("quay.io/b/tool:latest"), simple("localhost/mine:latest"))
	mine, err := s.Lookup(ctx, "mine")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"nginx:1", "library/nginx:1", "docker.io/nginx:1", "docker.io/library/nginx:1", "a/tool", "quay.io/a/tool", "mine", "localhost/mine",
		mine.ID, mine.ID[:10], "sha256:" + mine.ID, "localhost/mine@" + mine.Digest, "mine@" + mine.Digest, "mine:latest@" + mine.Digest,
	} {
		if _, err := s.Lookup(ctx, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"nginx", "ginx:1", "docker.io/mine", "quay.io/c/tool", strings.Repeat("e", 64), "mine@sha256:" + strings.Repeat("0", 64)} {
		if _, err := s.Lookup(ctx, name); !errors.Is(err, spec.ErrImageMissing) {
			t.Errorf("%s: %v, want %v", name, err, spec.ErrImageMissing)
		}
		if there, err := s.Exists(ctx, name); there || err != nil {
			t.Errorf("Exists %s: %v, %v", name, there, err)
		}
	}
	if _, err := s.Lookup(ctx, "tool"); err == nil || errors.Is(err, spec.ErrImageMissing) || !strings.Contains(err.Error(), "ambiguous") {
		t.Errorf("tool: %v", err)
	}
	if want := "localhost/mine@" + mine.Digest; !slices.Contains(mine.RepoDigests, want) {
		t.Errorf("repo digests %v, want %s among them", mine.RepoDigests, want)
	}
}

func TestTagMovesAName(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	load(t, s, simple("one"), simple("two"))
	if err := s.Tag(ctx, "two", "one", "quay.io/x/three:3"); err != nil {
		t.Fatal(err)
	}
	img, err := s.Lookup(ctx, "one")
	slices.Sort(img.Names)
	if want := []string{"localhost/one:latest", "localhost/two:latest", "quay.io/x/three:3"}; err != nil || !slices.Equal(img.Names, want) {
		t.Errorf("names %v, %v; want %v", img.Names, err, want)
	}
	list, err := s.List(ctx, false)
	if err != nil || len(list) != 2 || !slices.ContainsFunc(list, func(e Entry) bool { return e.Dangling }) {
		t.Errorf("list %+v, %v", list, err)
	}
	if err := s.Untag(ctx, img.ID, "quay.io/x/three:3"); err != nil {
		t.Error(err)
	}
	if err := s.Untag(ctx, img.ID, "quay.io/x/three:3"); err == nil {
		t.Error("a name it has not was taken away")
	}
	if err := s.Untag(ctx, img.ID); err != nil {
		t.Error(err)
	}
	if img, err = s.Lookup(ctx, img.ID); err != nil || len(img.Names) != 0 {
		t.Errorf("names %v, %v", img.Names, err)
	}
}

func TestRemove(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	load(t, s, simple("one"))
	if err := s.Tag(ctx, "one", "uno"); err != nil {
		t.Fatal(err)
	}
	img, err := s.Lookup(ctx, "one")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Remove(ctx, img.ID, false); err == nil || errors.Is(err, spec.ErrInUse) {
		t.Errorf("by ID with two names: %v", err)
	}
	removed, err := s.Remove(ctx, "one", false)
	if err != nil || !slices.Equal(removed.Untagged, []string{"localhost/one:latest"}) || len(removed.Deleted) != 0 {
		t.Errorf("one of two names: %+v, %v", removed, err)
	}
	id := spec.NewContainerID()
	if err := s.CreateRootfs(ctx, id, Rootfs{Name: "c", Image: img.ID, Volatile: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Remove(ctx, "uno", false); !errors.Is(err, spec.ErrInUse) || !strings.Contains(err.Error(), string(id[:12])) {
		t.Errorf("in use: %v", err)
	}
	removed, err = s.Remove(ctx, "uno", true)
	if err != nil || len(removed.Untagged) != 1 || len(removed.Deleted) != 0 {
		t.Errorf("in use, forced: %+v, %v", removed, err)
	}
	if _, err := s.Remove(ctx, img.ID, true); !errors.Is(err, spec.ErrInUse) {
		t.Errorf("in use and nameless, forced: %v", err)
	}
	if err := s.RemoveRootfs(ctx, id); err != nil {
		t.Fatal(err)
	}
	removed, err = s.Remove(ctx, img.ID[:8], false)
	if err != nil || !slices.Equal(removed.Deleted, []string{img.ID}) || removed.Freed == 0 {
		t.Errorf("at last: %+v, %v", removed, err)
	}
	if _, err := s.Remove(ctx, "one", true); !errors.Is(err, spec.ErrImageMissing) {
		t.Errorf("gone: %v", err)
	}
	nothingLeft(t, s)
}

// One without a name on the same layers is nobody's parent for that.
func TestRemoveKeepsAlike(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	other := simple("two")
	other.config.Env = []string{"A=b"}
	load(t, s, simple("one"), other)
	one, err := s.Lookup(ctx, "one")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Untag(ctx, "one"); err != nil {
		t.Fatal(err)
	}
	if err := s.Tag(ctx, "two", "again"); err != nil {
		t.Fatal(err)
	}
	if removed, err := s.RemoveAlone(ctx, "again", false); err != nil || len(removed.Untagged) != 1 || len(removed.Deleted) != 0 {
		t.Errorf("one of two names: %+v, %v", removed, err)
	}
	removed, err := s.Remove(ctx, "two", false)
	if err != nil || len(removed.Deleted) != 1 || removed.Deleted[0] == one.ID {
		t.Errorf("removed %+v, %v", removed, err)
	}
	if _, err := s.Lookup(ctx, one.ID); err != nil {
		t.Error(err)
	}
	if _, err := s.Remove(ctx, one.ID, false); err != nil {
		t.Error(err)
	}
	nothingLeft(t, s)
}

// family is an image and one that is built on it.
func family() (parent, child recipe) {
	parent = simple("parent")
	child = simple("child")
	child.layers = append(slices.Clone(parent.layers), map[string]string{"more": "more"})
	return parent, child
}

func TestIntermediateImages(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	parent, child := family()
	load(t, s, parent, child)
	base, err := s.Lookup(ctx, "parent")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Untag(ctx, "parent"); err != nil {
		t.Fatal(err)
	}
	if list, err := s.List(ctx, false); err != nil || len(list) != 1 {
		t.Errorf("%d images listed, %v", len(list), err)
	}
	if list, err := s.List(ctx, true); err != nil || len(list) != 2 {
		t.Errorf("%d images listed with all, %v", len(list), err)
	}
	if removed, err := s.Prune(ctx, false, nil); err != nil || len(removed.Deleted) != 0 {
		t.Errorf("pruned %+v, %v", removed, err)
	}
	steps, err := s.History(ctx, "child")
	if err != nil || len(steps) != 2 || steps[1].ID != base.ID || steps[0].CreatedBy != "COPY more" || steps[0].Size == 0 {
		t.Errorf("history %+v, %v", steps, err)
	}
	removed, err := s.Remove(ctx, "child", false)
	if err != nil || len(removed.Deleted) != 2 {
		t.Errorf("removed %+v, %v; want the child and its nameless parent", removed, err)
	}
	nothingLeft(t, s)
}

func TestPrune(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	parent, child := family()
	load(t, s, parent, child, simple("used"), simple("kept"), recipe{layers: []map[string]string{{"nameless": "x"}}})
	used, err := s.Lookup(ctx, "used")
	if err != nil {
		t.Fatal(err)
	}
	id := spec.NewContainerID()
	if err := s.CreateRootfs(ctx, id, Rootfs{Name: "c", Image: used.ID, Volatile: true}); err != nil {
		t.Fatal(err)
	}
	if removed, err := s.Prune(ctx, false, nil); err != nil || len(removed.Deleted) != 1 {
		t.Errorf("dangling: %+v, %v", removed, err)
	}
	keep := func(e Entry) bool { return slices.Contains(e.Names, "localhost/kept:latest") }
	if removed, err := s.Prune(ctx, true, keep); err != nil || len(removed.Deleted) != 2 {
		t.Errorf("all: %+v, %v", removed, err)
	}
	if list, err := s.List(ctx, true); err != nil || len(list) != 2 {
		t.Errorf("left %+v, %v", list, err)
	}
}

func TestPruneTakesOldLayersOfNobody(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	load(t, s, simple("x"))
	store, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	lower, err := store.CreateLayer("", "", nil, "", false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.CreateLayer("", lower.ID, nil, "", false, nil); err != nil {
		t.Fatal(err)
	}
	count := func() int {
		all, err := store.MultiList(storage.MultiListOptions{Layers: true})
		if err != nil {
			t.Fatal(err)
		}
		return len(all.Layers)
	}
	if _, err := s.Prune(ctx, true, func(Entry) bool { return true }); err != nil || count() != 3 {
		t.Errorf("young layers went: %d left, %v", count(), err)
	}
	s.clock = func() time.Time { return time.Now().Add(2 * orphanAge) }
	if _, err := s.Prune(ctx, true, func(Entry) bool { return true }); err != nil || count() != 1 {
		t.Errorf("old layers stayed: %d left, %v", count(), err)
	}
}

func TestInspectAndUsage(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	parent, child := family()
	load(t, s, parent, child)
	info, err := s.Inspect(ctx, "child")
	if err != nil {
		t.Fatal(err)
	}
	if info.Author != "A. Tester" || info.Os != "linux" || len(info.RootFS.Layers) != 2 || len(info.History) != 2 || info.Labels["made-by"] != "test" ||
		!slices.Equal(info.RepoTags, []string{"localhost/child:latest"}) || len(info.RepoDigests) != 1 || info.Size == 0 || info.GraphDriver.Name == "" ||
		info.Created == nil || info.Created.Year() != 2024 || info.Config.Cmd[0] != "/hello" || !strings.Contains(info.ManifestType, "oci") {
		t.Errorf("inspection %+v", info)
	}
	list, total, spare, err := s.DiskUsage(ctx)
	if err != nil || len(list) != 2 || list[0].Shared == 0 || list[1].Shared != list[0].Shared {
		t.Fatalf("usage %+v, %v", list, err)
	}
	if want := list[0].Unique + list[1].Unique + list[0].Shared; total != want || spare != want {
		t.Errorf("total %d, spare %d, want %d", total, spare, want)
	}
	id := spec.NewContainerID()
	if err := s.CreateRootfs(ctx, id, Rootfs{Image: list[0].ID, Volatile: true}); err != nil {
		t.Fatal(err)
	}
	if _, _, spare, err = s.DiskUsage(ctx); err != nil || spare != list[1].Unique {
		t.Errorf("with a container on one of them, spare %d, want %d, %v", spare, list[1].Unique, err)
	}
}

func TestStoredAndDiscard(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	load(t, s, simple("quay.io/a/held:1"), simple("quay.io/a/wanted:1"), simple("quay.io/a/spare:1"))
	before := time.Now()
	if err := s.Tag(ctx, "spare:1", "spare:2"); err != nil {
		t.Fatal(err)
	}
	held, err := s.Lookup(ctx, "held:1")
	if err != nil {
		t.Fatal(err)
	}
	id := spec.NewContainerID()
	if err := s.CreateRootfs(ctx, id, Rootfs{Name: "c", Image: held.ID, Volatile: true}); err != nil {
		t.Fatal(err)
	}
	list, err := s.Stored(ctx, []string{"a/wanted:1", "missing:1", "no reference"})
	if err != nil || len(list) != 3 {
		t.Fatalf("%v, %v", list, err)
	}
	for _, img := range list {
		name := img.Names[0]
		if img.Held != strings.Contains(name, "held") || img.Wanted != strings.Contains(name, "wanted") {
			t.Errorf("%s: %+v", name, img)
		}
		if age := before.Sub(img.Arrived); age < -time.Minute || age > time.Minute {
			t.Errorf("%s arrived %v ago", name, age)
		}
	}
	spare, err := s.Lookup(ctx, "spare:1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Discard(ctx, held.ID); !errors.Is(err, spec.ErrInUse) {
		t.Errorf("held: %v", err)
	}
	if again, err := s.Lookup(ctx, "held:1"); err != nil || len(again.Names) != 1 {
		t.Errorf("what is in use lost its name: %v, %v", again.Names, err)
	}
	removed, err := s.Discard(ctx, spare.ID)
	if err != nil || !slices.Equal(removed.Deleted, []string{spare.ID}) {
		t.Errorf("spare: %+v, %v", removed, err)
	}
	if _, err := s.Discard(ctx, spare.ID); err != nil {
		t.Errorf("gone: %v", err)
	}
	if list, err := s.Stored(ctx, nil); err != nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
	if err := s.RemoveRootfs(ctx, id); err != nil {
		t.Error(err)
	}
}
