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
		containers := map[spec.ContainerID]spec.PodID{}
		for {
			select {
			case <-ctx.Done():
				return
			case event, ok := <-w.Events:
				if !ok {
					return
				}
				for _, id := range e.concerned(event, containers) {
					select {
					case out <- id:
					case <-ctx.Done():
						return
					}
				}
			case err := <-w.Errors: // events were lost: look at all
				e.log.Warn("watch for container exits", "error", err)
				select {
				case out <- "":
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return out, nil
}

// concerned are the pods an event in one of the watched folders is about.
func (e *Engine) concerned(event fsnotify.Event, containers map[spec.ContainerID]spec.PodID) []spec.PodID {
	name := filepath.Base(event.Name)
	if strings.HasPrefix(name, ".") || event.Op == fsnotify.Chmod {
		return nil
	}
	if filepath.Dir(event.Name) == e.records.Pods() {
		id, err := e.records.ByUID(name)
		if err != nil {
			return []spec.PodID{""} // its record is gone, or not there yet: look at all
		}
		return []spec.PodID{id}
	}
	id, known := containers[spec.ContainerID(name)]
	if !known {
		e.learn(containers)
		id, known = containers[spec.ContainerID(name)]
	}
	if !known {
		return nil
	}
	return []spec.PodID{id}
}

// learn fills in whose the containers there are now are, anew.
func (e *Engine) learn(containers map[spec.ContainerID]spec.PodID) {
	clear(containers)
	pods, _, err := e.records.ListPods()
	if err != nil {
		e.log.Warn("read pod records", "error", err)
	}
	for _, p := range pods {
		if sb, ok, err := e.records.ReadSandbox(p.ID); err == nil && ok {
			containers[sb.Infra] = p.ID
		}
		records, err := e.records.Containers(p.ID)
		if err != nil {
			continue
		}
		for _, c := range records {
			containers[c.ID] = p.ID
		}
	}
}
