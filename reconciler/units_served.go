package reconciler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"berth/engine/spec"
	"berth/reconciler/autoupdate"
)

// ServedUnits are the units that a supervisor runs, as auto-update restarts them.
type ServedUnits struct{ Client *Client }

var _ autoupdate.Units = ServedUnits{}

// Restart has a unit made anew, and waits until it is.
func (s ServedUnits) Restart(ctx context.Context, unit string) error {
	before, err := s.view(ctx, unit)
	if err != nil {
		return err
	}
	if err := s.Client.RenewUnit(ctx, unit); err != nil {
		return err
	}
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	for {
		now, err := s.view(ctx, unit)
		if err != nil {
			return err
		}
		if done, err := madeAnew(&before, &now); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		}
	}
}

// madeAnew reports whether a unit that was to be made anew is.
func madeAnew(before, now *UnitView) (bool, error) {
	if now.Since.Equal(before.Since) {
		if now.Status == "active" && now.Message != "" && now.Message != before.Message {
			return false, errors.New(now.Message) // it cannot be replaced
		}
		return false, nil
	}
	if now.Status == "failed" {
		return false, fmt.Errorf("it has failed: %s", cmp.Or(now.Message, string(now.Result)))
	}
	return now.Status == "active" || now.Status == "inactive", nil
}

// State says how a unit does. One that the supervisor does not run is
// spec.ErrNotFound.
func (s ServedUnits) State(ctx context.Context, unit string) (autoupdate.UnitState, error) {
	v, err := s.view(ctx, unit)
	if err != nil {
		return autoupdate.UnitState{}, err
	}
	return autoupdate.UnitState{Status: v.Status, Start: v.Since.String(), Why: cmp.Or(v.Message, string(v.Result))}, nil
}

func (s ServedUnits) view(ctx context.Context, unit string) (UnitView, error) {
	views, err := s.Client.Units(ctx)
	if err != nil {
		return UnitView{}, err
	}
	for i := range views {
		if views[i].Service == unit {
			return views[i], nil
		}
	}
	return UnitView{}, fmt.Errorf("unit %s: %w", unit, spec.ErrNotFound)
}
