package engine

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"berth/engine/oci"
	"berth/engine/spec"
	"berth/internal/atomicfile"
)

// SaveLife records what is known of a container while it is that one. It does
// not need the pod's lock.
func (e *Engine) SaveLife(ctx context.Context, id spec.PodID, name string, life spec.Life) error {
	c, err := e.records.ReadContainer(id, name)
	if errors.Is(err, spec.ErrNotFound) {
		_, err := e.records.ReadPod(id)
		return err
	}
	if err != nil || c.ID != life.Container || c.Ended != nil {
		return err
	}
	before, err := e.records.ReadLife(id, name, c.ID)
	if err != nil {
		before = nil // it is written over
	}
	if err := e.records.SaveLife(id, name, life); err != nil || life.Health == nil {
		return err
	}
	if before == nil || before.Health == nil || before.Health.State != life.Health.State {
		e.noteByName(id, name, "health_status", func(a *spec.Act) { a.Health = life.Health.State })
	}
	if err := e.writeHealthLog(id, name, c.ID, life.Health); err != nil { // that it is not healthy counts all the same
		e.log.WarnContext(ctx, "the log of a health check is not written", "pod", id.Short(), "container", name, "error", err)
	}
	return nil
}

// writeHealthLog writes what a health check said to the folder it names, if it
// names one, as podman does: JSON in <container>-healthcheck.log.
func (e *Engine) writeHealthLog(id spec.PodID, name string, c spec.ContainerID, status *spec.HealthStatus) error {
	pod, err := e.records.ReadPod(id)
	if err != nil {
		return err
	}
	made, ok := pod.Container(name)
	if !ok || made.Healthy() == nil || !filepath.IsAbs(made.Healthy().LogDir) {
		return nil
	}
	path := filepath.Join(made.Healthy().LogDir, string(c)+"-healthcheck.log")
	return atomicfile.WriteVolatileJSON(path, status, 0o600)
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
	target := e.target(runtime, id, c)
	if s, err := runtime.State(target); err == nil && s.Running() {
		e.noteByName(id, name, "stop")
	}
	err = runtime.Kill(ctx, target, stopSignal(c.StopSignal), false)
	if errors.Is(err, oci.ErrNotRunning) {
		return nil
	}
	return err
}
