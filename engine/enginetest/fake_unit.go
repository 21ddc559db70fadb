package enginetest

import (
	"context"
	"slices"

	"berth/engine/spec"
)

// SaveUnit records how a Quadlet unit does.
func (f *Fake) SaveUnit(_ context.Context, u spec.UnitState) error {
	late, err := f.begin("SaveUnit")
	if err != nil {
		return err
	}
	f.Host.mu.Lock()
	defer f.Host.mu.Unlock()
	u.Starts = slices.Clone(u.Starts)
	f.units[u.Name] = u
	f.writes++
	return late
}

// ListUnits lists what SaveUnit recorded.
func (f *Fake) ListUnits(context.Context) ([]spec.UnitState, error) {
	late, err := f.begin("ListUnits")
	if err != nil {
		return nil, err
	}
	f.Host.mu.Lock()
	defer f.Host.mu.Unlock()
	var list []spec.UnitState
	for _, u := range f.units {
		list = append(list, u)
	}
	return list, late
}

// RemoveUnit forgets a unit.
func (f *Fake) RemoveUnit(_ context.Context, name string) error {
	late, err := f.begin("RemoveUnit")
	if err != nil {
		return err
	}
	f.Host.mu.Lock()
	defer f.Host.mu.Unlock()
	delete(f.units, name)
	f.writes++
	return late
}
