package manifests

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/parallel"
	"berth/internal/source"
	"berth/kube"
)

// busyMost is how long a file may stay open for writing before it is read all
// the same.
const busyMost = 10 * time.Second

// tree is a folder of files, each of which says some objects, and the memory of
// what they said last.
type tree struct {
	root   string
	owner  string
	match  func(name string) bool
	decode decoder
	wary   bool // wait for files that are open for writing

	mu      sync.Mutex
	entries map[string]*entry // by path
	holders map[kube.Key]string
	dev     uint64 // of the root when it last had files
}

// entry is what is known of one file.
type entry struct {
	stamp   stamp
	looked  time.Time
	sum     [sha256.Size]byte
	objects []*kube.Object     // the last good ones
	good    bool               // there were good ones once
	diags   source.Diagnostics // of the present content
	busy    time.Time          // since when it is open for writing; zero: it is not
}

func newTree(root, owner string, match func(string) bool, decode decoder) *tree {
	return &tree{
		root: root, owner: owner, match: match, decode: decode,
		entries: map[string]*entry{}, holders: map[kube.Key]string{},
	}
}

// scanned is one look at a tree.
type scanned struct {
	set   kube.Set
	print string // the same for the same set
	watch watchSet
	busy  bool // a file is being written: look again soon
}

// scan looks at the folder. Files that did not change are not read.
func (t *tree) scan() scanned { return t.scanBy(t.decode) }

// scanBy is scan with another decoder, which must make the same of each file.
func (t *tree) scanBy(decode decoder) scanned {
	t.mu.Lock()
	defer t.mu.Unlock()
	found := walk(t.root, t.match)
	if len(found.files) > 0 {
		t.dev = found.dev
	} else if len(t.entries) > 0 && len(found.lost) == 0 && found.dev != t.dev {
		found.lost = append(found.lost, "")
		found.problems = append(found.problems, source.Diagnostic{
			Pos: source.Pos{File: t.root}, Message: "another file system is mounted there, and it is empty: what was known goes on",
		})
	}
	out := scanned{watch: found.watch}
	out.set.Diagnostics = found.problems
	out.busy = t.readAll(found.files, decode)
	for path := range t.entries {
		if _, there := found.files[path]; !there && !t.isLost(path, found.lost) {
			delete(t.entries, path)
		}
	}
	unknown := len(found.lost) > 0
	for _, path := range t.paths() {
		e := t.entries[path]
		out.set.Diagnostics = append(out.set.Diagnostics, e.diags...)
		if !e.good {
			unknown = true // it may well ask for what runs
		}
	}
	t.collect(&out.set)
	if unknown {
		out.set.Unknown = []string{t.owner}
	}
	out.print = t.fingerprint(&out.set)
	return out
}

// outdated reports whether what a set says of an object is no longer so: its
// file has changed or is gone since it was looked at, or the set, which knows
// the object or does not, is older than the last look. absent is where the file
// of an object lies that nobody knows of yet; "" where that cannot be told.
func (t *tree) outdated(key kube.Key, known bool, absent string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	path := t.holders[key]
	e := t.entries[path]
	if e == nil {
		if known || absent == "" {
			return known
		}
		path = absent
	}
	var st unix.Stat_t
	err := unix.Stat(path, &st)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return known
	case err != nil:
		return false // it is unknown, and what was known goes on
	}
	return e == nil || !known || stampOf(&st) != e.stamp
}

// isLost reports whether path lies where something could not be read.
func (t *tree) isLost(path string, lost []string) bool {
	return slices.ContainsFunc(lost, func(rel string) bool {
		at := filepath.Join(t.root, rel)
		return path == at || strings.HasPrefix(path, at+"/")
	})
}

// readAll brings the entries of files up to date and reports whether one of them
// is being written.
func (t *tree) readAll(files map[string]stamp, decode decoder) (busy bool) {
	paths := sortedPaths(files)
	for _, path := range paths {
		if t.entries[path] == nil {
			t.entries[path] = &entry{}
		}
	}
	var writing atomic.Bool
	parallel.Each(len(paths), 2*runtime.NumCPU(), func(i int) {
		if t.read(t.entries[paths[i]], paths[i], files[paths[i]], decode) {
			writing.Store(true)
		}
	})
	return writing.Load()
}

// read brings one file's entry up to date and reports whether it is being written.
func (t *tree) read(e *entry, path string, now stamp, decode decoder) (busy bool) {
	if e.stamp == now && e.busy.IsZero() && !e.stamp.racy(e.looked) {
		return false
	}
	looked := time.Now()
	data, err := readRegular(path, t.wary && (e.busy.IsZero() || looked.Sub(e.busy) < busyMost))
	if errors.Is(err, errBusy) {
		if e.busy.IsZero() {
			e.busy = looked
		}
		return true
	}
	e.busy = time.Time{}
	e.stamp, e.looked = now, looked
	if err != nil {
		e.sum = [sha256.Size]byte{}
		e.diags = source.Diagnostics{{Pos: source.Pos{File: path}, Message: err.Error()}}
		return false
	}
	sum := sha256.Sum256(data)
	if sum == e.sum {
		return false
	}
	e.sum = sum
	objects, diags := decode(path, data)
	e.diags = diags
	if diags.Err() != nil {
		return false
	}
	for _, o := range objects {
		o.Owner = t.owner
		if o.Created.IsZero() {
			o.Created = time.Unix(now.mtime.Unix())
		}
	}
	e.objects, e.good = objects, true
	return false
}

// paths lists the known files in order.
func (t *tree) paths() []string { return slices.Sorted(maps.Keys(t.entries)) }

// collect gathers the objects of all files. Of two files with one object the
// one that had it first keeps it.
func (t *tree) collect(set *kube.Set) {
	held := map[kube.Key]*kube.Object{}
	holders := map[kube.Key]string{}
	for _, path := range t.paths() { // those that keep what they had
		for _, o := range t.entries[path].objects {
			if t.holders[o.Key()] == path {
				held[o.Key()], holders[o.Key()] = o, path
			}
		}
	}
	for _, path := range t.paths() {
		for _, o := range t.entries[path].objects {
			first := held[o.Key()]
			switch {
			case first == nil:
				held[o.Key()], holders[o.Key()] = o, path
			case first != o:
				set.Diagnostics = append(set.Diagnostics, twice(o, first))
				continue
			}
			set.Objects = append(set.Objects, o)
		}
	}
	t.holders = holders
}

// twice says that an object is defined in two places.
func twice(o, first *kube.Object) source.Diagnostic {
	return source.Diagnostic{
		Pos: o.Pos, Field: "metadata.name",
		Message: fmt.Sprintf("%s is defined at %s as well, and that one counts: remove one of them", o.Key(), first.Pos),
	}
}

// fingerprint tells sets apart.
func (t *tree) fingerprint(set *kube.Set) string {
	h := sha256.New()
	for _, path := range t.paths() {
		e := t.entries[path]
		fmt.Fprintf(h, "%q %x\n", path, e.sum)
	}
	for _, o := range set.Objects {
		fmt.Fprintf(h, "%q %q\n", o.Key(), o.Pos)
	}
	fmt.Fprintf(h, "%q\n%v\n", set.Unknown, set.Diagnostics)
	return hex.EncodeToString(h.Sum(nil))
}
