package unit

import (
	"fmt"
	"slices"
	"time"

	"berth/engine/spec"
	"berth/quadlet"
)

// job goes on with what is to be done with a unit, if others let it.
func (d *decider) job(st *spec.UnitState) {
	s := d.service(st.Name)
	switch st.Job {
	case spec.UnitStop, spec.UnitRestart:
		d.stopJob(st)
	case spec.UnitReplace:
		switch {
		case s == nil:
			st.Job = ""
		case st.Phase.Down():
			st.Job = ""
			d.request(st.Name)
		case d.Prepared[st.Name] == s.Hash && s.Unit.Name.Kind == quadlet.Kube:
			st.Job, st.Hash, d.moved = "", s.Hash, true // it was played: that is all
		case d.Prepared[st.Name] == s.Hash:
			st.Job = ""
			d.end(st.Name, spec.UnitRestart)
		case d.busy(st.Name):
		case d.NotBefore[st.Name].After(d.Now):
			d.lookAt(d.NotBefore[st.Name])
		default:
			d.step(StepPrepare, st)
		}
	case spec.UnitStart:
		if s == nil {
			st.Job = ""
			return
		}
		d.startJob(st, s)
	}
}

// stopJob stops a unit once what comes after it is down.
func (d *decider) stopJob(st *spec.UnitState) {
	switch {
	case d.busy(st.Name):
		return
	case st.Phase.Down() || st.Phase == spec.UnitRestarting:
		again := st.Job == spec.UnitRestart
		st.Job, d.moved = "", true
		if st.Phase == spec.UnitRestarting {
			d.enter(st, spec.UnitInactive)
		}
		if again {
			st.Starts, st.Restarts = nil, 0
			d.request(st.Name)
		}
		return
	case st.Phase == spec.UnitStopping:
		return
	}
	for _, other := range d.Graph.Names() {
		o := d.states[other]
		ending := o.Job == spec.UnitStop || o.Job == spec.UnitRestart || o.Phase == spec.UnitStopping
		if slices.Contains(d.service(other).After, st.Name) && ending && !o.Phase.Down() {
			return
		}
	}
	st.Result, st.Message = spec.UnitSuccess, ""
	if st.ByHand {
		st.Message = stoppedByHand
	}
	d.stop(st, spec.UnitInactive)
}

// startJob starts a unit once what it is after is up, or has failed.
func (d *decider) startJob(st *spec.UnitState, s *Service) {
	if d.busy(st.Name) || st.Phase == spec.UnitStopping || d.waits(s) {
		return
	}
	if !st.Phase.Down() && st.Phase != spec.UnitRestarting {
		st.Job = ""
		return
	}
	auto := st.Phase == spec.UnitRestarting
	if why := d.lacks(s); why != "" {
		d.refuse(st, s, spec.UnitDependency, why)
		return
	}
	if c := unmet(s.Conditions, false, d.Holds); c != nil {
		d.refuse(st, s, spec.UnitCondition, c.String()+" is not met")
		return
	}
	if c := unmet(s.Conditions, true, d.Holds); c != nil {
		d.refuse(st, s, spec.UnitAssert, c.String()+" is not met")
		return
	}
	if s.restart.tooOften(st.Starts, d.Now) {
		d.refuse(st, s, spec.UnitStartLimit, fmt.Sprintf("it was started %d times within %s (StartLimitBurst=, StartLimitIntervalSec=)", s.restart.burst, s.restart.interval))
		return
	}
	if !s.Kept() { // those are there or not
		st.Starts = append(s.restart.counted(st.Starts, d.Now), d.Now)
	}
	if auto {
		st.Restarts++
	}
	st.Job, st.Hash, st.Begun, st.RetryAt, st.Result, st.Message = "", s.Hash, d.Now, time.Time{}, "", ""
	st.Exited = false
	st.After = s.After
	d.enter(st, spec.UnitStarting)
	d.step(StepStart, st)
}

// refuse has a unit stay down.
func (d *decider) refuse(st *spec.UnitState, s *Service, result spec.UnitResult, why string) {
	st.Job, st.Hash, st.Result, st.Message = "", s.Hash, result, why
	to := spec.UnitFailed
	if result == spec.UnitCondition || result == spec.UnitDependency {
		to = spec.UnitInactive // systemd's word for both
	}
	d.enter(st, to)
	if result == spec.UnitDependency {
		for _, other := range s.OnFailure {
			d.request(other)
		}
	}
}

// waits reports whether a unit is after one that is on its way, up or down, or one
// that it conflicts with is not down yet.
func (d *decider) waits(s *Service) bool {
	for _, other := range d.conflicting(s.Name) {
		if o := d.states[other]; o != nil && !o.Phase.Down() {
			return true
		}
	}
	return slices.ContainsFunc(s.After, func(name string) bool {
		o := d.states[name]
		if o == nil {
			return false
		}
		switch o.Phase {
		case spec.UnitStarting, spec.UnitWaiting, spec.UnitStopping:
			return true
		}
		return o.Job == spec.UnitStart || o.Job == spec.UnitRestart || o.Job == spec.UnitStop && !o.Phase.Down()
	})
}

// lacks says which unit is not there that another cannot be without, or "".
func (d *decider) lacks(s *Service) string {
	for _, need := range []struct {
		key   string
		names []string
	}{{"Requires", s.Requires}, {"BindsTo", s.BindsTo}, {"Requisite", s.Requisite}} {
		for _, name := range need.names {
			o := d.states[name]
			if d.service(name) == nil && (o == nil || o.Phase != spec.UnitActive) {
				return fmt.Sprintf("%s=%s, whose unit file has errors", need.key, name)
			}
			if !slices.Contains(s.After, name) && need.key != "Requisite" || o.Phase == spec.UnitActive {
				continue
			}
			fine := o.Phase == spec.UnitInactive && (o.Result == spec.UnitSuccess || o.Result == spec.UnitCondition) && !o.ByHand
			if need.key != "Requires" || !fine {
				return fmt.Sprintf("%s=%s, which is %s", need.key, name, o.Phase)
			}
		}
	}
	return ""
}
