package engine

import (
	"context"

	"berth/engine/spec"
)

// SaveUnit records how a Quadlet unit does that runs without systemd.
func (e *Engine) SaveUnit(_ context.Context, u spec.UnitState) error { return e.records.SaveUnit(u) }

// ListUnits is what SaveUnit recorded in this boot.
func (e *Engine) ListUnits(context.Context) ([]spec.UnitState, error) { return e.records.ListUnits() }

// RemoveUnit forgets a unit; nothing is success.
func (e *Engine) RemoveUnit(_ context.Context, name string) error { return e.records.RemoveUnit(name) }
