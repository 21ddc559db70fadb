package unit

import (
	"slices"
	"time"

	"berth/engine/spec"
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
	// Asks are what people asked for since, in this order.
	Asks []Ask
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
	for _, a := range w.Asks {
		d.ask(a)
	}
	for _, name := range sorted(d.states) {
		d.observe(d.states[name])
	}
	for range rounds {
		d.moved = false
		for _, name := range sorted(d.states) {
			d.job(d.states[name])
		}
		d.uphold()
		d.dismiss()
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
				*st = spec.UnitState{Name: name, File: st.File, Owner: st.Owner, Phase: spec.UnitInactive, Since: d.Now, Resource: st.Resource}
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
	for _, other := range d.conflicting(name) {
		d.oust(other, name)
	}
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
		s := d.service(other)
		if slices.Contains(slices.Concat(s.Requires, s.Requisite, s.BindsTo, s.PartOf), name) || job == spec.UnitStop && d.stopsTo(name, other) {
			d.end(other, job)
		}
	}
}

// stopsTo reports whether the end of a unit is that of another: PropagatesStopTo=.
func (d *decider) stopsTo(name, other string) bool {
	s := d.service(name)
	return s != nil && slices.Contains(s.StopsTo, other)
}

// conflicting are the units that are not up at the same time as one, in order.
func (d *decider) conflicting(name string) []string {
	var out []string
	for _, other := range d.Graph.Names() {
		if slices.Contains(d.service(name).Conflicts, other) || slices.Contains(d.service(other).Conflicts, name) {
			out = append(out, other)
		}
	}
	return out
}

// oust has a unit stopped, or not started, for one that it conflicts with.
func (d *decider) oust(name, by string) {
	st := d.states[name]
	if st == nil {
		return
	}
	d.end(name, spec.UnitStop)
	if st.Phase.Down() && st.Hash == "" { // at first, the first by name is started
		st.Hash, st.Message = d.service(name).Hash, "Conflicts=, for "+by+" was started"
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
	if !phase.Down() && (phase != spec.UnitRestarting || s != nil && s.restart.direct) {
		return
	}
	for _, other := range d.Graph.Names() { // those that are bound to it go with it
		bound := slices.Contains(d.service(other).BindsTo, st.Name) || d.stopsTo(st.Name, other)
		if o := d.states[other]; o != nil && bound && !o.Phase.Down() && o.Job == "" {
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

// dismiss has units stopped that nobody needs any more and that want that.
func (d *decider) dismiss() {
	for _, name := range d.Graph.Names() {
		s, st := d.service(name), d.states[name]
		if s.Needed && st.Phase == spec.UnitActive && st.Job == "" && !d.Demanded[name] && !d.needed(name) {
			d.end(name, spec.UnitStop)
		}
	}
}

// needed reports whether a unit that is up, or on its way, needs another.
func (d *decider) needed(name string) bool {
	return slices.ContainsFunc(d.Graph.Names(), func(other string) bool {
		s, st := d.service(other), d.states[other]
		ends := st.Job == spec.UnitStop || st.Job == "" && st.Phase.Down()
		return !ends && slices.Contains(slices.Concat(s.pulls(), s.Requisite), name)
	})
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
