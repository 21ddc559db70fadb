package reconciler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"berth/internal/atomicfile"
)

// leftName is the file in the run folder in which a command leaves what it saw
// to the supervisor it starts.
const leftName = "events.json"

// leftEvents is that file.
type leftEvents struct {
	Version int     `json:"version"`
	Events  []Event `json:"events"`
}

const leftVersion = 1

// LeaveEvents leaves events to the supervisor that starts next.
func LeaveEvents(runDir string, events []Event) error {
	if len(events) == 0 {
		return nil
	}
	err := atomicfile.WriteVolatileJSON(filepath.Join(runDir, leftName), leftEvents{leftVersion, events}, 0o600)
	if err != nil {
		return fmt.Errorf("leave events to the supervisor: %w", err)
	}
	return nil
}

// takeLeft takes what a command left. That it cannot be read is told and no
// reason not to supervise.
func (s *Supervisor) takeLeft(ctx context.Context) {
	path := filepath.Join(s.RunDir, leftName)
	var left leftEvents
	err := atomicfile.ReadJSON(path, &left)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err := errors.Join(err, atomicfile.Remove(path)); err != nil {
		s.Log.WarnContext(ctx, "events that a command left", "error", err)
	}
	if left.Version != leftVersion {
		return
	}
	for _, e := range left.Events {
		s.Loop.events.merge(e)
	}
}
