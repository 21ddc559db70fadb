package engine

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/fsnotify/fsnotify"

	"berth/engine/spec"
)

// Exits tells of pods that may have changed: a container ended, or the pod was
// made or removed, by whichever process. It is a hint to look, not a record:
// bursts are folded, and what happens while nobody reads is not queued. The
// channel closes when ctx ends.
func (e *Engine) Exits(ctx context.Context) (<-chan spec.PodID, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch for container exits: %w", err)
	}
	for _, dir := range []string{e.records.Exits(), e.records.Pods()} {
		if err := w.Add(dir); err != nil {
			_ = w.Close()
			return nil, fmt.Errorf("watch for container exits: %w", err)
		}
	}
	out := make(chan spec.PodID, 1)
	go func() { // ends with ctx
		defer close(out)
		defer w.Close()
		for {
			select {
			case <-ctx.Done():
				return
			case event, ok := <-w.Events:
				if !ok {
					return
				}
				for _, id := range e.concerned(event) {
					select {
					case out <- id:
					case <-ctx.Done():
						return
					}
				}
			case err := <-w.Errors:
				e.log.Warn("watch for container exits", "error", err)
			}
		}
	}()
	return out, nil
}

// concerned are the pods an event in one of the watched folders is about.
func (e *Engine) concerned(event fsnotify.Event) []spec.PodID {
	name := filepath.Base(event.Name)
	if strings.HasPrefix(name, ".") || event.Op == fsnotify.Chmod {
		return nil
	}
	pods, err := e.records.ListPods()
	if err != nil {
		e.log.Warn("read pod records", "error", err)
	}
	var ids []spec.PodID
	for _, p := range pods {
		if p.ID.UID() == name || e.owns(p.ID, spec.ContainerID(name)) {
			ids = append(ids, p.ID)
		}
	}
	if len(ids) == 0 && filepath.Dir(event.Name) == e.records.Pods() {
		ids = append(ids, "") // a pod that is gone: look at all
	}
	return ids
}

func (e *Engine) owns(pod spec.PodID, c spec.ContainerID) bool {
	if sb, ok, err := e.records.ReadSandbox(pod); err == nil && ok && sb.Infra == c {
		return true
	}
	containers, err := e.records.Containers(pod)
	if err != nil {
		return false
	}
	for _, r := range containers {
		if r.ID == c {
			return true
		}
	}
	return false
}
