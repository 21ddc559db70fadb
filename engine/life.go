package engine

import (
	"context"
	"errors"
	"io/fs"

	"berth/engine/oci"
	"berth/engine/spec"
)

// SaveLife records what is known of a container while it is that one. It does
// not need the pod's lock.
func (e *Engine) SaveLife(_ context.Context, id spec.PodID, name string, life spec.Life) error {
	c, err := e.records.ReadContainer(id, name)
	if errors.Is(err, spec.ErrNotFound) {
		_, err := e.records.ReadPod(id)
		return err
	}
	if err != nil || c.ID != life.Container || c.Ended != nil {
		return err
	}
	return e.records.SaveLife(id, name, life)
}

// SaveVerdict records that the pod is over, or with nil that it is not.
func (e *Engine) SaveVerdict(_ context.Context, id spec.PodID, verdict *spec.Verdict) error {
	if _, err := e.pod(id); err != nil {
		return err
	}
	intent, err := e.records.ReadIntent(id)
	if err != nil {
		return err
	}
	intent.Verdict = verdict
	return e.records.SaveIntent(id, intent)
}

// SaveRemoval records that the pod is to be forgotten, or with nil that it is not,
// and tells whoever watches Exits. It does not need the pod's lock, which may be
// held by somebody who is ending it already.
func (e *Engine) SaveRemoval(_ context.Context, id spec.PodID, removal *spec.Removal) error {
	if _, err := e.records.ReadPod(id); err != nil {
		return err
	}
	if err := e.records.SaveRemoval(id, removal); err != nil {
		return err
	}
	if err := e.records.TellStarted(id); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// SignalContainer sends a container its stop signal and does not wait. One that
// does not run is success. It does not need the pod's lock.
func (e *Engine) SignalContainer(ctx context.Context, id spec.PodID, name string) error {
	c, err := e.records.ReadContainer(id, name)
	if errors.Is(err, spec.ErrNotFound) {
		_, err := e.records.ReadPod(id)
		return err
	}
	if err != nil || c.Ended != nil {
		return err
	}
	runtime, err := e.runtimeOf(id)
	if err != nil {
		return err
	}
	err = runtime.Kill(ctx, e.target(runtime, id, c), stopSignal(c.StopSignal), false)
	if errors.Is(err, oci.ErrNotRunning) {
		return nil
	}
	return err
}
