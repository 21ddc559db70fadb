package engine

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"berth/engine/oci"
	"berth/engine/spec"
	"berth/engine/state"
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
	var was *spec.HealthStatus
	if before != nil {
		was = before.Health
	}
	if err := e.tellHealth(id, &c, was, life.Health); err != nil { // that it is not healthy counts all the same
		e.log.WarnContext(ctx, "the log of a health check is not written", "pod", id.Short(), "container", name, "error", err)
	}
	return nil
}

// tellHealth tells what a health check said: that it turned, or each result where
// results are to be events, and to the folder it names, if it names one.
func (e *Engine) tellHealth(id spec.PodID, c *state.Container, was, now *spec.HealthStatus) error {
	pod, err := e.records.ReadPod(id)
	if err != nil {
		return err
	}
	made, ok := pod.Container(c.Name)
	if !ok || made.Healthy() == nil {
		return nil
	}
	log, result := podmanHealth(now), ""
	checked := was == nil || len(was.Log) == 0 || len(now.Log) > 0 && now.Log[len(now.Log)-1].End.After(was.Log[len(was.Log)-1].End)
	asEvents := made.Healthy().LogDir == spec.HealthLogEvents && checked && len(log.Log) > 0
	if asEvents {
		text, err := json.Marshal(log.Log[len(log.Log)-1])
		if err != nil {
			return err
		}
		result = string(text)
	}
	if was == nil || was.State != now.State || asEvents {
		e.noteContainer(&pod, c, "health_status", func(a *spec.Act) { a.Health, a.Failing, a.Check = now.State, now.FailingStreak, result })
	}
	if !filepath.IsAbs(made.Healthy().LogDir) {
		return nil
	}
	path := filepath.Join(made.Healthy().LogDir, string(c.ID)+"-healthcheck.log")
	return atomicfile.WriteVolatileJSON(path, log, 0o600)
}

// healthLog is what podman writes of a health check, in <container>-healthcheck.log
// and, each result, in events.
type healthLog struct {
	Status        spec.HealthState
	FailingStreak int
	Log           []healthLogResult
}

type healthLogResult struct {
	Start, End time.Time
	ExitCode   int
	Output     string
}

func podmanHealth(h *spec.HealthStatus) healthLog {
	out := healthLog{Status: h.State, FailingStreak: h.FailingStreak, Log: []healthLogResult{}}
	for _, r := range h.Log {
		out.Log = append(out.Log, healthLogResult{r.Start, r.End, r.ExitCode, r.Output})
	}
	return out
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
