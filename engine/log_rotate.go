package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"berth/engine/oci"
	"berth/engine/spec"
)

// logWatch remembers the logs of running containers, and how long they were, so
// that as long as none grows too long a look at all of them is a handful of
// system calls a pod.
type logWatch struct {
	mu   sync.Mutex
	pods map[string]*podLogs // by UID
}

// podLogs is what is remembered of a pod's logs.
type podLogs struct {
	// folder is the pod's run folder as it was when the records were read: it
	// gets another time whenever a container was started (state.TellStarted).
	folder os.FileInfo
	logs   []*tendedLog
}

// tendedLog is the log of a container that ran.
type tendedLog struct {
	run    *oci.Runtime
	target oci.Container
	name   string // of the container and its pod, for errors
	path   string
	limit  int64
	seen   os.FileInfo // nil: it has to be looked at closely
}

// RotateLogs rotates the logs of running containers that have grown too long.
// Only a supervisor calls it, at intervals: without one, conmon's own limit
// holds.
func (e *Engine) RotateLogs(ctx context.Context) error {
	folders, err := os.ReadDir(e.records.PodRuns())
	if err != nil {
		return fmt.Errorf("look for logs to rotate: %w", err)
	}
	before := e.logs.take()
	var errs []error
	known := make(map[string]*podLogs, len(folders))
	for _, folder := range folders {
		uid := folder.Name()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		pod, err := e.logsOf(uid, before[uid])
		if errors.Is(err, spec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
			continue // going, or not there yet
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("look for the logs of pod %s: %w", uid, err))
			continue
		}
		known[uid] = pod
		errs = append(errs, pod.tend())
	}
	e.logs.put(known)
	return errors.Join(errs...)
}

// take hands what is remembered to one caller; another finds nothing.
func (w *logWatch) take() map[string]*podLogs {
	w.mu.Lock()
	defer w.mu.Unlock()
	pods := w.pods
	w.pods = nil
	return pods
}

func (w *logWatch) put(pods map[string]*podLogs) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pods = pods
}

// racyTime is how old a folder's time must be for a later change to show: file
// systems know the time as coarsely as the kernel's tick.
const racyTime = time.Second

// logsOf is what there is to tend of a pod: what is remembered, unless something
// was started since.
func (e *Engine) logsOf(uid string, known *podLogs) (*podLogs, error) {
	folder, err := os.Lstat(filepath.Join(e.records.PodRuns(), uid))
	if err != nil {
		return nil, err
	}
	if known != nil && known.folder != nil && known.folder.ModTime().Equal(folder.ModTime()) && os.SameFile(known.folder, folder) {
		return known, nil
	}
	found := &podLogs{}
	if time.Since(folder.ModTime()) > racyTime {
		found.folder = folder
	}
	id, err := e.records.ByUID(uid)
	if err != nil {
		return nil, err
	}
	pod, err := e.records.ReadPod(id)
	if err != nil {
		return nil, err
	}
	run, err := e.runtimeOf(id)
	if err != nil {
		return nil, err
	}
	containers, err := e.records.Containers(id)
	for name, c := range containers {
		log := pod.LogOf(name)
		limit := e.logLimit(log)
		if limit > 0 && readable(log) && c.Ended == nil && c.LogPath != "" && c.Boot == e.records.Boot() {
			found.logs = append(found.logs, &tendedLog{
				run: run, target: e.target(run, id, c), path: c.LogPath, limit: limit,
				name: fmt.Sprintf("container %q of pod %s", name, pod.Key()),
			})
		}
	}
	return found, err
}

// tend tends the logs of one pod and forgets those of containers that ended.
func (p *podLogs) tend() error {
	var errs []error
	running := p.logs[:0]
	for _, l := range p.logs {
		stays, err := l.tend()
		if err != nil {
			errs = append(errs, fmt.Errorf("rotate the log of %s: %w", l.name, err))
		}
		if stays {
			running = append(running, l)
		}
	}
	clear(p.logs[len(running):])
	p.logs = running
	return errors.Join(errs...)
}

// tend has a log rotated that needs it and reports whether it may need it again.
func (l *tendedLog) tend() (stays bool, err error) {
	before, err := os.Stat(l.path)
	if err == nil && l.seen != nil && os.SameFile(before, l.seen) && before.Size() >= l.seen.Size() && before.Size() < l.limit {
		l.seen = before
		return true, nil
	}
	if err != nil {
		before = nil // it may be in the midst of a rotation
	}
	l.seen = nil
	state, err := l.run.State(l.target)
	if err != nil {
		return true, err
	}
	if !state.Running() {
		return state.State == spec.StateCreated, nil
	}
	if err := l.run.TendLog(l.target, l.path, l.limit, oci.DefaultLogFiles); err != nil {
		return true, err
	}
	// Only what was found as it had been left needs no second look.
	if after, err := os.Stat(l.path); err == nil && before != nil && os.SameFile(before, after) {
		l.seen = after
	}
	return true, nil
}
