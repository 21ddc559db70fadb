package oci

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"berth/internal/atomicfile"
	"berth/internal/hostexec"
)

// Start starts a created container; one that runs already is success.
func (r *Runtime) Start(ctx context.Context, c Container) error {
	before, err := r.State(c)
	if err != nil {
		return err
	}
	if before.Running() {
		return nil
	}
	now := time.Now().UTC()
	if _, err := r.call(ctx, c, "start", string(c.ID)); err != nil {
		return r.helperError("start", err)
	}
	if err := recordStart(c, now); err != nil {
		return fmt.Errorf("container was started: %w", err)
	}
	return nil
}

// recordStart adds to process.json when the container was started.
func recordStart(c Container, at time.Time) error {
	record, _, err := readRecord(c)
	if err != nil {
		return err
	}
	record.StartedAt = at
	return atomicfile.WriteVolatileJSON(c.path("process.json"), record, 0o600)
}

// helperError makes a clear error of a failed call of the runtime.
func (r *Runtime) helperError(action string, err error) error {
	var exit *hostexec.ExitError
	if errors.As(err, &exit) && exit.Stderr != "" {
		return runtimeError(filepath.Base(r.runtime), action, exit.Stderr)
	}
	return err
}
