package engine

import (
	"context"

	"berth/engine/spec"
)

// SaveWait records why a pod that is wanted could not be made yet.
func (e *Engine) SaveWait(_ context.Context, w spec.Wait) error { return e.records.SaveWait(w) }

// ReadWait reads what SaveWait recorded of a pod; ok is false if that is nothing.
func (e *Engine) ReadWait(_ context.Context, key spec.PodKey) (w spec.Wait, ok bool, err error) {
	return e.records.ReadWait(key)
}

// RemoveWait forgets what SaveWait recorded; nothing is success.
func (e *Engine) RemoveWait(_ context.Context, key spec.PodKey) error {
	return e.records.RemoveWait(key)
}

// ListWaits lists the pods of which SaveWait recorded something.
func (e *Engine) ListWaits(context.Context) ([]spec.Wait, error) { return e.records.ListWaits() }
