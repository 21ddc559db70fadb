package reconciler

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"berth/engine/spec"
	"berth/internal/source"
	"berth/quadlet"
	"berth/reconciler/unit"
	"berth/translate/option"
)

// UnitSource is where Quadlet unit files come from.
type UnitSource interface {
	// Run hands over all that is found, once at the start and after every change,
	// until ctx ends. emit is never called twice at a time.
	Run(ctx context.Context, emit func(quadlet.Found)) error
}

// UnitOptions have a loop run the Quadlet units of its folders, in systemd's place.
type UnitOptions struct {
	Source UnitSource
	// Host answers what flags of run and pod create ask.
	Host option.Host
	// Call carries out a command of berth's for a unit, as if it were called in this
	// folder ("": any) with these arguments: network create, volume create, image
	// pull, kube play, kube down.
	Call func(ctx context.Context, unit, folder string, args []string) error
	// RemoveNetwork removes a network that this owner had made, no other.
	RemoveNetwork func(ctx context.Context, name string, owner spec.Owner) error
	// Specifiers are those that do not follow from a unit's name.
	Specifiers quadlet.Specifiers
	// Command runs a command of the host that a unit names, with these variables in
	// its environment; nil: units may name none.
	Command func(ctx context.Context, args, env []string) error
	// RunDir is where sockets lie at which containers say that they are up.
	RunDir string
}

// units runs Quadlet units: it looks at them whenever something happened, decides
// (package unit), and has the steps carried out side by side. One goroutine decides;
// it ends with the loop's context.
type units struct {
	opts    UnitOptions
	engine  Engine
	actor   *actor
	applier *Applier
	log     *slog.Logger
	owners  []spec.Owner
	changed func() // the loop is to look at what is made from YAML
	wake    chan struct{}
	steps   sync.WaitGroup
	starts  limiter // units being made

	mu        sync.Mutex
	found     *quadlet.Found // nil: not a word yet
	fresh     bool           // it was not looked at
	good      map[string]*quadlet.Unit
	graph     *unit.Graph
	last      map[string]*unit.Service // what those were that are to go
	broken    map[string]bool          // unit files of which nothing good is known
	variables map[string][]byte        // files of variables that units name, as they were read last
	problems  source.Diagnostics
	states    map[string]spec.UnitState // nil: not read yet
	busy      map[string]context.CancelFunc
	outcomes  []unit.Outcome
	asks      []unit.Ask
	prepared  map[string]string
	notBefore map[string]time.Time
	tries     map[string]int
	demanded  map[string]bool
	notified  map[string]*notifier
	over      bool // no more units are heard
}

func newUnits(l *Loop, o UnitOptions) *units {
	u := &units{
		opts: o, engine: l.opts.Engine, actor: l.actor, log: l.opts.Log, owners: owners(l.opts.Source.Owners()), changed: l.Wake,
		applier: &Applier{Engine: l.opts.Engine, Translate: l.opts.Translate, Log: l.opts.Log, Events: l.events},
		starts:  make(limiter, startsAtOnce), wake: make(chan struct{}, 1), good: map[string]*quadlet.Unit{}, variables: map[string][]byte{}, graph: &unit.Graph{}, last: map[string]*unit.Service{},
		busy: map[string]context.CancelFunc{}, prepared: map[string]string{}, notBefore: map[string]time.Time{}, tries: map[string]int{},
		demanded: map[string]bool{}, notified: map[string]*notifier{},
	}
	return u
}

// poke has all units looked at.
func (u *units) poke() {
	if u == nil {
		return
	}
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// run works until ctx ends; what units made runs on.
func (u *units) run(ctx context.Context) {
	defer u.steps.Wait()
	defer u.closeNotifiers()
	u.steps.Go(func() {
		err := u.opts.Source.Run(ctx, func(found quadlet.Found) {
			u.mu.Lock()
			u.found, u.fresh = &found, true
			u.mu.Unlock()
			u.poke()
		})
		if err != nil && ctx.Err() == nil {
			u.log.ErrorContext(ctx, "unit files are no longer read", "error", err)
		}
	})
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-u.wake:
		case <-timer.C:
		}
		timer.Stop()
		if at := u.turn(ctx); !at.IsZero() {
			timer.Reset(until(at))
		}
	}
}

// unseenTime is when all is looked at again that could not be observed.
const unseenTime = time.Second

// turn looks at all units once, and says when to look again.
func (u *units) turn(ctx context.Context) time.Time {
	u.mu.Lock()
	known := u.found != nil
	// What is done after this may not be seen below: it counts as not done yet.
	busy, outcomes := map[string]bool{}, u.outcomes
	for name := range u.busy {
		busy[name] = true
	}
	u.outcomes = nil
	u.mu.Unlock()
	if !known {
		return time.Time{}
	}
	observed, err := u.engine.Observe(ctx)
	blind := err != nil
	if len(observed) > 0 {
		err = nil // what is seen is enough to decide about
	}
	if err == nil && u.states == nil {
		err = u.recall(ctx, observed)
	}
	if err != nil {
		if ctx.Err() == nil {
			u.log.DebugContext(ctx, "units cannot be looked at", "error", err) // the loop has said so
		}
		u.mu.Lock()
		u.outcomes = append(outcomes, u.outcomes...)
		u.mu.Unlock()
		return time.Now().Add(unseenTime)
	}
	if blind { // what cannot be seen is not gone
		u.leaveUnseen(observed, busy)
	}
	d, changed := u.decide(ctx, observed, busy, outcomes)
	for _, c := range changed { // before anything is done about it
		if err := u.engine.SaveUnit(ctx, c.now); err != nil && ctx.Err() == nil {
			u.log.WarnContext(ctx, "a unit's state cannot be recorded", "unit", c.now.Name, "error", err)
		}
		u.tell(ctx, c.before, c.now)
	}
	for _, step := range d.Steps {
		u.begin(ctx, step)
	}
	if len(changed) > 0 {
		u.changed()
	}
	return d.At
}

// leaveUnseen has nothing decided about units that are up and of which nothing is
// seen, while not all pods can be.
func (u *units) leaveUnseen(observed []spec.PodStatus, busy map[string]bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	seen := u.seen(observed)
	for name := range u.states {
		if _, there := seen[name]; !there && !u.states[name].Phase.Down() {
			busy[name] = true
		}
	}
}

// unitChange is a unit that has come into another state.
type unitChange struct{ before, now spec.UnitState }

// decide decides about all units, and says which are in another state now.
func (u *units) decide(ctx context.Context, observed []spec.PodStatus, busy map[string]bool, outcomes []unit.Outcome) (d unit.Decision, changed []unitChange) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.fresh {
		u.fresh = false
		u.read(ctx)
		defer u.changed()
	}
	world := unit.World{
		Graph: u.graph, States: u.states, Seen: u.seen(observed), Busy: busy, Outcomes: outcomes, Asks: u.asks,
		Prepared: u.prepared, NotBefore: u.notBefore, Demanded: u.demanded, Ours: u.ours, Holds: holds, Now: time.Now(),
	}
	d, u.asks = unit.Decide(&world), nil
	for _, name := range sortedKeys(d.States) {
		st := d.States[name]
		st.Owner = u.ownerOf(st.File)
		d.States[name] = st
		if before, ok := u.states[name]; !ok || !same(before, st) {
			changed = append(changed, unitChange{before, st})
		}
	}
	u.states = d.States
	for _, name := range d.Cancel {
		if cancel := u.busy[name]; cancel != nil { // it may have just been done
			cancel()
		}
	}
	return d, changed
}

// recall reads what is known of units since before this process. Containers that
// are there and of which nothing is known are taken for what their units made.
func (u *units) recall(ctx context.Context, observed []spec.PodStatus) error {
	list, err := u.engine.ListUnits(ctx)
	if err != nil {
		return err
	}
	states := map[string]spec.UnitState{}
	for _, st := range list {
		states[st.Name] = st
	}
	for i := range observed {
		p := &observed[i].Pod
		name, ok := p.Owner.Unit()
		if _, known := states[name]; !ok || known || p.Origin.File == "" || u.ownerOf(p.Origin.File) == "" || p.Origin.Kind != "" {
			continue
		}
		st := spec.UnitState{Name: name, File: p.Origin.File, Resource: p.Name, Phase: spec.UnitInactive, Since: time.Now()}
		if observed[i].Sandbox == spec.SandboxReady {
			st.Phase = spec.UnitActive
		}
		states[name] = st
	}
	if u.opts.RunDir != "" {
		u.listenAgain(ctx, observed, states)
	}
	u.mu.Lock()
	u.states = states
	u.mu.Unlock()
	return nil
}

// tell logs that a unit has come into another phase.
func (u *units) tell(ctx context.Context, before, st spec.UnitState) {
	if before.Phase == st.Phase && before.Result == st.Result && before.Message == st.Message {
		return
	}
	attrs := []any{"unit", st.Name, "file", st.File}
	if st.Message != "" {
		attrs = append(attrs, "reason", st.Message)
	}
	switch {
	case st.Phase == spec.UnitActive && before.Phase != spec.UnitActive:
		u.log.InfoContext(ctx, "unit is up", attrs...)
	case st.Phase == spec.UnitActive && st.Message != "" && st.Message != before.Message:
		u.log.WarnContext(ctx, "unit cannot be replaced, what runs goes on", attrs...)
	case st.Phase == spec.UnitFailed:
		u.log.ErrorContext(ctx, "unit has failed", append(attrs, "result", string(st.Result))...)
	case st.Phase == spec.UnitRestarting:
		u.log.WarnContext(ctx, "unit is started again", append(attrs, "result", string(st.Result), "in", time.Until(st.RetryAt).Round(time.Millisecond).String())...)
	case st.Phase == spec.UnitInactive && st.Result == spec.UnitDependency:
		u.log.ErrorContext(ctx, "unit is left out", attrs...)
	case st.Phase == spec.UnitInactive && before.Phase != "" && before.Phase != spec.UnitInactive:
		u.log.InfoContext(ctx, "unit is down", attrs...)
	case st.Phase == spec.UnitInactive && st.Result == spec.UnitCondition:
		u.log.InfoContext(ctx, "unit is left out", attrs...)
	}
}

// begin carries a step out, beside others.
func (u *units) begin(ctx context.Context, step unit.Step) {
	ctx, cancel := context.WithCancel(ctx)
	u.mu.Lock()
	s, st := cmp.Or(u.graph.Services[step.Unit], u.last[step.Unit]), u.states[step.Unit]
	u.busy[step.Unit] = cancel
	u.mu.Unlock()
	u.steps.Go(func() {
		defer cancel()
		o, err := u.carryOut(ctx, step, s, &st)
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.busy, step.Unit)
		o.Step = step
		if err != nil {
			o.Err = err.Error()
		}
		switch {
		case step.Kind == unit.StepPrepare && err == nil:
			u.prepared[step.Unit] = s.Hash
			delete(u.tries, step.Unit)
			delete(u.notBefore, step.Unit)
		case step.Kind == unit.StepPrepare:
			u.tries[step.Unit]++
			u.notBefore[step.Unit] = time.Now().Add(retryAfter(u.tries[step.Unit]))
		case step.Kind == unit.StepForget && err == nil:
			delete(u.states, step.Unit)
			delete(u.last, step.Unit)
			delete(u.prepared, step.Unit)
			u.log.InfoContext(ctx, "unit is gone", "unit", step.Unit, "file", st.File)
		case step.Kind == unit.StepForget && !errors.Is(err, context.Canceled):
			u.log.WarnContext(ctx, "what a unit made cannot be removed", "unit", step.Unit, "error", err)
		}
		if ctx.Err() == nil || step.Kind == unit.StepStart {
			u.outcomes = append(u.outcomes, o)
		}
		u.poke()
	})
}

// retryAfter is the back-off of what is made ready: 10 s, 20 s, up to 5 min.
func retryAfter(tries int) time.Duration {
	return min(10*time.Second<<min(tries-1, 5), 5*time.Minute)
}

// Owns reports whether the loop decides over what an owner's pods are: those of its
// sources, and of the units it runs.
func (l *Loop) Owns(o spec.Owner) bool {
	if slices.Contains(l.opts.Source.Owners(), string(o)) {
		return true
	}
	name, ok := o.Unit()
	if !ok || l.units == nil {
		return false
	}
	l.units.mu.Lock()
	defer l.units.mu.Unlock()
	_, ok = l.units.states[name]
	return ok
}

// ForgetUnits has the next loop start all units as at boot.
func (l *Loop) ForgetUnits(ctx context.Context) error {
	if l.units == nil {
		return nil
	}
	l.units.mu.Lock()
	names := sortedKeys(l.units.states)
	l.units.mu.Unlock()
	var errs []error
	for _, name := range names {
		errs = append(errs, l.opts.Engine.RemoveUnit(ctx, name))
	}
	return errors.Join(errs...)
}
