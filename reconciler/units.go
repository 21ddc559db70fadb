package reconciler

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"berth/engine/spec"
	"berth/internal/source"
	"berth/kube"
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

	mu        sync.Mutex
	found     *quadlet.Found // nil: not a word yet
	fresh     bool           // it was not looked at
	good      map[string]*quadlet.Unit
	graph     *unit.Graph
	broken    map[string]bool // unit files of which nothing good is known
	problems  source.Diagnostics
	states    map[string]spec.UnitState // nil: not read yet
	busy      map[string]context.CancelFunc
	outcomes  []unit.Outcome
	prepared  map[string]string
	notBefore map[string]time.Time
	tries     map[string]int
	demanded  map[string]bool
	notified  map[string]*notifier
}

func newUnits(l *Loop, o UnitOptions) *units {
	u := &units{
		opts: o, engine: l.opts.Engine, actor: l.actor, log: l.opts.Log, owners: owners(l.opts.Source.Owners()), changed: l.Wake,
		applier: &Applier{Engine: l.opts.Engine, Translate: l.opts.Translate, Log: l.opts.Log, Events: l.events},
		wake:    make(chan struct{}, 1), good: map[string]*quadlet.Unit{}, graph: &unit.Graph{},
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
	if err == nil && u.states == nil {
		err = u.recall(ctx, observed)
	}
	if err != nil {
		if ctx.Err() == nil {
			u.log.WarnContext(ctx, "units cannot be looked at", "error", err)
		}
		u.mu.Lock()
		u.outcomes = append(outcomes, u.outcomes...)
		u.mu.Unlock()
		return time.Now().Add(unseenTime)
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
		Graph: u.graph, States: u.states, Seen: u.seen(observed), Busy: busy, Outcomes: outcomes,
		Prepared: u.prepared, NotBefore: u.notBefore, Demanded: u.demanded, Ours: u.ours, Holds: holds, Now: time.Now(),
	}
	d = unit.Decide(&world)
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
	u.mu.Lock()
	u.states = states
	u.mu.Unlock()
	return nil
}

// ownerOf is the folder a unit file lies in, "" if it is none of ours.
func (u *units) ownerOf(file string) spec.Owner {
	for _, o := range u.owners {
		if dir, ok := o.Folder(); ok && strings.HasPrefix(file, strings.TrimSuffix(dir, "/")+"/") {
			return o
		}
	}
	return ""
}

// ours reports whether a unit that is not in the graph is to go: its file is, or
// what its file says no longer makes it.
func (u *units) ours(st *spec.UnitState) bool {
	return u.ownerOf(st.File) != "" && !u.broken[st.File] && !u.unknown(st.File)
}

// unknown reports whether a file lies where something could not be read.
func (u *units) unknown(file string) bool {
	return slices.ContainsFunc(u.found.Unknown, func(at string) bool { return file == at || strings.HasPrefix(file, at+"/") })
}

// read takes over what was found: of each file what is good, or was last.
func (u *units) read(ctx context.Context) {
	now, there := map[string]*quadlet.Unit{}, map[string]bool{}
	problems := slices.Clone(u.found.Problems)
	for _, r := range u.found.Results {
		there[r.Path] = true
		problems = append(problems, r.Problems...)
		if r.Unit != nil {
			now[r.Path] = r.Unit
		}
	}
	graph, refused := u.makeGraph(now, nil)
	if len(refused) > 0 || len(now) < len(there) {
		graph, _ = u.makeGraph(now, refused)
	}
	for _, path := range sortedKeys(refused) {
		problems = append(problems, refused[path]...)
	}
	u.broken = map[string]bool{}
	for path := range there {
		if _, bad := refused[path]; now[path] == nil || bad {
			u.broken[path] = u.good[path] == nil
			continue
		}
		u.good[path] = now[path]
	}
	for path := range u.good {
		if !there[path] && !u.unknown(path) {
			delete(u.good, path)
		}
	}
	u.graph = graph
	u.tellProblems(ctx, problems)
}

// makeGraph makes the graph of units, by their files. Where one is refused, or is
// not there although it was, what was good last counts.
func (u *units) makeGraph(now map[string]*quadlet.Unit, refused map[string]source.Diagnostics) (*unit.Graph, map[string]source.Diagnostics) {
	chosen := maps.Clone(now)
	for path := range refused {
		delete(chosen, path)
	}
	stale := map[string]bool{}
	for path, last := range u.good {
		if chosen[path] == nil && (now[path] != nil || u.unknown(path) || slices.ContainsFunc(u.found.Results, func(r quadlet.Result) bool { return r.Path == path })) {
			chosen[path], stale[path] = last, true
		}
	}
	var all []*quadlet.Unit
	var others []string
	for _, path := range sortedKeys(chosen) {
		all = append(all, chosen[path])
	}
	for _, r := range u.found.Results {
		if chosen[r.Path] == nil {
			others = append(others, r.Service)
		}
	}
	return unit.NewGraph(all, others, unit.Options{
		Host: u.opts.Specifiers, AllowCommands: u.opts.Command != nil, Check: checkCommand, Stale: stale, Contents: u.found.Contents,
	})
}

// checkCommand is what is wrong with the arguments of a unit's command.
func checkCommand(args []string) error {
	switch {
	case len(args) > 0 && args[0] == "run":
		return option.CheckRun(args[1:])
	case len(args) > 1 && args[0] == "pod":
		return option.CheckPodCreate(args[2:])
	}
	return nil
}

// tellProblems logs what is newly wrong, and what no longer is.
func (u *units) tellProblems(ctx context.Context, problems source.Diagnostics) {
	before := u.problems
	u.problems = problems
	tellDiagnostics(ctx, u.log, before, problems)
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
	s, st := u.graph.Services[step.Unit], u.states[step.Unit]
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

// holds reports whether a pod from YAML has to wait for a unit that makes one of its
// volumes, which is then started.
func (u *units) holds(p *spec.Pod) bool {
	if u == nil || p == nil {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, v := range p.Volumes {
		if v.Named == nil {
			continue
		}
		for _, name := range u.graph.Names() {
			s := u.graph.Services[name]
			if s.Unit.Name.Kind == quadlet.Volume && s.Resource == v.Named.Volume && u.states[name].Phase != spec.UnitActive {
				u.demanded[name] = true
				u.poke()
				return true
			}
		}
	}
	return false
}

// holdBack is a plan without what has to wait for units.
func (u *units) holdBack(plan Plan) Plan {
	if u == nil {
		return plan
	}
	out := make(Plan, 0, len(plan))
	for _, p := range plan {
		if waits := p.Action == ActionCreate || p.Action == ActionReplace; waits && u.holds(p.Desired) {
			if p.Observed == nil {
				continue
			}
			p = PodPlan{Key: p.Key, Action: ActionKeep, Reason: "its volumes are not there yet", Observed: p.Observed}
		}
		out = append(out, p)
	}
	return out
}

// ready is a set as units see it: without the objects that .kube units play, and with
// claims that name a .volume unit's file standing for its volume. ok is false while
// nothing is known of units.
func (u *units) ready(set *kube.Set) (out *kube.Set, ok bool) {
	if u == nil || set == nil {
		return set, true
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.found == nil || u.fresh {
		return nil, false
	}
	volumes := map[string]string{}
	for _, name := range u.graph.Names() {
		if s := u.graph.Services[name]; s.Unit.Name.Kind == quadlet.Volume {
			volumes[s.Unit.Name.File] = s.Resource
		}
	}
	if len(volumes)+len(u.found.Contents) == 0 {
		return set, true
	}
	copied := *set
	copied.Objects = nil
	for _, o := range set.Objects {
		if _, played := u.found.Contents[o.Pos.File]; !played {
			copied.Objects = append(copied.Objects, claiming(o, volumes))
		}
	}
	return &copied, true
}

// claiming is an object whose claims by the names of unit files are by those of
// their volumes.
func claiming(o *kube.Object, volumes map[string]string) *kube.Object {
	var pod *corev1.PodSpec
	copied := *o
	switch {
	case o.Pod != nil && claims(&o.Pod.Spec, volumes):
		copied.Pod = o.Pod.DeepCopy()
		pod = &copied.Pod.Spec
	case o.Deployment != nil && claims(&o.Deployment.Spec.Template.Spec, volumes):
		copied.Deployment = o.Deployment.DeepCopy()
		pod = &copied.Deployment.Spec.Template.Spec
	default:
		return o
	}
	for i := range pod.Volumes {
		if c := pod.Volumes[i].PersistentVolumeClaim; c != nil && volumes[c.ClaimName] != "" {
			c.ClaimName = volumes[c.ClaimName]
		}
	}
	return &copied
}

// claims reports whether a pod claims the volume of a unit file.
func claims(pod *corev1.PodSpec, volumes map[string]string) bool {
	return slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool {
		return v.PersistentVolumeClaim != nil && volumes[v.PersistentVolumeClaim.ClaimName] != ""
	})
}
