package holder

import (
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

// Patience is how long a lock is waited for before that is worth a word.
const Patience = 3 * time.Second

// Teller logs who is waited for, each process once.
type Teller struct {
	log *slog.Logger

	mu    sync.Mutex
	waits map[*wait]bool
	timer *time.Timer      // runs while there are waits
	told  map[Process]bool // those named
}

// wait is one wait for a lock.
type wait struct {
	what, path string
	since      time.Time
}

// NewTeller has a Teller log by log.
func NewTeller(log *slog.Logger) *Teller {
	return &Teller{log: log, waits: map[*wait]bool{}, told: map[Process]bool{}}
}

// While watches a wait for the lock on the file at path, until stop: after
// Patience, or twice that, it is logged who holds the lock. what names it for
// people. As long as this process holds it itself, in another goroutine, nothing
// is said.
func (t *Teller) While(what, path string) (stop func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := &wait{what, path, time.Now()}
	t.waits[w] = true
	if t.timer == nil {
		t.timer = time.AfterFunc(Patience, t.look)
	}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.waits, w)
		if len(t.waits) == 0 && t.timer != nil {
			t.timer.Stop()
			t.timer = nil
		}
	}
}

// look names the holders of all locks that have been waited for long. It looks
// for them together: that is a look at all that every process has open.
func (t *Teller) look() {
	long := t.long()
	var paths []string
	for _, w := range long {
		paths = append(paths, w.path)
	}
	holders := Of(paths...)
	for _, w := range long {
		t.tell(w.what, holders[w.path])
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer != nil {
		t.timer.Reset(Patience)
	}
}

// long are the waits that have lasted for Patience, the oldest first.
func (t *Teller) long() []*wait {
	t.mu.Lock()
	defer t.mu.Unlock()
	var long []*wait
	for w := range t.waits {
		if time.Since(w.since) >= Patience {
			long = append(long, w)
		}
	}
	slices.SortFunc(long, func(a, b *wait) int { return a.since.Compare(b.since) })
	return long
}

func (t *Teller) tell(what string, holders []Process) {
	if slices.ContainsFunc(holders, func(p Process) bool { return p.PID == os.Getpid() }) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range holders {
		if !t.told[p] {
			t.told[p] = true
			t.log.Warn("waiting for another process", "for", what, "process", p.PID, "program", p.Name)
		}
	}
}
