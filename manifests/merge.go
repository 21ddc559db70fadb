package manifests

import (
	"context"
	"fmt"
	"sync"

	"berth/kube"
)

// Source is a source of objects, such as a Folder or the Store.
type Source interface {
	Owners() []string
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

// Run hands over the sets of all sources as one, from when each has given its
// first, until ctx ends or a source fails.
func (m *Merged) Run(ctx context.Context, emit func(kube.Set)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	sets := make([]*kube.Set, len(m.sources))
	missing := len(m.sources)
	if missing == 0 {
		emit(kube.Set{})
	}
	failed := make(chan error, len(m.sources))
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	for i, s := range m.sources {
		running.Go(func() {
			err := s.Run(ctx, func(set kube.Set) {
				mu.Lock()
				defer mu.Unlock()
				if sets[i] == nil {
					missing--
				}
				sets[i] = &set
				if missing == 0 {
					emit(union(sets))
				}
			})
			if err != nil {
				failed <- fmt.Errorf("source %v: %w", s.Owners(), err)
			}
		})
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// union is all sets as one, the first coming first.
func union(sets []*kube.Set) kube.Set {
	var out kube.Set
	first := map[kube.Key]*kube.Object{}
	for _, set := range sets {
		out.Unknown = append(out.Unknown, set.Unknown...)
		out.Diagnostics = append(out.Diagnostics, set.Diagnostics...)
		for _, o := range set.Objects {
			if other, taken := first[o.Key()]; taken && other.Owner != o.Owner {
				out.Diagnostics = append(out.Diagnostics, twice(o, other))
				continue
			}
			first[o.Key()] = o
			out.Objects = append(out.Objects, o)
		}
	}
	return out
}
