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
	log  *slog.Logger
	told sync.Map // of the Processes named
}

// NewTeller has a Teller log by log.
func NewTeller(log *slog.Logger) *Teller { return &Teller{log: log} }

// While watches a wait for the lock on the file at path, until stop: after
// Patience it is logged who holds the lock. what names it for people. As long as
// this process holds it itself, in another goroutine, nothing is said.
func (t *Teller) While(what, path string) (stop func()) {
	var mu sync.Mutex
	var timer *time.Timer
	stopped := false
	look := func() {
		t.tell(what, Of(path))
		mu.Lock()
		defer mu.Unlock()
		if !stopped {
			timer.Reset(Patience)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(Patience, look)
	return func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		timer.Stop()
	}
}

func (t *Teller) tell(what string, holders []Process) {
	if slices.ContainsFunc(holders, func(p Process) bool { return p.PID == os.Getpid() }) {
		return
	}
	for _, p := range holders {
		if _, before := t.told.LoadOrStore(p, true); !before {
			t.log.Warn("waiting for another process", "for", what, "process", p.PID, "program", p.Name)
		}
	}
}
