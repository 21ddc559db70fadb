package cmd

import (
	"context"
	"fmt"
	"time"
)

// repeat does something now and again after each interval, until ctx ends; clear
// makes the screen empty before, if there is one.
func (a *app) repeat(ctx context.Context, every time.Duration, clear bool, do func() error) error {
	clear = clear && isTerminal(a.out)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if clear {
			fmt.Fprint(a.out, "\x1b[H\x1b[2J")
		}
		if err := do(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
