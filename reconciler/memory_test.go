package reconciler_test

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"

	"berth/internal/source"
	"berth/kube"
)

// memory is a folder, and a store, of objects without files.
type memory struct {
	owner   string
	changed chan struct{} // holds one

	mu         sync.Mutex
	files      map[string]*memoryFile
	unreadable bool
	stored     map[kube.Key]*kube.Object
}

type memoryFile struct {
	objects []*kube.Object // the last good ones
	diags   source.Diagnostics
}

func newMemory(owner string) *memory {
	return &memory{
		owner: owner, changed: make(chan struct{}, 1),
		files: map[string]*memoryFile{}, stored: map[kube.Key]*kube.Object{},
	}
}

func (m *memory) change(f func()) {
	m.mu.Lock()
	f()
	m.mu.Unlock()
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

func (m *memory) put(name string, data []byte) {
	m.change(func() {
		f := m.files[name]
		if f == nil {
			f = &memoryFile{}
			m.files[name] = f
		}
		objects, diags := kube.Decode(name, bytes.Clone(data))
		f.diags = diags
		for _, o := range objects {
			o.Owner = m.owner
		}
		if diags.Err() == nil {
			f.objects = objects
		}
	})
}

func (m *memory) remove(name string) { m.change(func() { delete(m.files, name) }) }

func (m *memory) rename(old, name string) {
	m.change(func() {
		moved := *m.files[old]
		moved.objects = slices.Clone(moved.objects)
		for i, o := range moved.objects {
			o := *o
			o.Pos.File = name
			moved.objects[i] = &o
		}
		delete(m.files, old)
		m.files[name] = &moved
	})
}

func (m *memory) setUnreadable(on bool) { m.change(func() { m.unreadable = on }) }

// Read implements ObjectStore.
func (m *memory) Read(context.Context, ...*kube.Object) kube.Set {
	m.mu.Lock()
	defer m.mu.Unlock()
	var set kube.Set
	unknown := m.unreadable
	for _, name := range slices.Sorted(maps.Keys(m.files)) {
		f := m.files[name]
		set.Diagnostics = append(set.Diagnostics, f.diags...)
		set.Objects = append(set.Objects, f.objects...)
		unknown = unknown || len(f.objects) == 0
	}
	if m.unreadable {
		set.Objects = nil
	}
	for _, o := range m.stored {
		set.Objects = append(set.Objects, o)
	}
	slices.SortFunc(set.Objects, func(a, b *kube.Object) int { return bytes.Compare([]byte(a.Key().String()), []byte(b.Key().String())) })
	if unknown {
		set.Unknown = []string{m.owner}
	}
	return set
}

// has reports whether there is such an object now.
func (m *memory) has(key kube.Key) bool {
	return slices.ContainsFunc(m.Read(context.Background()).Objects, func(o *kube.Object) bool { return o.Key() == key })
}

// Put implements ObjectStore.
func (m *memory) Put(_ context.Context, objects []*kube.Object) error {
	m.change(func() {
		for _, o := range objects {
			m.stored[o.Key()] = o
		}
	})
	return nil
}

// Delete implements ObjectStore.
func (m *memory) Delete(_ context.Context, keys []kube.Key) error {
	m.change(func() {
		for _, k := range keys {
			delete(m.stored, k)
		}
	})
	return nil
}
