package reconciler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"berth/engine/spec"
	"berth/reconciler/autoupdate"
	"berth/reconciler/unit"
)

// ServedUnits are the units that a supervisor runs, for those who ask it to start and
// stop them, and as auto-update restarts them.
type ServedUnits struct{ Client *Client }

var _ autoupdate.Units = ServedUnits{}

// Find is the unit a person means by a name; none is spec.ErrNotFound.
func (s ServedUnits) Find(ctx context.Context, name string) (UnitView, error) {
	views, err := s.Client.Units(ctx)
	if err != nil {
		return UnitView{}, err
	}
	return UnitNamed(views, name, func(v UnitView) (string, string) { return v.Name, v.Service })
}

// Ask has done with a unit what a person asks for, and waits until it is.
func (s ServedUnits) Ask(ctx context.Context, a unit.Ask) error {
	if err := s.Client.AskUnit(ctx, a); err != nil {
		return err
	}
	return s.await(ctx, a.Unit, func(now *UnitView) (bool, error) { return askDone(a.Verb, now) })
}

// Restart has a unit made anew, and waits until it is.
func (s ServedUnits) Restart(ctx context.Context, service string) error {
	before, err := s.view(ctx, service)
	if err != nil {
		return err
	}
	if err := s.Client.RenewUnit(ctx, service); err != nil {
		return err
	}
	return s.await(ctx, service, func(now *UnitView) (bool, error) { return madeAnew(&before, now) })
}

// await looks at a unit until done says that it is, or fails.
func (s ServedUnits) await(ctx context.Context, service string, done func(*UnitView) (bool, error)) error {
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	for {
		now, err := s.view(ctx, service)
		if err != nil {
			return err
		}
		if is, err := done(&now); is || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		}
	}
}

// askDone reports whether what was asked for is done; an error says that it cannot be.
func askDone(v unit.Verb, now *UnitView) (bool, error) {
	why := cmp.Or(now.Message, string(now.Result))
	switch {
	case now.Job != "" || now.Status == "deactivating" || now.Status == "activating" && now.Sub == "start":
		return false, nil
	case v == unit.Stop || v == unit.Reset:
		return true, nil
	case now.Result == spec.UnitStartLimit:
		return false, fmt.Errorf("%s: berth quadlet reset-failed forgets that", why)
	case now.Status == "failed" || now.Result == spec.UnitDependency:
		return false, errors.New(why)
	case now.Status == "activating":
		return false, fmt.Errorf("it is tried again, since %s", why)
	}
	return true, nil
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
func (s ServedUnits) State(ctx context.Context, service string) (autoupdate.UnitState, error) {
	v, err := s.view(ctx, service)
	if err != nil {
		return autoupdate.UnitState{}, err
	}
	return autoupdate.UnitState{Status: v.Status, Start: v.Since.String(), Why: cmp.Or(v.Message, string(v.Result))}, nil
}

func (s ServedUnits) view(ctx context.Context, service string) (UnitView, error) {
	views, err := s.Client.Units(ctx)
	if err != nil {
		return UnitView{}, err
	}
	for i := range views {
		if views[i].Service == service {
			return views[i], nil
		}
	}
	return UnitView{}, fmt.Errorf("unit %s: %w", service, spec.ErrNotFound)
}
