package manifests

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/kube"
)

// watched is a folder being watched and the sets it handed over.
type watched struct {
	*testing.T
	dir  string
	sets chan kube.Set
	last kube.Set
}

// patience is how long an event may take at most. Nothing is measured by it.
const patience = 20 * time.Second

func watch(t *testing.T, dir string) *watched {
	t.Helper()
	f, err := NewFolder(dir, FolderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{T: t, dir: dir, sets: make(chan kube.Set, 100)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx, func(set kube.Set) { w.sets <- set }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *watched) path(name string) string { return filepath.Join(w.dir, name) }

func (w *watched) write(name, content string) {
	w.Helper()
	if err := os.MkdirAll(filepath.Dir(w.path(name)), 0o755); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(w.path(name), []byte(content), 0o644); err != nil {
		w.Fatal(err)
	}
}

// until waits for a set that looks like this: the names of its objects, then
// "unknown" if it is, then its errors.
func (w *watched) until(want ...string) {
	w.Helper()
	var got []string
	timeout := time.After(patience)
	for {
		select {
		case w.last = <-w.sets:
		case <-timeout:
			w.Fatalf("the last set was %q, want %q\n%v", got, want, w.last.Diagnostics)
		}
		if got = describe(w.last); slices.Equal(got, want) {
			return
		}
	}
}

func describe(set kube.Set) []string {
	var out []string
	for _, o := range set.Objects {
		out = append(out, o.Name)
	}
	slices.Sort(out)
	if len(set.Unknown) > 0 {
		out = append(out, "unknown")
	}
	for _, d := range set.Diagnostics {
		if !d.Warning {
			out = append(out, "error in "+filepath.Base(d.File))
		}
	}
	return out
}

func conf(name string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n", name)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestFilesComeChangeMoveAndGo(t *testing.T) {
	w := watch(t, t.TempDir())
	w.until()
	w.write("a.yaml", conf("a"))
	w.until("a")
	if o := w.last.Objects[0]; o.Owner != "folder:"+w.dir || o.Pos.File != w.path("a.yaml") || o.Pos.Line != 1 {
		t.Errorf("object %+v", o)
	}
	w.write("b.yml", conf("b")+"---\n"+conf("c"))
	w.until("a", "b", "c")
	w.write("b.yml", conf("b"))
	w.until("a", "b")
	w.write("sub/deep/d.json", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d"}}`)
	w.until("a", "b", "d")
	w.write("sub/deep/e.yaml", conf("e"))
	w.until("a", "b", "d", "e")
	must(t, os.Rename(w.path("a.yaml"), w.path("sub/z.yaml")))
	w.until("a", "b", "d", "e")
	if i := slices.IndexFunc(w.last.Objects, func(o *kube.Object) bool { return o.Name == "a" }); w.last.Objects[i].Pos.File != w.path("sub/z.yaml") {
		t.Errorf("a is said to be in %s", w.last.Objects[i].Pos)
	}
	must(t, os.RemoveAll(w.path("sub/deep")))
	w.until("a", "b")
	must(t, os.Remove(w.path("b.yml")))
	w.until("a")
}

func TestABrokenFileKeepsWhatItSaid(t *testing.T) {
	w := watch(t, t.TempDir())
	w.until()
	w.write("a.yaml", conf("a"))
	w.until("a")
	w.write("a.yaml", "kind: [")
	w.until("a", "error in a.yaml")
	w.write("a.yaml", conf("a2"))
	w.until("a2")
	w.write("a.yaml", "")
	w.until("a2", "error in a.yaml")
	must(t, os.Remove(w.path("a.yaml")))
	w.until()
	w.write("new.yaml", conf("new")+"---\nkind: [")
	w.until("unknown", "error in new.yaml")
}

func TestOfTwoFilesTheFirstKnownKeepsAnObject(t *testing.T) {
	w := watch(t, t.TempDir())
	w.until()
	w.write("m.yaml", conf("a"))
	w.until("a")
	w.write("b.yaml", conf("a"))
	w.until("a", "error in b.yaml")
	if o := w.last.Objects[0]; filepath.Base(o.Pos.File) != "m.yaml" {
		t.Errorf("%s counts", o.Pos)
	}
	if d := w.last.Diagnostics[0]; !strings.Contains(d.Message, w.path("m.yaml")+":1") || d.Line != 1 {
		t.Errorf("%v does not name both places", d)
	}
	must(t, os.Remove(w.path("m.yaml")))
	w.until("a")
}

func TestHiddenFilesAndThoseOfEditorsAreNotRead(t *testing.T) {
	dir := t.TempDir()
	w := watch(t, dir)
	w.until()
	for _, name := range []string{".a.yaml", ".a.yaml.swp", "a.yaml~", "#a.yaml#", "4913", "a.yaml.tmp", "notes.txt", ".git/x.yaml"} {
		w.write(name, "not: [yaml")
	}
	w.write("real.yaml", conf("real"))
	w.until("real")
}

func TestASwappedSymlinkIsOneChange(t *testing.T) {
	dir := t.TempDir()
	w := &watched{T: t, dir: dir}
	for rev, names := range map[string][]string{"..one": {"a", "b"}, "..two": {"b", "c"}} {
		for _, n := range names {
			w.write(rev+"/"+n+".yaml", conf(n+strings.TrimPrefix(rev, "..")))
		}
	}
	must(t, os.Symlink("..one", w.path("..data")))
	for _, n := range []string{"a", "b", "c"} {
		must(t, os.Symlink("..data/"+n+".yaml", w.path(n+".yaml")))
	}
	w = watch(t, dir)
	w.until("aone", "bone", "unknown", "error in c.yaml") // a link that leads nowhere may lead somewhere soon
	must(t, os.Symlink("..two", w.path("..tmp")))
	must(t, os.Rename(w.path("..tmp"), w.path("..data")))
	must(t, os.Remove(w.path("a.yaml")))
	w.until("btwo", "ctwo")
	for _, n := range []string{"b", "c"} { // a change behind the link is seen as well
		must(t, os.WriteFile(w.path("..two/"+n+".yaml"), []byte(conf(n+"three")), 0o644))
	}
	w.until("bthree", "cthree")
}

func TestTheFolderMayBeASymlinkThatIsSwapped(t *testing.T) {
	base := t.TempDir()
	w := &watched{T: t, dir: base}
	w.write("one/a.yaml", conf("a"))
	w.write("two/b.yaml", conf("b"))
	must(t, os.Symlink("one", w.path("current")))
	w = watch(t, filepath.Join(base, "current"))
	w.until("a")
	must(t, os.Symlink("two", filepath.Join(base, "next")))
	must(t, os.Rename(filepath.Join(base, "next"), filepath.Join(base, "current")))
	w.until("b")
	must(t, os.WriteFile(filepath.Join(base, "two", "c.yaml"), []byte(conf("c")), 0o644))
	w.until("b", "c")
}

func TestAFolderThatIsGoneIsUnknown(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x", "m")
	w := watch(t, dir)
	w.until("unknown", "error in m")
	w.write("a.yaml", conf("a"))
	w.until("a")
	must(t, os.Rename(dir, dir+".old"))
	w.until("a", "unknown", "error in m")
	must(t, os.Mkdir(dir, 0o755))
	w.until()
	must(t, os.Remove(dir))
	w.until("unknown", "error in m")
	must(t, os.Rename(dir+".old", dir))
	w.until("a")
}

func TestWhatCannotBeReadIsUnknown(t *testing.T) {
	w := watch(t, t.TempDir())
	w.until()
	w.write("a.yaml", conf("a"))
	w.until("a")
	big, err := os.Create(w.path("big.yaml"))
	must(t, err)
	must(t, big.Truncate(maxFile+1))
	must(t, big.Close())
	w.until("a", "unknown", "error in big.yaml")
	must(t, os.Remove(w.path("big.yaml")))
	w.until("a")
	must(t, os.Symlink(w.path("loop.yaml"), w.path("loop.yaml")))
	w.until("a", "unknown", "error in loop.yaml")
}

func TestNeitherFifosNorCirclesHoldUsUp(t *testing.T) {
	dir := t.TempDir()
	w := &watched{T: t, dir: dir}
	w.write("sub/a.yaml", conf("a"))
	must(t, unix.Mkfifo(w.path("fifo.yaml"), 0o644))
	must(t, os.Symlink("..", w.path("sub/up")))
	must(t, os.Symlink("sub", w.path("again")))
	w = watch(t, dir)
	w.until("a")
	if len(w.last.Diagnostics) != 1 || !w.last.Diagnostics[0].Warning {
		t.Errorf("diagnostics %v", w.last.Diagnostics)
	}
}

func TestAFileThatIsBeingWrittenIsWaitedFor(t *testing.T) {
	w := watch(t, t.TempDir())
	w.until()
	w.write("a.yaml", conf("a")+"---\n"+conf("b"))
	w.until("a", "b")
	f, err := os.OpenFile(w.path("a.yaml"), os.O_WRONLY|os.O_TRUNC, 0)
	must(t, err)
	if _, err := f.WriteString(conf("a") + "---\n"); err != nil { // half of it, and a valid half
		t.Fatal(err)
	}
	w.write("other.yaml", conf("o"))
	w.until("a", "b", "o")
	if _, err := f.WriteString(conf("b2")); err != nil {
		t.Fatal(err)
	}
	must(t, f.Close())
	w.until("a", "b2", "o")
}

func TestNothingIsHandedOverWhenNothingChanged(t *testing.T) {
	w := watch(t, t.TempDir())
	w.until()
	w.write("a.yaml", conf("a"))
	w.until("a")
	w.write("a.yaml", conf("a")) // the same again
	must(t, os.Chtimes(w.path("a.yaml"), time.Now(), time.Now()))
	w.write("b.yaml", conf("b"))
	w.until("a", "b")
	select {
	case set := <-w.sets:
		t.Errorf("a further set: %v", describe(set))
	default:
	}
}

func TestAnUnmountedFolderIsUnknown(t *testing.T) {
	tree := newTree(t.TempDir(), "folder:x", isManifest, decodeFile)
	must(t, os.WriteFile(filepath.Join(tree.root, "a.yaml"), []byte(conf("a")), 0o644))
	tree.scan()
	tree.dev++ // it lay on another file system, and what shows now is the empty mount point
	must(t, os.Remove(filepath.Join(tree.root, "a.yaml")))
	if got := describe(tree.scan().set); !slices.Equal(got, []string{"a", "unknown", "error in " + filepath.Base(tree.root)}) {
		t.Errorf("got %q", got)
	}
}

func TestAChangeWithinOneTickIsSeen(t *testing.T) {
	tree := newTree(t.TempDir(), "folder:x", isManifest, decodeFile)
	path := filepath.Join(tree.root, "a.yaml")
	for i := range 50 {
		name := fmt.Sprintf("a%02d", i) // always of one size
		must(t, os.WriteFile(path, []byte(conf(name)), 0o644))
		if got := describe(tree.scan().set); !slices.Equal(got, []string{name}) {
			t.Fatalf("got %q, want %s", got, name)
		}
	}
}
