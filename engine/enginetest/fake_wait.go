package enginetest

import (
	"context"

	"berth/engine/spec"
)

// SaveWait records why a pod could not be made yet.
func (f *Fake) SaveWait(_ context.Context, w spec.Wait) error {
	late, err := f.begin("SaveWait")
	if err != nil {
		return err
	}
	f.Host.mu.Lock()
	defer f.Host.mu.Unlock()
	f.waits[w.Key] = w
	f.writes++
	return late
}

// ReadWait reads what SaveWait recorded of a pod.
func (f *Fake) ReadWait(_ context.Context, key spec.PodKey) (w spec.Wait, ok bool, err error) {
	late, err := f.begin("ReadWait")
	if err != nil {
		return spec.Wait{}, false, err
	}
	f.Host.mu.Lock()
	defer f.Host.mu.Unlock()
	w, ok = f.waits[key]
	return w, ok, late
}

// RemoveWait forgets what SaveWait recorded.
func (f *Fake) RemoveWait(_ context.Context, key spec.PodKey) error {
	late, err := f.begin("RemoveWait")
	if err != nil {
		return err
	}
	f.Host.mu.Lock()
	defer f.Host.mu.Unlock()
	delete(f.waits, key)
	f.writes++
	return late
}

// ListWaits lists what SaveWait recorded.
func (f *Fake) ListWaits(context.Context) ([]spec.Wait, error) {
	late, err := f.begin("ListWaits")
	if err != nil {
		return nil, err
	}
	f.Host.mu.Lock()
	defer f.Host.mu.Unlock()
	var list []spec.Wait
	for _, w := range f.waits {
		list = append(list, w)
	}
	return list, late
}
