package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
)

// SweepLayers removes the layers that were made before then, when the machine
// started, and that no record knows: where power is cut, the storage may keep what
// our records, which are not synced for each container, have lost. What is younger
// is left alone: somebody may just be making it.
func (e *Engine) SweepLayers(ctx context.Context, before time.Time) error {
	made, err := e.images.Rootfses(ctx)
	if err != nil || len(made) == 0 {
		return err
	}
	own, err := e.owned() // after the layers: what is made is recorded before
	if err != nil || len(own.torn) > 0 {
		return err // a layer may be of a pod that cannot be made out: a person decides
	}
	leaks, err := e.checkLayers(ctx, own)
	for _, leak := range leaks {
		if made, old := made[spec.ContainerID(leak.Name)]; old && made.Before(before) {
			e.log.Info("a layer is removed whose record was lost when the machine went down", "layer", leak.Name)
			err = errors.Join(err, leak.Remove(ctx))
		}
	}
	return err
}

// MachineStart is when the kernel started, by the clock of now.
func MachineStart() (time.Time, error) {
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
		return time.Time{}, fmt.Errorf("read how long the machine is up: %w", err)
	}
	return time.Now().Add(-time.Duration(up.Nano())), nil
}
