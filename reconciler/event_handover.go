package reconciler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"berth/internal/atomicfile"
)

// leftName is the file in the run folder in which is left to the supervisor that
// starts next what a command saw, and what a supervisor that ended knew.
const leftName = "events.json"

// leftEvents is that file.
type leftEvents struct {
	Version int     `json:"version"`
	Events  []Event `json:"events"`
}

const leftVersion = 1

// LeaveEvents leaves events to the supervisor that starts next, with those that
// were left before.
func LeaveEvents(runDir string, events []Event) error {
	if len(events) == 0 {
		return nil
	}
	var all Events
	before, _ := readLeft(runDir) // what cannot be read is replaced
	for _, e := range append(before, events...) {
		all.merge(e)
	}
	err := atomicfile.WriteVolatileJSON(filepath.Join(runDir, leftName), leftEvents{leftVersion, all.list()}, 0o600)
	if err != nil {
		return fmt.Errorf("leave events to the supervisor: %w", err)
	}
	return nil
}

// ForgetEvents forgets what was left.
func ForgetEvents(runDir string) error { return atomicfile.Remove(filepath.Join(runDir, leftName)) }

// KnownEvents are the events that the supervisor knows, or where there is none
// those that were left to the next; the oldest first.
func KnownEvents(ctx context.Context, runDir string) []Event {
	client := NewClient(runDir)
	events, err := client.Events(ctx)
	if err == nil {
		return events
	}
	// One on demand that ends does not answer any more, and leaves them with its end.
	wait, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := AwaitEnd(wait, runDir); err != nil { // another has come instead
		if events, err := client.Events(ctx); err == nil {
			return events
		}
	}
	events, _ = readLeft(runDir) // it may be there, or not
	return events
}

func readLeft(runDir string) ([]Event, error) {
	var left leftEvents
	err := atomicfile.ReadJSON(filepath.Join(runDir, leftName), &left)
	if err != nil || left.Version != leftVersion {
		return nil, err
	}
	return left.Events, nil
}

// takeLeft takes what was left. That it cannot be read is told and no reason not
// to supervise.
func (s *Supervisor) takeLeft(ctx context.Context) {
	events, err := readLeft(s.RunDir)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err := errors.Join(err, atomicfile.Remove(filepath.Join(s.RunDir, leftName))); err != nil {
		s.Log.WarnContext(ctx, "events that were left", "error", err)
	}
	for _, e := range events {
		s.Loop.events.merge(e)
	}
}
