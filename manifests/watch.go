package manifests

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Times of a watch.
const (
	quietTime   = 20 * time.Millisecond  // without a further change before a folder is read
	mostDelay   = 500 * time.Millisecond // even while changes go on
	busyTime    = 50 * time.Millisecond  // before a file that is being written is looked at again
	pollTime    = 2 * time.Second        // between looks where watching does not work
	rescanTime  = 3 * time.Minute        // between looks for what no event told
	settleLooks = 5                      // at a folder in which new folders keep appearing
)

// sight is what one look at what is watched came to.
type sight struct {
	print string // the same for what says the same
	watch watchSet
	busy  bool   // something is being written: look again soon
	tell  func() // hands it over
}

// watcher hands over what it sees whenever that changes.
type watcher struct {
	name   string
	scan   func() sight
	log    *slog.Logger
	rescan time.Duration

	notify  *fsnotify.Watcher // nil: this host has none left to give
	watched watchSet
	deaf    bool   // something could not be watched
	last    string // the print of what was handed over last
}

// run watches until ctx ends. It hands over the first at once.
func (w *watcher) run(ctx context.Context) {
	var events chan fsnotify.Event
	var errs chan error
	notify, err := fsnotify.NewWatcher()
	if err == nil {
		defer notify.Close()
		w.notify, events, errs = notify, notify.Events, notify.Errors
	} else {
		w.cannotWatch(w.name, err)
	}
	timer := time.NewTimer(0) // the first look
	defer timer.Stop()
	var first time.Time // event since the last look
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-events:
			if !w.watched.wants(filepath.Dir(e.Name), filepath.Base(e.Name)) {
				continue
			}
			if first.IsZero() {
				first = time.Now()
			}
			timer.Reset(min(quietTime, time.Until(first.Add(mostDelay))))
			continue
		case <-errs: // events were lost: look at everything
		case <-timer.C:
		}
		first = time.Time{}
		timer.Reset(w.look())
	}
}

// look scans, watches what there is now, and hands over what is new. It returns when to look again if nothing happens.
func (w *watcher) look() time.Duration {
	seen := w.scan()
	for range settleLooks {
		if !w.follow(seen.watch) {
			break
		}
		seen = w.scan() // what came into a folder before it was watched
	}
	if seen.print != w.last {
		w.last = seen.print
		seen.tell()
	}
	switch {
	case seen.busy:
		return busyTime
	case w.deaf:
		return pollTime
	}
	return w.rescan
}

// follow watches what is to be watched and nothing else, and reports whether
// anything is watched that was not before.
func (w *watcher) follow(want watchSet) (added bool) {
	w.watched = want
	if w.notify == nil {
		return false
	}
	w.deaf = false
	have := map[string]bool{}
	for _, dir := range w.notify.WatchList() {
		have[dir] = true
		if _, wanted := want[dir]; !wanted {
			_ = w.notify.Remove(dir) // it may be gone, and its watch with it
		}
	}
	for dir := range want {
		if have[dir] {
			continue
		}
		if err := w.notify.Add(dir); err != nil {
			w.cannotWatch(dir, err)
			continue
		}
		added = true
	}
	return added
}

// cannotWatch says, once, that changes are looked for instead of waited for.
func (w *watcher) cannotWatch(dir string, err error) {
	if !w.deaf {
		w.log.Warn("folder cannot be watched and is looked at every few seconds; check fs.inotify.max_user_watches and max_user_instances",
			"folder", dir, "error", err)
	}
	w.deaf = true
}
