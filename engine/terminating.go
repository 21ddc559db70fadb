package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"berth/engine/spec"
	"berth/engine/state"
	"berth/internal/deadline"
)

// terminations are the contexts of Terminating that have not ended. One watcher
// serves them all: a host has few to give.
type terminations struct {
	mu      sync.Mutex
	watcher *fsnotify.Watcher // nil while there is none
	pods    map[string]termination
}

// termination is how a pod ends, by its run folder.
type termination struct {
	id        spec.PodID
	deadlines map[*deadline.Deadline]spec.ContainerID // and the container each is of; a pod's is its infra container
}

// Terminating is a context that ends when the termination of a container, or
// with the name "" of the whole pod, must be over: at the deadline given, or
// sooner if Hasten says so of the same, in whichever process, now or before, of
// this container or this sandbox. Its cause is context.DeadlineExceeded then. It
// does not need the pod's lock.
func (e *Engine) Terminating(ctx context.Context, id spec.PodID, name string, at time.Time) (context.Context, context.CancelFunc, error) {
	what, err := e.hastened(id, name)
	if err != nil {
		return nil, nil, err
	}
	ctx, d := deadline.With(ctx, at)
	if what == "" {
		return ctx, d.Stop, nil // nothing can be hastened that is not up
	}
	folder := e.records.PodRun(id)
	if err := e.ends.add(folder, id, d, what, e.shorten); err != nil {
		// A host that has no more watches: better end late than not at all.
		e.log.Warn("a termination that is under way cannot be shortened", "pod", id.Short(), "error", err)
	}
	stop := func() {
		e.ends.remove(folder, d)
		d.Stop()
	}
	// Only now: what is said from here on, the watcher sees.
	hastened, said, err := e.records.ReadHaste(id, what)
	if err != nil {
		stop()
		return nil, nil, err
	}
	if said {
		d.Sooner(hastened)
	}
	return ctx, stop, nil
}

// Hasten has the terminations of a container, or with the name "" of the pod's
// present sandbox, be over by then: those under way and those that follow. It
// never makes one longer. It does not need the pod's lock.
func (e *Engine) Hasten(_ context.Context, id spec.PodID, name string, at time.Time) error {
	what, err := e.hastened(id, name)
	if err != nil || what == "" {
		return err // nothing is up that could end sooner
	}
	there := []spec.ContainerID{what}
	if name != "" {
		if there, err = e.present(id); err != nil {
			return err
		}
	}
	return e.records.Hasten(id, what, at, there)
}

// hastened is under what it is told by when a container of the pod, or with the
// name "" all of it, must be gone; "" if it is not up.
func (e *Engine) hastened(id spec.PodID, name string) (spec.ContainerID, error) {
	sb, ok, err := e.records.ReadSandbox(id)
	switch {
	case err != nil:
		return "", err
	case !ok:
		_, err := e.records.ReadPod(id)
		return "", err
	case name == "":
		return sb.Infra, nil
	}
	c, err := e.records.ReadContainer(id, name)
	if errors.Is(err, spec.ErrNotFound) {
		return "", nil
	}
	return runOf(c), err
}

// runOf tells one run of a container from the next: one made by hand keeps its ID.
func runOf(c state.Container) spec.ContainerID {
	return c.ID + spec.ContainerID("/"+strconv.Itoa(c.Attempt))
}

// present is under what it may be told of the pod's containers, its infra
// container among them.
func (e *Engine) present(id spec.PodID) ([]spec.ContainerID, error) {
	sb, _, err := e.records.ReadSandbox(id)
	if err != nil {
		return nil, err
	}
	containers, err := e.records.Containers(id)
	list := []spec.ContainerID{sb.Infra}
	for _, c := range containers {
		list = append(list, runOf(c))
	}
	return list, err
}

// shorten moves the deadlines of a pod to where Hasten wants them.
func (e *Engine) shorten(t termination) {
	for d, c := range t.deadlines {
		at, said, err := e.records.ReadHaste(t.id, c)
		switch {
		case err != nil:
			e.log.Warn("read by when a pod must have ended", "pod", t.id.Short(), "error", err)
		case said:
			d.Sooner(at)
		}
	}
}

// add has changed called whenever somebody hastens the pod of that folder.
func (t *terminations) add(folder string, id spec.PodID, d *deadline.Deadline, c spec.ContainerID, changed func(termination)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.watcher == nil {
		w, err := fsnotify.NewWatcher()
		if err != nil {
			return fmt.Errorf("watch for shortened terminations: %w", err)
		}
		t.watcher, t.pods = w, map[string]termination{}
		go t.follow(w, changed)
	}
	pod, watched := t.pods[folder]
	if !watched {
		if err := t.watcher.Add(folder); err != nil {
			t.closeIdle()
			return fmt.Errorf("watch for shortened terminations: %w", err)
		}
		pod = termination{id, map[*deadline.Deadline]spec.ContainerID{}}
		t.pods[folder] = pod
	}
	pod.deadlines[d] = c
	return nil
}

// remove forgets a deadline, and with the last one of a pod its folder.
func (t *terminations) remove(folder string, d *deadline.Deadline) {
	t.mu.Lock()
	defer t.mu.Unlock()
	pod, watched := t.pods[folder]
	if !watched {
		return
	}
	delete(pod.deadlines, d)
	if len(pod.deadlines) > 0 {
		return
	}
	delete(t.pods, folder)
	_ = t.watcher.Remove(folder) // it may have gone with its pod
	t.closeIdle()
}

// closeIdle closes the watcher when nobody needs it. The mutex is held.
func (t *terminations) closeIdle() {
	if len(t.pods) == 0 && t.watcher != nil {
		_ = t.watcher.Close()
		t.watcher = nil
	}
}

// follow reads a watcher until it is closed.
func (t *terminations) follow(w *fsnotify.Watcher, changed func(termination)) {
	for {
		select {
		case event, ok := <-w.Events:
			if !ok {
				return
			}
			if filepath.Base(event.Name) == state.HasteFile {
				for _, pod := range t.watched(filepath.Dir(event.Name)) {
					changed(pod)
				}
			}
		case _, ok := <-w.Errors: // events were lost: look at all
			if !ok {
				return
			}
			for _, pod := range t.watched("") {
				changed(pod)
			}
		}
	}
}

// watched copies what is known of the pod of that folder; "" is all.
func (t *terminations) watched(folder string) []termination {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []termination
	for at, pod := range t.pods {
		if folder == "" || at == folder {
			list = append(list, termination{pod.id, maps.Clone(pod.deadlines)})
		}
	}
	return list
}
