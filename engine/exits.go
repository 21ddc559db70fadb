package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fsnotify/fsnotify"

	"berth/engine/network"
	"berth/engine/oci"
	"berth/engine/spec"
)

// Exits tells of pods that may have changed: a container ended, its conmon was
// killed, the pod's network namespace was taken away, or the pod was made, is to
// be removed or was, by whichever process. It is a hint to look, not a record: bursts are
// folded, and what happens while nobody reads is not queued. The channel closes
// when ctx ends.
//
// What a container's end leaves is a file. A killed conmon leaves none, so
// conmons are watched as processes: those there are at first, and those of a pod
// when one of its containers has been started (state.Store.TellStarted).
func (e *Engine) Exits(ctx context.Context) (<-chan spec.PodID, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch for container exits: %w", err)
	}
	for _, dir := range []string{e.records.Exits(), e.records.Pods(), e.records.PodRuns()} {
		if err := w.Add(dir); err != nil {
			_ = w.Close()
			return nil, fmt.Errorf("watch for container exits: %w", err)
		}
	}
	ends, err := oci.NewEnds()
	if err != nil {
		_ = w.Close()
		return nil, fmt.Errorf("watch for container exits: %w", err)
	}
	mounts, err := watchMounts(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("watch for container exits: %w", err), ends.Close(), w.Close())
	}
	x := &exits{
		e: e, ends: ends, out: make(chan spec.PodID, 1),
		containers: map[spec.ContainerID]spec.PodID{}, pinned: map[spec.PodID]bool{},
	}
	go func() { // ends with ctx
		defer close(x.out)
		defer ends.Close()
		defer w.Close()
		x.run(ctx, w, x.follow(ctx), mounts)
	}()
	return x.out, nil
}

// exits is one call of Exits.
type exits struct {
	e    *Engine
	ends *oci.Ends
	out  chan spec.PodID

	containers map[spec.ContainerID]spec.PodID
	pinned     map[spec.PodID]bool // pods whose network namespace was there
}

// follow hands on what oci.Ends tells, until that is closed or ctx ends.
func (x *exits) follow(ctx context.Context) <-chan []spec.ContainerID {
	ended := make(chan []spec.ContainerID)
	go func() {
		for {
			conmons, err := x.ends.Wait()
			if err != nil {
				return
			}
			select {
			case ended <- conmons:
			case <-ctx.Done():
				return
			}
		}
	}()
	return ended
}

func (x *exits) run(ctx context.Context, w *fsnotify.Watcher, conmons <-chan []spec.ContainerID, mounts <-chan struct{}) {
	if !x.tell(ctx, x.learn()) {
		return
	}
	for {
		var pods []spec.PodID
		select {
		case <-ctx.Done():
			return
		case event, ok := <-w.Events:
			if !ok {
				return
			}
			pods = x.concerned(event)
		case ended := <-conmons:
			pods = x.bereft(ended)
		case <-mounts:
			pods = x.unpinned()
		case err := <-w.Errors: // events were lost: look at all
			x.e.log.Warn("watch for container exits", "error", err)
			x.learn()
			pods = []spec.PodID{""}
		}
		if !x.tell(ctx, pods) {
			return
		}
	}
}

// tell sends each pod once, unless ctx ends before.
func (x *exits) tell(ctx context.Context, pods []spec.PodID) bool {
	slices.Sort(pods)
	for _, id := range slices.Compact(pods) {
		select {
		case x.out <- id:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// concerned are the pods an event in one of the watched folders is about.
func (x *exits) concerned(event fsnotify.Event) []spec.PodID {
	dir, name := filepath.Dir(event.Name), filepath.Base(event.Name)
	switch {
	case dir == x.e.records.PodRuns():
		if event.Op != fsnotify.Chmod {
			return nil
		}
		id, err := x.e.records.ByUID(name)
		if err != nil {
			return nil // it has gone
		}
		pods := x.look(id)
		if r, err := x.e.records.ReadRemoval(id); err == nil && r != nil {
			pods = append(pods, id)
		}
		return pods
	case strings.Contains(name, ".") || event.Op == fsnotify.Chmod: // a file being written
		return nil
	case dir == x.e.records.Pods():
		id, err := x.e.records.ByUID(name)
		if err != nil {
			return []spec.PodID{""} // its record is gone, or not there yet: look at all
		}
		return []spec.PodID{id}
	}
	c := spec.ContainerID(name)
	if event.Op == fsnotify.Remove {
		delete(x.containers, c)
		return nil
	}
	if _, known := x.containers[c]; !known {
		if _, _, there, err := oci.ReadExit(x.e.records.Exits(), c); err == nil && !there {
			return nil // who cleared it away knew
		}
		x.learn()
	}
	if id, known := x.containers[c]; known {
		return []spec.PodID{id}
	}
	return nil
}

// bereft are the pods whose conmons ended and left no exit file.
func (x *exits) bereft(ended []spec.ContainerID) []spec.PodID {
	var pods []spec.PodID
	for _, c := range ended {
		id, known := x.containers[c]
		if _, _, left, err := oci.ReadExit(x.e.records.Exits(), c); known && (err != nil || !left) {
			pods = append(pods, id)
			delete(x.containers, c)
			x.look(id) // one made by hand may run again by now
		}
	}
	return pods
}

// unpinned are the pods that have lost their network namespace.
func (x *exits) unpinned() []spec.PodID {
	var pods []spec.PodID
	for id := range x.pinned {
		if !network.NamespaceAlive(x.e.records.Netns(id)) {
			delete(x.pinned, id)
			pods = append(pods, id)
		}
	}
	return pods
}

// learn fills in whose the containers there are now are, anew, and returns the
// pods that are bereft already.
func (x *exits) learn() []spec.PodID {
	clear(x.containers)
	clear(x.pinned)
	pods, _, err := x.e.records.ListPods()
	if err != nil {
		x.e.log.Warn("read pod records", "error", err)
	}
	var hurt []spec.PodID
	for _, p := range pods {
		hurt = append(hurt, x.look(p.ID)...)
	}
	return hurt
}

// look takes note of a pod's containers and has their conmons watched. It
// returns the pod if one of them is gone and has left nothing, or its network
// namespace is.
func (x *exits) look(id spec.PodID) []spec.PodID {
	sb, up, err := x.e.records.ReadSandbox(id)
	if err != nil || !up {
		return nil // and nothing runs in it
	}
	var hurt []spec.PodID
	switch {
	case len(sb.Lease) == 0:
	case network.NamespaceAlive(x.e.records.Netns(id)):
		x.pinned[id] = true
	case sb.Ready:
		hurt = []spec.PodID{id}
	}
	names := map[string]spec.ContainerID{}
	if !sb.NoInfra {
		names[infraName] = sb.Infra
	}
	records, err := x.e.records.Containers(id)
	for name, c := range records {
		x.containers[c.ID] = id
		if c.Ended == nil {
			names[name] = c.ID
		}
	}
	for name, c := range names {
		x.containers[c] = id
		gone, watchErr := x.ends.Watch(oci.Container{ID: c, Bundle: x.e.records.Bundle(id, name)})
		err = errors.Join(err, watchErr)
		if _, _, ended, exitErr := oci.ReadExit(x.e.records.Exits(), c); gone && exitErr == nil && !ended {
			hurt = []spec.PodID{id}
		}
	}
	if err != nil {
		x.e.log.Warn("watch for the end of containers", "pod", id.Short(), "error", err)
	}
	return hurt
}
