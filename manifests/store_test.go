package manifests

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"berth/kube"
)

func newStore(t *testing.T) *Store {
	t.Helper()
	s, err := NewStore(filepath.Join(t.TempDir(), "objects"), FolderOptions{})
	must(t, err)
	return s
}

func TestTheStoreTakesEveryNameThatKubernetesTakes(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	var keys []kube.Key
	for _, last := range []string{"a", "b"} {
		name := strings.Repeat("x", 252) + last
		objects := given(t, fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {k: %s}\n", name, last))
		must(t, s.Put(ctx, objects))
		keys = append(keys, objects[0].Key())
	}
	set := s.Read(ctx)
	if len(set.Diagnostics) > 0 || len(set.Objects) != 2 {
		t.Fatalf("set %+v", set)
	}
	for i, key := range keys {
		if o, ok := set.Find(key); !ok || o.ConfigMap.Data["k"] != string("ab"[i]) {
			t.Errorf("%s: %v", key, ok)
		}
	}
	must(t, s.Delete(ctx, keys))
	if left := s.Read(ctx).Objects; len(left) > 0 {
		t.Errorf("left %d objects", len(left))
	}
}

// given are objects as kube play reads them.
func given(t *testing.T, text string) []*kube.Object {
	t.Helper()
	set := Load(t.Context(), []string{"-"}, LoadOptions{Stdin: strings.NewReader(text)})
	must(t, set.Diagnostics.Err())
	return set.Objects
}

const manifest = `apiVersion: v1
kind: Secret
metadata: {name: s, namespace: shop}
stringData: {password: hunter2}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
  - {name: c, image: "localhost/app:1", resources: {limits: {memory: 64Mi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec:
  selector: {matchLabels: {app: d}}
  template:
    metadata: {labels: {app: d}}
    spec: {containers: [{name: c, image: "localhost/app:1"}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: v}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
`

func TestTheStoreGivesBackWhatItWasGiven(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	objects := given(t, manifest)
	objects[1].Options = json.RawMessage(`{"x":1}`)
	objects[0].Input = true
	must(t, s.Put(ctx, objects))
	set := s.Read(ctx)
	if len(set.Diagnostics) > 0 || len(set.Unknown) > 0 || len(set.Objects) != len(objects) {
		t.Fatalf("set %+v", set)
	}
	for _, want := range objects {
		got, ok := set.Find(want.Key())
		if !ok {
			t.Errorf("%s is missing", want.Key())
			continue
		}
		a, errA := got.JSON()
		b, errB := want.JSON()
		if errA != nil || errB != nil || string(a) != string(b) {
			t.Errorf("%s came back as\n%s\nwas\n%s", want.Key(), a, b)
		}
		if got.Pos != want.Pos || string(got.Options) != string(want.Options) || got.Owner != "play" || got.Input != want.Input {
			t.Errorf("%s: at %v, options %s, owner %s, input %v", want.Key(), got.Pos, got.Options, got.Owner, got.Input)
		}
	}
	info, err := os.Stat(filepath.Join(s.dir, "Secret", "shop_s.json"))
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("a Secret's mode is %v", info.Mode())
	}
	must(t, s.Delete(ctx, []kube.Key{objects[0].Key(), objects[0].Key(), {Kind: "Pod", Namespace: "default", Name: "never"}}))
	if set = s.Read(ctx); len(set.Objects) != len(objects)-1 {
		t.Errorf("%d objects left", len(set.Objects))
	}
}

func TestStoringTheSameAgainWritesNothing(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	must(t, s.Put(ctx, given(t, manifest)))
	path := filepath.Join(s.dir, "Pod", "default_p.json")
	before, err := os.Stat(path)
	must(t, err)
	must(t, s.Put(ctx, given(t, manifest)))
	after, err := os.Stat(path)
	must(t, err)
	if !os.SameFile(before, after) {
		t.Error("the file was written again")
	}
}

// The age of an object is that of its first version, and where that was not
// recorded, its file's.
func TestAnObjectKeepsItsAge(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	long := time.Now().Add(-time.Hour)
	path := filepath.Join(s.dir, "ConfigMap", "default_x.json")
	created := func() time.Time { return s.Read(ctx).Objects[0].Created }
	must(t, s.Put(ctx, given(t, conf("x"))))
	if at := created(); time.Since(at).Abs() > time.Minute {
		t.Errorf("a new object is of %s", at)
	}
	data, err := os.ReadFile(path)
	must(t, err)
	now := regexp.MustCompile(`"created":"[^"]*"`)
	must(t, os.WriteFile(path, now.ReplaceAll(data, []byte(`"created":"2001-02-03T04:05:06Z"`)), 0o600))
	must(t, s.Put(ctx, given(t, conf("x")+"data: {another: one}\n")))
	if at := created(); at.Year() != 2001 {
		t.Errorf("changed, it is of %s", at)
	}
	must(t, os.WriteFile(path, []byte(strings.Replace(string(now.ReplaceAll(data, nil)), ",,", ",", 1)), 0o600))
	must(t, os.Chtimes(path, long, long))
	if at := created(); !at.Equal(long.Truncate(time.Nanosecond)) {
		t.Errorf("of an older berth's file it is %s, want %s", at, long)
	}
}

// Objects that may be stored save decoding them, and change nothing of what is read.
func TestWhatIsReadDoesNotDependOnWhatIsGiven(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	must(t, s.Put(ctx, given(t, manifest)))
	path := filepath.Join(s.dir, "Pod", "default_p.json")
	same, other := given(t, manifest), given(t, manifest)
	for _, o := range other {
		o.Input = true
	}
	moved, changed := given(t, "\n"+manifest), given(t, strings.ReplaceAll(manifest, "hunter2", "hunter3"))
	for name, known := range map[string][]*kube.Object{"nothing": nil, "the same": same, "inputs": other, "moved": moved, "changed": changed} {
		again, err := NewStore(s.dir, FolderOptions{})
		must(t, err)
		want, got := s.Read(ctx), again.Read(ctx, known...)
		if len(got.Objects) != len(want.Objects) || len(got.Diagnostics)+len(got.Unknown) > 0 {
			t.Fatalf("given %s, the set is %+v", name, got)
		}
		for i, o := range got.Objects {
			a, errA := o.JSON()
			b, errB := want.Objects[i].JSON()
			must(t, errors.Join(errA, errB))
			if w := want.Objects[i]; string(a) != string(b) || o.Pos != w.Pos || o.Input != w.Input || !o.Created.Equal(w.Created) || o.Owner != w.Owner {
				t.Errorf("given %s, %s is of %s, input %v\n%s\nwant %s\n%s", name, o.Key(), o.Pos, o.Input, a, w.Pos, b)
			}
		}
	}
	must(t, os.WriteFile(path, []byte("{"), 0o600))
	again, err := NewStore(s.dir, FolderOptions{})
	must(t, err)
	if set := again.Read(ctx, same...); len(set.Unknown) != 1 {
		t.Errorf("a file that cannot be read is believed to be what is given: %+v", set)
	}
}

// That they are not decoded is what it is for.
func TestWhatIsStoredAsGivenIsNotDecoded(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	objects := given(t, manifest)
	must(t, s.Put(ctx, objects))
	for i, o := range s.Read(ctx, objects...).Objects {
		if o.Pod != nil && !slices.ContainsFunc(objects, func(g *kube.Object) bool { return g.Pod == o.Pod }) {
			t.Errorf("%d, %s, was decoded", i, o.Key())
		}
	}
}

// What is wrong with a stored object is wrong where it was given.
func TestAStoredObjectTellsWhereItCameFrom(t *testing.T) {
	s, ctx := newStore(t), t.Context()
	objects := given(t, manifest)
	must(t, s.Put(ctx, objects))
	for _, o := range s.Read(ctx).Objects {
		if at := o.Fields.At("spec.containers[0].image"); at != o.Pos || at.File == "" || strings.HasPrefix(at.File, s.dir) {
			t.Errorf("%s: a field at %s, the object at %s", o.Key(), at, o.Pos)
		}
	}
}

func TestAFileTheStoreCannotReadMakesItUnknown(t *testing.T) {
	for name, content := range map[string]string{
		"corrupt": "{",
		"newer":   `{"version":99,"object":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"}}}`,
		"another": `{"version":1,"object":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"y"}}}`,
		"nothing": `{"version":1}`,
	} {
		s, ctx := newStore(t), t.Context()
		must(t, s.Put(ctx, given(t, conf("good"))))
		must(t, os.WriteFile(filepath.Join(s.dir, "ConfigMap", "default_x.json"), []byte(content), 0o600))
		set := s.Read(ctx)
		if got := describe(set); !slices.Equal(got, []string{"good", "unknown", "error in default_x.json"}) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestTheStoreIsWatched(t *testing.T) {
	s := newStore(t)
	w := &watched{T: t, sets: make(chan kube.Set, 100)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, func(set kube.Set) { w.sets <- set }) }()
	w.until()
	must(t, s.Put(ctx, given(t, conf("a"))))
	w.until("a")
	must(t, s.Delete(ctx, []kube.Key{{Kind: "ConfigMap", Namespace: "default", Name: "a"}}))
	w.until()
	cancel()
	must(t, <-done)
}

func TestMerge(t *testing.T) {
	folder, store := t.TempDir(), newStore(t)
	must(t, os.WriteFile(filepath.Join(folder, "a.yaml"), []byte(conf("a")+"---\n"+conf("both")), 0o644))
	must(t, store.Put(t.Context(), given(t, conf("b")+"---\n"+conf("both"))))
	f, err := NewFolder(folder, FolderOptions{})
	must(t, err)
	merged := Merge(f, store)
	if got := merged.Owners(); !slices.Equal(got, []string{"folder:" + folder, "play"}) {
		t.Errorf("owners %q", got)
	}
	w := &watched{T: t, dir: folder, sets: make(chan kube.Set, 100)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- merged.Run(ctx, func(set kube.Set) { w.sets <- set }) }()
	w.until("a", "b", "both", "error in <stdin>")
	both, _ := w.last.Find(kube.Key{Kind: "ConfigMap", Namespace: "default", Name: "both"})
	if both.Owner != "folder:"+folder {
		t.Errorf("%s has it", both.Owner)
	}
	must(t, os.Remove(filepath.Join(folder, "a.yaml")))
	w.until("b", "both")
	must(t, os.RemoveAll(folder))
	w.until("b", "both", "unknown", "error in "+filepath.Base(folder))
	if !slices.Equal(w.last.Unknown, []string{"folder:" + folder}) {
		t.Errorf("unknown %q", w.last.Unknown)
	}
	cancel()
	must(t, <-done)
}

// hand is a source that says what the test has it say.
type hand struct {
	owner string
	sets  chan kube.Set
}

func (h hand) Owners() []string { return []string{h.owner} }

func (h hand) Outdated(string, kube.Key, bool) bool { return false }

func (h hand) Run(ctx context.Context, emit func(kube.Set)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case set := <-h.sets:
			emit(set)
		}
	}
}

// say hands over ConfigMaps of these names.
func (h hand) say(t *testing.T, names ...string) {
	t.Helper()
	var set kube.Set
	for _, name := range names {
		objects := given(t, conf(name))
		objects[0].Owner = h.owner
		set.Objects = append(set.Objects, objects...)
	}
	h.sets <- set
}

func TestWhatMovesBetweenFoldersIsNeverGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := hand{"folder:/a", make(chan kube.Set)}, hand{"folder:/b", make(chan kube.Set)}
		play := hand{StoreOwner, make(chan kube.Set)}
		var got []string
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- Merge(a, b, play).Run(ctx, func(set kube.Set) { got = append(got, strings.Join(describe(set), " ")) })
		}()
		expect := func(what string, want ...string) {
			t.Helper()
			synctest.Wait()
			if !slices.Equal(got, want) {
				t.Errorf("%s: got %q, want %q", what, got, want)
			}
			got = nil
		}
		a.say(t, "x", "q")
		b.say(t)
		expect("not all have spoken")
		play.say(t, "p")
		expect("all have", "p q x")
		a.say(t, "q") // the old place is read first
		expect("x may be on its way")
		b.say(t, "x")
		expect("x has come", "p q x")
		a.say(t, "x", "q") // the new place is read first
		expect("x is in both")
		b.say(t)
		expect("x has come back", "p q x")
		a.say(t, "x")
		time.Sleep(2 * moveTime)
		expect("q does not come again", "p x")
		play.say(t)
		expect("what was played goes at once", "x")
		b.say(t, "x", "z")
		time.Sleep(2 * moveTime)
		expect("x stays in both", "x z error in <stdin>")
		b.say(t, "x", "z", "w")
		expect("that is known", "w x z error in <stdin>")
		cancel()
		must(t, <-done)
	})
}

func TestLoadReadsAllAndSaysAllThatIsWrong(t *testing.T) {
	dir := t.TempDir()
	w := &watched{T: t, dir: dir}
	w.write("d/a.yaml", conf("a"))
	w.write("d/b/c.yml", conf("c"))
	w.write("broken.yaml", "kind: [")
	w.write("twice.yaml", conf("a"))
	w.write("empty/readme.txt", "")
	must(t, unix.Mkfifo(w.path("fifo"), 0o644)) // nobody writes
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/ok.yaml" {
			http.NotFound(rw, r)
			return
		}
		_, _ = rw.Write([]byte(conf("web")))
	}))
	defer server.Close()
	set := Load(t.Context(), []string{
		w.path("d"), "-", server.URL + "/ok.yaml",
		w.path("broken.yaml"), w.path("twice.yaml"), w.path("empty"), w.path("missing.yaml"), w.path("fifo"), server.URL + "/gone.yaml",
	}, LoadOptions{Stdin: strings.NewReader(conf("stdin"))})
	want := []string{
		"a", "a", "c", "stdin", "web",
		"error in broken.yaml", "error in empty", "error in missing.yaml", "error in fifo", "error in gone.yaml", "error in twice.yaml",
	}
	if got := describe(set); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q\n%v", got, want, set.Diagnostics)
	}
	for _, o := range set.Objects {
		if o.Owner != StoreOwner {
			t.Errorf("%s belongs to %q", o.Key(), o.Owner)
		}
	}
}

func TestAPasswordInAURLIsUsedAndNotTold(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "hush" {
			http.Error(rw, "no", http.StatusUnauthorized)
			return
		}
		if r.URL.Path == "/broken.yaml" {
			_, _ = rw.Write([]byte("kind: ["))
			return
		}
		_, _ = rw.Write([]byte(conf("web")))
	}))
	defer server.Close()
	at := strings.Replace(server.URL, "http://", "http://me:hush@", 1)
	closed := strings.Replace(at, server.URL[len("http://"):], "127.0.0.1:1", 1)
	set := Load(t.Context(), []string{at + "/ok.yaml", at + "/broken.yaml", strings.Replace(at, "me", "you", 1), closed}, LoadOptions{})
	if len(set.Objects) != 1 || len(set.Diagnostics) < 3 {
		t.Fatalf("set %+v", set)
	}
	if said := fmt.Sprint(set.Diagnostics, set.Objects[0].Pos); strings.Contains(said, "hush") || strings.Contains(said, "@") {
		t.Errorf("said %s", said)
	}
}

func TestLoadReadsAPipe(t *testing.T) {
	reader, writer, err := os.Pipe()
	must(t, err)
	defer reader.Close()
	path := fmt.Sprintf("/proc/self/fd/%d", reader.Fd()) // as <(command) is passed
	go func() {
		_, _ = writer.WriteString(conf("piped"))
		_ = writer.Close()
	}()
	if got := describe(Load(t.Context(), []string{path}, LoadOptions{})); !slices.Equal(got, []string{"piped"}) {
		t.Errorf("got %q", got)
	}
}

func TestWhatIsReadIsBounded(t *testing.T) {
	if _, err := readBounded(strings.NewReader(strings.Repeat("x", maxFile+1))); err == nil {
		t.Error("too much was read")
	}
	if _, err := readBounded(strings.NewReader(strings.Repeat("x", maxFile))); err != nil {
		t.Error(err)
	}
}

func TestOutdatedIsWhatHasChangedSince(t *testing.T) {
	dir := t.TempDir()
	store, err := NewStore(dir, FolderOptions{})
	must(t, err)
	object := given(t, conf("a"))[0]
	key := object.Key()
	check := func(when string, known, want bool) {
		t.Helper()
		if got := store.Outdated(StoreOwner, key, known); got != want {
			t.Errorf("%s: outdated %t, want %t", when, got, want)
		}
	}
	store.Read(t.Context())
	check("neither there nor known", false, false)
	must(t, store.Put(t.Context(), []*kube.Object{object}))
	check("stored, and not looked at", false, true)
	store.Read(t.Context())
	check("looked at, and not handed over", false, true)
	check("handed over", true, false)
	must(t, store.Delete(t.Context(), []kube.Key{key}))
	check("forgotten, and not looked at", true, true)
	store.Read(t.Context())
	check("forgotten, and not handed over", true, true)
	check("forgotten, handed over", false, false)
}
