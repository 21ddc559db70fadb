package unit

import (
	"fmt"
	"slices"

	"berth/engine/spec"
	"berth/quadlet"
)

// outcome takes note of what became of a step.
func (d *decider) outcome(o Outcome) {
	st := d.states[o.Unit]
	if st == nil {
		return
	}
	switch {
	case o.Kind == StepPrepare:
		if st.Message = o.Err; o.Err == "" {
			st.Message = ""
		}
	case o.Kind == StepStart && st.Phase == spec.UnitStarting:
		d.started(st, o)
	case o.Kind == StepPost && st.Phase == spec.UnitWaiting:
		s := d.service(st.Name)
		switch {
		case o.Err != "":
			st.Result, st.Message, st.ExitCode = spec.UnitExitCode, o.Err, StartFailed
			d.stop(st, d.retry(st))
		case s != nil && s.Oneshot:
			d.stop(st, d.done(st, s))
		default:
			d.enter(st, spec.UnitActive)
		}
	case o.Kind == StepStop && st.Phase == spec.UnitStopping:
		if o.Err != "" {
			st.Message = o.Err
		}
		then := st.Then
		if st.Job == spec.UnitStop || st.Job == spec.UnitRestart || then == "" {
			then = spec.UnitInactive
		}
		d.leave(st, then)
	}
}

func (d *decider) started(st *spec.UnitState, o Outcome) {
	s := d.service(st.Name)
	switch {
	case o.Err != "" && (st.Job == spec.UnitStop || st.Job == spec.UnitRestart): // it was canceled
		st.Result, st.Message = spec.UnitSuccess, ""
		if st.ByHand {
			st.Message = stoppedByHand
		}
		d.leave(st, spec.UnitInactive)
	case o.Err != "":
		st.Result, st.Message = spec.UnitExitCode, o.Err
		if st.ExitCode = StartFailed; o.Timeout {
			st.Result = spec.UnitTimeout
		}
		d.leave(st, d.retry(st))
	case s != nil && s.Kept() && len(s.Hooks.StartPost) == 0:
		d.enter(st, spec.UnitActive)
	case s != nil && s.Oneshot && s.Unit.Name.Kind == quadlet.Kube: // nothing stands for its pods
		st.Result, st.Message, st.ExitCode = spec.UnitSuccess, "", 0
		if st.Exited = s.Remain; s.Remain {
			d.enter(st, spec.UnitActive)
		} else {
			d.stop(st, d.retry(st))
		}
	default:
		d.enter(st, spec.UnitWaiting)
	}
}

// stoppedByHand is why a unit is down that a person stopped.
const stoppedByHand = "it was stopped by hand"

// StartFailed is the exit code of a command of berth's that could not make what it
// was to.
const StartFailed = 125

// observe decides about what a unit made, as it is seen.
func (d *decider) observe(st *spec.UnitState) {
	s := d.service(st.Name)
	seen, there := d.Seen[st.Name]
	if d.busy(st.Name) {
		if st.Phase == spec.UnitStarting && (st.Job == spec.UnitStop || st.Job == spec.UnitRestart) {
			d.out.Cancel = append(d.out.Cancel, st.Name)
		}
		return
	}
	switch st.Phase {
	case spec.UnitStarting: // whoever was at it is gone
		switch {
		case s == nil:
			d.enter(st, spec.UnitInactive)
		case s.Kept() || !there || !seen.Running && (seen.Lost || s.Unit.Name.Kind != quadlet.Container):
			d.step(StepStart, st) // what is half made has not ended
		default:
			d.enter(st, spec.UnitWaiting)
			d.waiting(st, s, seen)
		}
	case spec.UnitStopping:
		d.step(StepStop, st)
	case spec.UnitWaiting:
		switch {
		case s == nil:
		case s.Kept():
			d.up(st, s)
		case !there || !seen.Running:
			d.ended(st, s, seen, there)
		default:
			d.waiting(st, s, seen)
		}
	case spec.UnitActive:
		d.active(st, s, seen, there)
	case spec.UnitRestarting:
		if s != nil && st.Job == "" && d.after(st.RetryAt, 0) {
			d.request(st.Name)
		}
	case spec.UnitInactive:
		if st.ByHand && there && seen.Running { // and started again
			st.ByHand = false
			d.enter(st, spec.UnitActive)
		}
	}
}

// waiting decides about a unit that runs and is not up yet.
func (d *decider) waiting(st *spec.UnitState, s *Service, seen Seen) {
	switch {
	case !seen.Running:
		d.ended(st, s, seen, true)
	case !s.Oneshot && seen.Ready:
		d.up(st, s)
	case d.after(st.Begun, s.Within):
		st.Result, st.Message = spec.UnitTimeout, "it did not come up in time (TimeoutStartSec="+s.Within.String()+")"
		d.stop(st, d.retry(st))
	}
}

// up brings a unit up, what is to be run then first.
func (d *decider) up(st *spec.UnitState, s *Service) {
	if len(s.Hooks.StartPost) > 0 {
		d.step(StepPost, st)
		return
	}
	d.enter(st, spec.UnitActive)
}

// active decides about a unit that is up.
func (d *decider) active(st *spec.UnitState, s *Service, seen Seen, there bool) {
	switch {
	case s == nil || s.Kept() || s.Oneshot || st.Exited:
	case there && seen.Stopped && !seen.Running:
		st.Result, st.Message = spec.UnitSuccess, stoppedByHand
		d.enter(st, spec.UnitInactive)
		st.ByHand, st.Job = true, ""
	case !there || !seen.Running:
		d.ended(st, s, seen, there)
	case s.Last && d.membersOver(st):
		st.Result, st.Message = spec.UnitSuccess, ""
		d.stop(st, d.retry(st))
	case d.after(st.Since, s.Longest):
		st.Result, st.Message = spec.UnitTimeout, "it ran longer than it may (RuntimeMaxSec="+s.Longest.String()+")"
		d.stop(st, d.retry(st))
	}
}

// membersOver reports whether the containers of a pod have ended for good, one of
// them at least after it ran there.
func (d *decider) membersOver(pod *spec.UnitState) bool {
	ran := false
	for _, name := range d.Graph.Names() {
		s, st := d.service(name), d.states[name]
		if s.Unit.Name.Kind != quadlet.Container || !slices.Contains(s.BindsTo, pod.Name) {
			continue
		}
		if !st.Phase.Down() || st.Job != "" || st.ByHand || d.busy(name) {
			return false
		}
		ran = ran || !st.Begun.Before(pod.Begun) && !st.Begun.IsZero()
	}
	return ran
}

// ended decides about a unit whose process has ended.
func (d *decider) ended(st *spec.UnitState, s *Service, seen Seen, there bool) {
	if st.ExitCode = seen.ExitCode; !there {
		st.ExitCode = spec.ExitUnknown
	}
	switch {
	case seen.Lost || !there:
		st.Result, st.Message = spec.UnitSignal, "its process was lost"
	case s.restart.clean(st.ExitCode):
		st.Result, st.Message = spec.UnitSuccess, ""
	default:
		st.Result, st.Message = spec.UnitExitCode, fmt.Sprintf("it ended with exit code %d", st.ExitCode)
	}
	if s.Oneshot && st.Result == spec.UnitSuccess && st.Phase == spec.UnitWaiting && len(s.Hooks.StartPost) > 0 {
		d.step(StepPost, st)
		return
	}
	d.stop(st, d.done(st, s))
}

// done is where a unit goes whose process has ended.
func (d *decider) done(st *spec.UnitState, s *Service) spec.UnitPhase {
	if st.Job != spec.UnitStop && st.Job != spec.UnitRestart && s.Remain && st.Result == spec.UnitSuccess {
		st.Exited = true
		return spec.UnitActive
	}
	return d.retry(st)
}
