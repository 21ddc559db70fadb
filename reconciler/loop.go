package reconciler

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"berth/engine/spec"
	"berth/internal/source"
	"berth/kube"
	"berth/reconciler/probe"
)

// How often what no event tells is looked after, unless LoopOptions say otherwise.
const (
	defaultSlowPass = 5 * time.Minute
	defaultRotate   = 10 * time.Second
)

// settleTime gathers pods that go, a hundred at a time with kube down, before
// everything is looked at.
const settleTime = 300 * time.Millisecond

// LoopOptions are a loop's parts.
type LoopOptions struct {
	Engine    Engine
	Source    Source
	Translate Translator
	Log       *slog.Logger

	SlowPass time.Duration // how often everything is listed anew; 0: 5 minutes
	Rotate   time.Duration // how often logs are checked for their size; 0: 10 seconds
	// Pressure, if not nil, is what is done where memory or disk run short.
	Pressure *PressureOptions
	// Units, if not nil, has the loop run Quadlet units.
	Units *UnitOptions
}

// Loop keeps the host as its source says and restarts what ends, for ever.
//
// The pods of owners outside its source are looked after as well, by their
// restart policy alone; those of systemd units are systemd's.
type Loop struct {
	opts   LoopOptions
	actor  *actor
	events *Events
	wake   chan struct{}
	// whenIdle is called when a look at everything finds nothing to supervise;
	// nil: nobody wants to know.
	whenIdle func()

	pressure *pressure // nil: nobody looks for it
	units    *units    // nil: there are none
	swept    bool      // what nobody wants any more was forgotten; Run's alone
	workers  sync.WaitGroup

	mu      sync.Mutex
	set     *kube.Set // the latest; nil before the first
	bySlot  map[spec.Origin]*worker
	refused []PodPlan
	diags   source.Diagnostics // of the set and its translation
	blind   string             // why not all pods could be observed, as last said
}

// NewLoop makes a loop; Run starts it.
func NewLoop(o LoopOptions) *Loop {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.SlowPass == 0 {
		o.SlowPass = defaultSlowPass
	}
	if o.Rotate == 0 {
		o.Rotate = defaultRotate
	}
	events := &Events{}
	l := &Loop{
		opts: o, events: events, actor: newActor(o.Engine, o.Log, events),
		wake: make(chan struct{}, 1), bySlot: map[spec.Origin]*worker{},
	}
	if o.Pressure != nil {
		l.pressure = newPressure(l, *o.Pressure)
	}
	if o.Units != nil {
		l.units = newUnits(l, *o.Units)
	}
	return l
}

// Wake makes the loop look at everything now.
func (l *Loop) Wake() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Run works until ctx ends; pods run on. It fails only if it cannot begin.
func (l *Loop) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	l.actor.patient = true
	l.actor.probes = probe.NewSet(l.opts.Engine, func(r probe.Result) { l.heard(ctx, r) })
	defer l.actor.probes.Close()
	l.actor.health = newCheckups(l.actor, l.turnedHealth)
	defer l.actor.health.Close()
	defer l.workers.Wait()
	defer cancel()
	exits, err := l.opts.Engine.Exits(ctx)
	if err != nil {
		return err
	}
	changed := make(chan struct{}, 1)
	failed := make(chan error, 1)
	l.workers.Go(func() {
		failed <- l.opts.Source.Run(ctx, func(set kube.Set) {
			l.mu.Lock()
			l.set = &set
			l.mu.Unlock()
			select {
			case changed <- struct{}{}:
			default:
			}
		})
	})
	slow := time.NewTicker(l.opts.SlowPass)
	defer slow.Stop()
	l.workers.Go(func() { l.rotate(ctx) })
	l.workers.Go(func() { l.heal(ctx) })
	if l.pressure != nil {
		l.workers.Go(func() { l.pressure.run(ctx) })
	}
	if l.units != nil {
		l.workers.Go(func() { l.units.run(ctx) })
	}
	settle, settling := time.NewTimer(settleTime), false
	settle.Stop()
	defer settle.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			if ctx.Err() != nil {
				return nil
			}
			return err
		case id, ok := <-exits:
			if !ok {
				exits = nil
				continue
			}
			if id == "" {
				if !settling {
					settle.Reset(settleTime)
					settling = true
				}
				continue
			}
			l.look(ctx, id)
			continue
		case <-settle.C:
			settling = false
		case <-changed:
		case <-l.wake:
		case <-slow.C:
		}
		l.pass(ctx)
	}
}

func (l *Loop) rotate(ctx context.Context) {
	tick := time.NewTicker(l.opts.Rotate)
	defer tick.Stop()
	var last string
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := l.opts.Engine.RotateLogs(ctx)
		if err == nil || ctx.Err() != nil {
			last = ""
			continue
		}
		if err.Error() != last {
			l.opts.Log.WarnContext(ctx, "logs cannot be rotated", "error", err)
			last = err.Error()
		}
	}
}

// pass compares everything with everything and tells the workers.
func (l *Loop) pass(ctx context.Context) {
	l.mu.Lock()
	set := l.set
	l.mu.Unlock()
	set, known := l.units.ready(set)
	if set == nil || !known {
		return // not a word from the source yet
	}
	result := l.opts.Translate(set)
	observed, err := l.opts.Engine.Observe(ctx)
	if ctx.Err() != nil {
		return
	}
	l.tellBlind(ctx, err)
	l.pressure.saw(observed)
	if err != nil && len(observed) == 0 {
		return // nothing can be seen: nothing is decided
	}
	scope := Scope{
		Owners: owners(l.opts.Source.Owners()), Unknown: owners(set.Unknown), Prune: PruneOwned,
		Objects: keysOf(set.Objects), Held: keySet(result.Broken),
	}
	desired := append(slices.Clone(result.Pods), lacking(result.Lacking, observed, scope)...)
	plan := MakePlan(desired, observed, scope)
	l.tell(ctx, append(slices.Clone(set.Diagnostics), result.Diagnostics...), plan)
	if len(set.Unknown)+len(result.Broken) == 0 && !l.swept {
		l.swept = true
		l.sweepWaits(ctx, desired)
	}
	l.dispatch(ctx, l.units.holdBack(plan), observed, scope)
	l.units.poke()
	l.removeCutOff(ctx, observed)
	if err == nil { // a pod that cannot be seen is not gone
		l.endServices(ctx, observed)
		l.actor.health.Keep(observed)
	}
	l.events.stir()
	if l.whenIdle != nil && err == nil && !plan.Changes() && !needSupervisor(observed) {
		l.whenIdle()
	}
}

// nothingLeft looks whether there is anything to supervise.
func (l *Loop) nothingLeft(ctx context.Context) bool {
	observed, err := l.opts.Engine.Observe(ctx)
	return err == nil && !needSupervisor(observed)
}

func needSupervisor(observed []spec.PodStatus) bool {
	return slices.ContainsFunc(observed, func(st spec.PodStatus) bool { return needsSupervisor(st) || outlived(&st, observed) })
}

// needsSupervisor reports whether anything may still have to be done about a
// pod. One that was stopped, or is over, needs nobody, nor does one made by hand
// whose containers wait for a person.
func needsSupervisor(st spec.PodStatus) bool {
	switch {
	case !supervised(&st.Pod):
		return len(cutOff(&st)) > 0 || slices.ContainsFunc(st.Containers, func(c spec.ContainerStatus) bool { return checkable(&st, &c) })
	case st.Removal != nil, slices.ContainsFunc(st.Containers, spec.ContainerStatus.Running):
		return true
	case byHand(&st.Pod):
		next := NextOf(&st, time.Now(), Hurry{})
		return !next.Idle() || !next.At.IsZero()
	}
	used := st.Sandbox != spec.SandboxNone // by a pod that was only created, too
	return !st.Stopped && (used || !complete(&st))
}

// dispatch gives each worker its target, making those that are missing.
func (l *Loop) dispatch(ctx context.Context, plan Plan, observed []spec.PodStatus, scope Scope) {
	l.mu.Lock()
	defer l.mu.Unlock()
	planned, aimed := map[spec.PodID]bool{}, map[spec.Origin]bool{}
	for _, p := range plan {
		if p.Action == ActionRefuse {
			continue
		}
		if p.Observed != nil {
			planned[p.Observed.Pod.ID] = true
		}
		place := podSlot(&spec.Pod{Namespace: p.Key.Namespace, Name: p.Key.Name})
		switch {
		case p.Desired != nil:
			place = podSlot(p.Desired)
		case p.Observed != nil:
			place = podSlot(&p.Observed.Pod)
		}
		aimed[place] = true
		l.aim(ctx, place, p, scope)
	}
	for i := range observed {
		have := &observed[i]
		if !planned[have.Pod.ID] && supervised(&have.Pod) {
			aimed[podSlot(&have.Pod)] = true
			l.aim(ctx, podSlot(&have.Pod), PodPlan{Key: have.Pod.Key(), Action: ActionKeep, Observed: have}, scope)
		}
		if !supervised(&have.Pod) {
			l.actor.health.Sync(ctx, have) // that is all there is to do for it
		}
	}
	for place, w := range l.bySlot { // whose pod neither is there nor is wanted any more
		if !aimed[place] {
			l.aim(ctx, place, PodPlan{Key: w.current().plan.Key, Action: ActionRemove}, scope)
		}
	}
}

// aim hands a worker its target and wakes it if there is anything to do now or
// later. The loop's mutex is held.
func (l *Loop) aim(ctx context.Context, place spec.Origin, p PodPlan, scope Scope) {
	w := l.bySlot[place]
	if w == nil {
		w = newWorker(l.actor, place, l.outdated, l.rested)
		l.bySlot[place] = w
		l.workers.Go(func() { w.run(ctx, l.leave) })
	}
	// Under another target the worker may just be doing something by the old one.
	if another := w.aim(p, scope); !another && p.Action == ActionKeep && p.Observed != nil {
		if next := NextOf(p.Observed, time.Now(), Hurry{}); next.Idle() && len(next.Hook) == 0 && next.At.IsZero() && w.reported(p.Observed) {
			return
		}
	}
	w.poke()
}

// rested is called when a pod needs a supervisor no longer.
func (l *Loop) rested() {
	if l.whenIdle != nil {
		l.Wake() // to see whether anything is left
	}
}

// leave lets a worker go that nobody needs any more, unless it was just given
// something to do.
func (l *Loop) leave(w *worker) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.current().plan.Desired != nil || len(w.wake) > 0 {
		return false
	}
	delete(l.bySlot, w.slot)
	if len(l.bySlot) == 0 {
		l.rested()
	}
	return true
}

// outdated reports whether what is known of the object a pod is made from is no
// longer so. Other processes store objects before they make their pods, and
// forget them before they remove those. A pod that is wanted is of a set with its
// object, whatever set has come since.
func (l *Loop) outdated(pod *spec.Pod, wanted bool) bool {
	key := objectKey(pod.Origin)
	l.mu.Lock()
	known := wanted || l.set != nil && slices.ContainsFunc(l.set.Objects, func(o *kube.Object) bool { return o.Key() == key })
	l.mu.Unlock()
	return l.opts.Source.Outdated(string(pod.Owner), key, known)
}

// look wakes the worker of a pod to which something happened.
func (l *Loop) look(ctx context.Context, id spec.PodID) {
	if w := l.workerOf(id); w != nil {
		w.poke()
		w.glance(ctx, id)
		if w.ofUnit() {
			l.Wake() // what stands for the unit may end with it
		}
		return
	}
	st, err := l.opts.Engine.ObservePod(ctx, id)
	if err != nil {
		l.units.poke() // it is gone, or the next pass will tell
		return
	}
	if !supervised(&st.Pod) {
		l.actor.health.Sync(ctx, &st)
		l.units.poke()
		l.rested()
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	place := podSlot(&st.Pod)
	if w := l.bySlot[place]; w != nil {
		w.knows(id)
		w.poke()
		return
	}
	if l.set != nil {
		l.aim(ctx, place, PodPlan{Key: st.Pod.Key(), Action: ActionKeep, Observed: &st}, Scope{})
	}
}

// heard tells the worker of a pod what a probe found.
func (l *Loop) heard(ctx context.Context, r probe.Result) {
	if w := l.workerOf(r.Pod); w != nil {
		w.heard(ctx, r)
	}
}

// turnedHealth has the worker of a pod look at it: a container does otherwise now.
func (l *Loop) turnedHealth(id spec.PodID) {
	if w := l.workerOf(id); w != nil {
		w.poke()
		return
	}
	l.units.poke()
}

func (l *Loop) workerOf(id spec.PodID) *worker {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.bySlot {
		if w.current().id == id {
			return w
		}
	}
	return nil
}

// tellBlind logs, once, that not all pods could be observed.
func (l *Loop) tellBlind(ctx context.Context, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	l.mu.Lock()
	news := text != "" && text != l.blind
	l.blind = text
	l.mu.Unlock()
	if news {
		l.opts.Log.ErrorContext(ctx, "not all pods can be observed", "error", err)
	}
}

// supervised reports whether restarts of a pod are ours: those of what a systemd
// unit made by hand are systemd's, but for its Kubernetes pods, and for what
// stands for them.
func supervised(p *spec.Pod) bool {
	_, unit := p.Owner.Unit()
	return !unit || p.Origin.Kind != "" || isService(p)
}

// podSlot is the place of a pod among the workers: the object and ordinal it
// was made from, or its name if it was made from none.
func podSlot(p *spec.Pod) spec.Origin {
	if p.Origin.Kind == "" {
		return spec.Origin{Namespace: p.Namespace, Name: p.Name}
	}
	return slot(p.Origin)
}

// tellDiagnostics logs what is newly wrong, and what no longer is.
func tellDiagnostics(ctx context.Context, log *slog.Logger, before, now source.Diagnostics) {
	for _, d := range now {
		if slices.Contains(before, d) {
			continue
		}
		level := slog.LevelError
		switch {
		case d.Harmless:
			level = slog.LevelDebug
		case d.Warning:
			level = slog.LevelWarn
		}
		log.Log(ctx, level, d.Message, "at", d.Pos.String(), "field", d.Field)
	}
	for _, d := range before {
		if !d.Warning && !slices.Contains(now, d) {
			log.InfoContext(ctx, "no longer wrong", "at", d.Pos.String(), "field", d.Field)
		}
	}
}

// tell logs what is newly wrong, and what no longer is.
func (l *Loop) tell(ctx context.Context, diags source.Diagnostics, plan Plan) {
	l.mu.Lock()
	before, refusedBefore := l.diags, l.refused
	l.diags, l.refused = diags, nil
	for _, p := range plan {
		if p.Action == ActionRefuse {
			l.refused = append(l.refused, p)
		}
	}
	refused := l.refused
	l.mu.Unlock()
	tellDiagnostics(ctx, l.opts.Log, before, diags)
	for _, p := range refused {
		known := slices.ContainsFunc(refusedBefore, func(o PodPlan) bool { return o.Key == p.Key && o.Reason == p.Reason })
		if !known {
			l.opts.Log.ErrorContext(ctx, "pod refused", "pod", p.Key.String(), "reason", p.Reason)
			l.events.add(p.Key, EventWarning, "Refused", p.Reason)
		}
	}
}
