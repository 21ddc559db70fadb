package cmd

import (
	"context"
	"testing"
)

// That it tells of a clock that is set needs a clock: e2e/testdata/vm_clock.txtar.
func TestWatchOfTheClockEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- watchClock(ctx, func() { t.Error("nobody set it") }) }()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
