package manifests

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"berth/kube"
)

// FolderOptions are what a watched folder may be told.
type FolderOptions struct {
	Log    *slog.Logger
	Rescan time.Duration // how often it is read although nothing seems to happen; 0: 3 minutes
}

// Folder is a folder of manifests as a source: *.yaml, *.yml and *.json in it
// and below it. Hidden files and those of editors are passed over. Symlinks are
// followed; swapping one that holds many files, as git-sync and Kubernetes'
// volumes do, is one change.
type Folder struct {
	tree *tree
	opts FolderOptions
}

// NewFolder makes a source of a folder, which need not exist yet.
func NewFolder(dir string, o FolderOptions) (*Folder, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("folder %s: %w", dir, err)
	}
	t := newTree(abs, "folder:"+abs, isManifest, decodeFile)
	t.wary = true
	return &Folder{tree: t, opts: o}, nil
}

// Owners is the one owner of what the folder asks for, "folder:<absolute path>".
func (f *Folder) Owners() []string { return []string{f.tree.owner} }

// Read reads the folder now. Files that were read before and did not change
// are not read again.
func (f *Folder) Read(context.Context) kube.Set { return f.tree.scan().set }

// Outdated reports whether what a set says, or does not say, of an object is no
// longer so.
func (f *Folder) Outdated(_ string, key kube.Key, known bool) bool {
	return f.tree.outdated(key, known, "")
}

// Run hands over the folder's set now and whenever it changes, until ctx ends.
func (f *Folder) Run(ctx context.Context, emit func(kube.Set)) error {
	f.tree.watcher(f.opts, emit).run(ctx)
	return nil
}

// watcher hands over the tree's set whenever that changes.
func (t *tree) watcher(o FolderOptions, emit func(kube.Set)) *watcher {
	return newWatcher(t.root, o, func() sight {
		s := t.scan()
		return sight{print: s.print, watch: s.watch, busy: s.busy, tell: func() { emit(s.set) }}
	})
}

// newWatcher watches what scan looks at. The name is for people.
func newWatcher(name string, o FolderOptions, scan func() sight) *watcher {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Rescan == 0 {
		o.Rescan = rescanTime
	}
	return &watcher{name: name, scan: scan, log: o.Log, rescan: o.Rescan}
}
