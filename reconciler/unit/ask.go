package unit

import (
	"fmt"

	"berth/engine/spec"
)

// Verb is what a person may ask of a unit: systemctl(1).
type Verb string

// The verbs. Reset forgets a failure, and how often the unit was started lately.
const (
	Start   Verb = "start"
	Stop    Verb = "stop"
	Restart Verb = "restart"
	Reset   Verb = "reset-failed"
)

// Known reports whether it is one of them.
func (v Verb) Known() bool { return v == Start || v == Stop || v == Restart || v == Reset }

// Ask is what a person asks of a unit.
type Ask struct {
	Unit string `json:"unit"`
	Verb Verb   `json:"verb"`
}

// Refuses says why a unit does not do that for a person, nil if it does.
func (s *Service) Refuses(v Verb) error {
	switch {
	case s.noStart && v != Stop && v != Reset:
		return fmt.Errorf("%s: %s is for other units to start (RefuseManualStart=)", s.Unit.Path, s.Name)
	case s.noStop && (v == Stop || v == Restart):
		return fmt.Errorf("%s: %s is for other units to stop (RefuseManualStop=)", s.Unit.Path, s.Name)
	}
	return nil
}

// ask does as a person says.
func (d *decider) ask(a Ask) {
	st := d.states[a.Unit]
	if st == nil || d.service(a.Unit) == nil {
		return
	}
	switch a.Verb {
	case Start:
		d.request(a.Unit)
	case Stop:
		st.ByHand = !st.Phase.Down() || st.Job != "" // nobody's wish has it started again
		d.end(a.Unit, spec.UnitStop)
	case Restart:
		if st.Phase.Down() || st.Job == spec.UnitStop {
			d.request(a.Unit)
			return
		}
		d.end(a.Unit, spec.UnitRestart)
	case Reset:
		st.Starts, st.Restarts = nil, 0
		if st.Phase == spec.UnitFailed {
			st.Result, st.Message, st.ExitCode = spec.UnitSuccess, "", 0
			d.enter(st, spec.UnitInactive)
		}
	}
}
