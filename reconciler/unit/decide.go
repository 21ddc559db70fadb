package unit

import (
	"fmt"
	"slices"
	"time"

	"berth/engine/spec"
	"berth/quadlet"
)

// World is what a decision rests on.
type World struct {
	Graph  *Graph
	States map[string]spec.UnitState // by service
	Seen   map[string]Seen           // of what units made
	// Busy are the units with which something is being done.
	Busy map[string]bool
	// Outcomes are what became of steps since the last decision.
	Outcomes []Outcome
	// Prepared are the hashes of the definitions that are ready to be started.
	Prepared map[string]string
	// NotBefore is when a definition that could not be made ready is tried again.
	NotBefore map[string]time.Time
	// Ours reports whether a unit without a service is to go: its file is no more.
	Ours func(*spec.UnitState) bool
	// Demanded are units that are wanted by others than units.
	Demanded map[string]bool
	// Holds looks whether what a condition tests is so.
	Holds func(Condition) bool
	Now   time.Time
}

// Seen is what is observed of the container or pod of a unit. Nothing is seen of
// what is not there.
type Seen struct {
	Running  bool
	Ready    bool // it says that it is up
	ExitCode int  // unless it runs
	Lost     bool // its process is gone and nobody knows how it ended
	Stopped  bool // by hand
}

// StepKind is what is to be done with a unit.
type StepKind string

// The steps. Prepare makes a definition ready to be started and changes nothing;
// Post runs what is to be run once a unit is up, before others may know; Stop removes what a unit made; Forget does too, and the unit's state goes.
const (
	StepPrepare StepKind = "prepare"
	StepStart   StepKind = "start"
	StepPost    StepKind = "start-post"
	StepStop    StepKind = "stop"
	StepForget  StepKind = "forget"
)

// Step is something to be done with a unit. Steps may be done side by side.
type Step struct {
	Kind StepKind
	Unit string
}

// Outcome is what became of a step.
type Outcome struct {
	Step
	Err     string // empty: it was done
	Timeout bool   // it took too long
	Made    bool   // a start made what was not there before
}

// Decision is what a look at all units comes to.
type Decision struct {
	States map[string]spec.UnitState // all of them, as they are from now on
	Steps  []Step
	Cancel []string  // units whose start is no longer wanted
	At     time.Time // when to look again, should nothing happen; zero: never
}

// rounds bounds how long units may move each other without anything being done.
const rounds = 1000

// Decide decides about all units. It is pure.
func Decide(w *World) Decision {
	d := &decider{World: w, states: map[string]*spec.UnitState{}, stepped: map[string]bool{}}
	for name, st := range w.States {
		copied := st
		copied.Starts = slices.Clone(st.Starts)
		d.states[name] = &copied
	}
	for _, o := range w.Outcomes {
		d.outcome(o)
	}
	d.appear()
	for _, name := range sorted(d.states) {
		d.observe(d.states[name])
	}
	for range rounds {
		d.moved = false
		for _, name := range sorted(d.states) {
			d.job(d.states[name])
		}
		d.uphold()
		if !d.moved {
			break
		}
	}
	d.vanish()
	out := d.out
	out.States = map[string]spec.UnitState{}
	for name, st := range d.states {
		out.States[name] = *st
	}
	return out
}

type decider struct {
	*World
	states  map[string]*spec.UnitState
	stepped map[string]bool // units that a step was decided for
	moved   bool
	out     Decision
}

func (d *decider) service(name string) *Service { return d.Graph.Services[name] }

func (d *decider) step(kind StepKind, st *spec.UnitState) {
	d.out.Steps = append(d.out.Steps, Step{kind, st.Name})
	d.stepped[st.Name] = true
}

// busy reports whether a unit is being worked at.
func (d *decider) busy(name string) bool { return d.Busy[name] || d.stepped[name] }

// lookAt has all looked at again then, if not sooner.
func (d *decider) lookAt(at time.Time) {
	if d.out.At.IsZero() || at.Before(d.out.At) {
		d.out.At = at
	}
}

// after has all looked at when so much time has gone by since, and reports whether
// it has.
func (d *decider) after(since time.Time, length time.Duration) bool {
	if length == Forever {
		return false
	}
	at := since.Add(length)
	if !at.After(d.Now) {
		return true
	}
	d.lookAt(at)
	return false
}

// appear takes note of units that are new, and of new definitions.
func (d *decider) appear() {
	for _, name := range d.Graph.Names() {
		s, st := d.service(name), d.states[name]
		if st == nil {
			st = &spec.UnitState{Name: name, Phase: spec.UnitInactive, Since: d.Now}
			d.states[name] = st
		}
		st.File, st.Resource = s.Unit.Path, s.Resource
		switch changed := st.Hash != "" && st.Hash != s.Hash; {
		case changed && (st.Phase.Down() || s.Kept()):
			if st.Job == "" && !d.Busy[name] {
				*st = spec.UnitState{Name: name, File: st.File, Owner: st.Owner, Phase: spec.UnitInactive, Since: d.Now, Resource: st.Resource, Made: st.Made}
				if s.Enabled || d.wanted(name) {
					d.request(name)
				}
			}
		case changed && st.Phase == spec.UnitRestarting:
			st.Starts, st.RetryAt = nil, d.Now // another definition has not failed yet
		case changed && st.Job == "" && st.Phase != spec.UnitStopping:
			st.Job = spec.UnitReplace
		case !changed && st.Job == spec.UnitReplace:
			st.Job, st.Message = "", "" // it is as before again
		}
	}
	for _, name := range d.Graph.Names() { // when all are known
		if s, st := d.service(name), d.states[name]; (s.Enabled || d.Demanded[name]) && st.Hash == "" && st.Phase.Down() {
			d.request(name)
		}
	}
}

// wanted reports whether a unit that is enabled, or up, would have this one started.
func (d *decider) wanted(name string) bool {
	for _, other := range d.Graph.Names() {
		s := d.service(other)
		if (s.Enabled || !d.states[other].Phase.Down()) && slices.Contains(s.pulls(), name) {
			return true
		}
	}
	return false
}

// pulls are the units that are started with one.
func (s *Service) pulls() []string { return slices.Concat(s.Wants, s.Requires, s.BindsTo, s.Upholds) }

// request has a unit started, and what it pulls in.
func (d *decider) request(name string) {
	st := d.states[name]
	switch {
	case st == nil || d.service(name) == nil || st.Job == spec.UnitStart || st.Job == spec.UnitRestart:
		return
	case st.Job == spec.UnitStop:
		st.Job = spec.UnitRestart
		return
	case !st.Phase.Down() && st.Phase != spec.UnitStopping && st.Phase != spec.UnitRestarting:
		return
	}
	st.Job, st.ByHand, d.moved = spec.UnitStart, false, true
	for _, other := range d.service(name).pulls() {
		d.request(other)
	}
}

// end has a unit stopped, or stopped and started again, and with it those that
// cannot be without.
func (d *decider) end(name string, job spec.UnitJob) {
	st := d.states[name]
	if st == nil || st.Job == job || st.Job == spec.UnitStop {
		return
	}
	if st.Phase.Down() {
		if st.Job == spec.UnitStart && job == spec.UnitStop {
			st.Job = ""
		}
		return
	}
	st.Job, d.moved = job, true
	for _, other := range d.Graph.Names() {
		if s := d.service(other); slices.Contains(slices.Concat(s.Requires, s.BindsTo, s.PartOf), name) {
			d.end(other, job)
		}
	}
}

// enter brings a unit into a phase, and tells those that want to know.
func (d *decider) enter(st *spec.UnitState, phase spec.UnitPhase) {
	before := st.Phase
	st.Phase, st.Since, st.Then, d.moved = phase, d.Now, "", true
	if phase != spec.UnitRestarting {
		st.RetryAt = time.Time{}
	}
	s := d.service(st.Name)
	if phase == spec.UnitActive && s != nil {
		st.Result, st.Message = spec.UnitSuccess, ""
	}
	if !phase.Down() && phase != spec.UnitRestarting {
		return
	}
	for _, other := range d.Graph.Names() { // those that are bound to it go with it
		if o := d.states[other]; o != nil && slices.Contains(d.service(other).BindsTo, st.Name) && !o.Phase.Down() && o.Job == "" {
			d.end(other, spec.UnitStop)
		}
	}
	switch {
	case s == nil || before.Down() && phase == spec.UnitInactive:
	case phase == spec.UnitFailed:
		for _, other := range s.OnFailure {
			d.request(other)
		}
	case phase == spec.UnitInactive && st.Result == spec.UnitSuccess && st.Job == "":
		for _, other := range s.OnSuccess {
			d.request(other)
		}
	}
}

// retry is where a unit goes that has ended, or could not be started.
func (d *decider) retry(st *spec.UnitState) spec.UnitPhase {
	s := d.service(st.Name)
	down := spec.UnitFailed
	if st.Result == spec.UnitSuccess {
		down = spec.UnitInactive
	}
	switch {
	case s == nil || st.Job == spec.UnitStop || st.Job == spec.UnitRestart:
		return spec.UnitInactive
	case s.restart.again(st.Result, st.ExitCode):
		return spec.UnitRestarting
	}
	return down
}

// leave brings a unit that is down to where it goes.
func (d *decider) leave(st *spec.UnitState, to spec.UnitPhase) {
	if to == spec.UnitRestarting {
		if s := d.service(st.Name); s != nil {
			st.RetryAt = d.Now.Add(s.restart.wait(st.Restarts))
		}
	}
	d.enter(st, to)
}

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
		if o.Err == "" {
			d.enter(st, spec.UnitActive)
			return
		}
		st.Result, st.Message, st.ExitCode = spec.UnitExitCode, o.Err, StartFailed
		d.stop(st, d.retry(st))
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
	st.Made = st.Made || o.Made
	switch {
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
		if s.Remain {
			d.enter(st, spec.UnitActive)
		} else {
			d.stop(st, d.retry(st))
		}
	default:
		d.enter(st, spec.UnitWaiting)
	}
}

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
		case s.Kept() || !there:
			d.step(StepStart, st)
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
	case s == nil || s.Kept() || s.Oneshot:
	case there && seen.Stopped && !seen.Running:
		st.Result, st.Message = spec.UnitSuccess, "it was stopped by hand"
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
	then := d.retry(st)
	if s.Oneshot && s.Remain && st.Result == spec.UnitSuccess && then == spec.UnitInactive {
		then = spec.UnitActive
	}
	d.stop(st, then)
}

// stop has what a unit made removed; what it comes to then is decided.
func (d *decider) stop(st *spec.UnitState, then spec.UnitPhase) {
	st.Phase, st.Since, st.Then, d.moved = spec.UnitStopping, d.Now, then, true
	d.step(StepStop, st)
}

// vanish has units go whose files are gone.
func (d *decider) vanish() {
	for _, name := range sorted(d.states) {
		st := d.states[name]
		if d.service(name) != nil || !d.Ours(st) || d.busy(name) {
			continue
		}
		if st.Phase.Down() || st.Phase == spec.UnitRestarting || st.Phase == spec.UnitStarting {
			d.step(StepForget, st)
			continue
		}
		if st.Phase != spec.UnitStopping && !d.precedes(name) {
			d.stop(st, spec.UnitInactive)
		}
	}
}

// precedes reports whether a unit that is to go was started before another one
// that is, and is not down yet.
func (d *decider) precedes(name string) bool {
	for _, o := range d.states {
		if d.service(o.Name) == nil && d.Ours(o) && !o.Phase.Down() && slices.Contains(o.After, name) {
			return true
		}
	}
	return false
}

// uphold has started what others want up.
func (d *decider) uphold() {
	for _, name := range d.Graph.Names() {
		s, st := d.service(name), d.states[name]
		if st.Phase.Down() || st.Job != "" {
			d.recover(s, st)
			continue
		}
		for _, other := range s.Upholds {
			o := d.states[other]
			if o == nil || !o.Phase.Down() || o.Job != "" || o.ByHand {
				continue
			}
			if o.Result == spec.UnitStartLimit && !d.after(o.Since, d.service(other).restart.interval) {
				continue
			}
			if o.Result == spec.UnitCondition || o.Result == spec.UnitAssert || o.Result == spec.UnitDependency {
				continue
			}
			d.request(other)
		}
	}
}

// recover has a unit started that was left out because of what it requires, once
// that is up.
func (d *decider) recover(s *Service, st *spec.UnitState) {
	if st.Result != spec.UnitDependency || st.Job != "" || st.Hash != s.Hash {
		return
	}
	if d.lacks(s) == "" && !d.waits(s) {
		d.request(st.Name)
	}
}
