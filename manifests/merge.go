package manifests

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"berth/kube"
)

// Source is a source of objects, such as a Folder or the Store.
type Source interface {
	Owners() []string
	Outdated(owner string, key kube.Key, known bool) bool
	Run(ctx context.Context, emit func(kube.Set)) error
}

// Merged is several sources as one.
type Merged struct {
	sources []Source
}

// Merge makes one source of several. An object that two of them define is that
// of the first in the list; the other is reported. So folders, which are the
// truth, come before the store of what was played.
func Merge(sources ...Source) *Merged { return &Merged{sources} }

// Owners are those of all sources.
func (m *Merged) Owners() []string {
	var out []string
	for _, s := range m.sources {
		out = append(out, s.Owners()...)
	}
	return out
}

// Outdated asks the source of that owner.
func (m *Merged) Outdated(owner string, key kube.Key, known bool) bool {
	for _, s := range m.sources {
		if slices.Contains(s.Owners(), owner) {
			return s.Outdated(owner, key, known)
		}
	}
	return false
}

// moveTime is how long what is gone from one folder, or is in two, may be on
// its way from one to the other: each folder is read by itself.
const moveTime = 200 * time.Millisecond

// Run hands over the sets of all sources as one, from when each has given its
// first, until ctx ends or a source fails.
func (m *Merged) Run(ctx context.Context, emit func(kube.Set)) error {
	ctx, cancel := context.WithCancel(ctx)
	type update struct {
		source int
		set    kube.Set
	}
	updates := make(chan update)
	failed := make(chan error, len(m.sources))
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	for i, s := range m.sources {
		running.Go(func() {
			err := s.Run(ctx, func(set kube.Set) {
				select {
				case updates <- update{i, set}:
				case <-ctx.Done():
				}
			})
			if err != nil {
				failed <- fmt.Errorf("source %v: %w", s.Owners(), err)
			}
		})
	}
	if len(m.sources) == 0 {
		emit(kube.Set{})
	}
	sets := make([]*kube.Set, len(m.sources))
	var shown merged
	wait, waiting := time.NewTimer(moveTime), false
	wait.Stop()
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case u := <-updates:
			sets[u.source] = &u.set
			if slices.Contains(sets, nil) {
				continue
			}
			if next := union(sets); shown.keys != nil && moving(&shown, &next) {
				if !waiting {
					wait.Reset(moveTime)
					waiting = true
				}
				continue
			}
			wait.Stop()
		case <-wait.C:
		}
		waiting = false
		shown = union(sets)
		emit(shown.set)
	}
}

// merged is all sets as one.
type merged struct {
	set   kube.Set
	keys  map[kube.Key]*kube.Object
	twice map[kube.Key]bool // what two sources define
}

// moving reports whether an object may be on its way from one source to
// another. What was played is not: kube down takes it away at once.
func moving(shown, next *merged) bool {
	for key, o := range shown.keys {
		if next.keys[key] == nil && o.Owner != StoreOwner {
			return true
		}
	}
	for key := range next.twice {
		if !shown.twice[key] {
			return true
		}
	}
	return false
}

// union is all sets as one, the first coming first.
func union(sets []*kube.Set) merged {
	out := merged{keys: map[kube.Key]*kube.Object{}, twice: map[kube.Key]bool{}}
	for _, set := range sets {
		out.set.Unknown = append(out.set.Unknown, set.Unknown...)
		out.set.Diagnostics = append(out.set.Diagnostics, set.Diagnostics...)
		for _, o := range set.Objects {
			if other, taken := out.keys[o.Key()]; taken && other.Owner != o.Owner {
				out.set.Diagnostics = append(out.set.Diagnostics, twice(o, other))
				out.twice[o.Key()] = true
				continue
			}
			out.keys[o.Key()] = o
			out.set.Objects = append(out.set.Objects, o)
		}
	}
	return out
}
