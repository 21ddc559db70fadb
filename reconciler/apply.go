package reconciler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"berth/engine/spec"
	"berth/internal/source"
	"berth/kube"
	"berth/translate"
)

// undoLimit bounds taking back what a failed Apply did.
const undoLimit = 2 * time.Minute

// initTries is how often an init container may fail before Apply gives up.
const initTries = 3

// Applier makes one pass: it brings about the objects it is given, or takes
// them away.
type Applier struct {
	Engine    Engine
	Translate Translator
	Store     ObjectStore // where what was given is kept; nil: nowhere
	Log       *slog.Logger
	Events    *Events // takes what happens; nil: nobody wants to know
	// Wished is called when a person's wish is recorded and before it is carried
	// out, so that a supervisor may go on with it should this process be killed;
	// nil: nobody wants to know.
	Wished func(context.Context)
}

// ApplyOptions are the wishes of kube play.
type ApplyOptions struct {
	Pull    spec.PullOptions
	Replace bool // make anew what is as it should be, and take names from pods made by run
	NoStart bool // create, but do not start
	// Owner is who gives the objects; empty: kube play.
	Owner spec.Owner
	// Supervised says that a supervisor is awake: containers that fail at first
	// are left to it.
	Supervised bool
}

// PodResult is what became of one pod.
type PodResult struct {
	Key        spec.PodKey
	ID         spec.PodID
	Origin     spec.Origin
	Action     Action // ActionKeep: it was unchanged
	Reason     string
	Containers []ContainerResult // in the pod's order, init containers first
}

// ContainerResult is one container of a pod.
type ContainerResult struct {
	Name string
	ID   spec.ContainerID
	Init bool
}

// ApplyResult is what became of all pods, ordered by the objects given, and
// removed ones at the end.
type ApplyResult struct {
	Pods     []PodResult
	Volumes  []string // that this call made
	Secrets  []string // that were not known before
	Warnings source.Diagnostics
}

// Apply brings about the objects of set, which one owner gives. Everything is
// validated and every image fetched before anything is touched. Then the
// objects are stored and all pods change in parallel. If a pod cannot start,
// what this call made is removed and what it replaced is made again; the error
// says what happened to each.
func (a *Applier) Apply(ctx context.Context, set kube.Set, o ApplyOptions) (ApplyResult, error) {
	run := &applying{Applier: a, actor: newActor(a.Engine, a.Log, a.Events), opts: o, given: set}
	if err := run.decide(ctx); err != nil {
		return run.result(nil), err
	}
	if err := run.prepareAll(ctx); err != nil {
		return run.result(nil), err
	}
	if err := run.change(ctx); err != nil {
		return run.result(nil), errors.Join(err, run.undo(ctx))
	}
	return run.finish(ctx)
}

// applying is one call of Apply.
type applying struct {
	*Applier
	actor *actor
	opts  ApplyOptions
	given kube.Set

	before  kube.Set // what the store held
	jobs    []*job
	volumes []string // that were made

	mu       sync.Mutex
	warnings source.Diagnostics
}

// job is one pod of an Apply.
type job struct {
	plan     PodPlan
	prepared *spec.Pod  // create and replace: with its images
	id       spec.PodID // what runs in the end
	touched  bool       // something was changed that undo must look at
	found    bool       // another process made the pod meanwhile
}

// looked is which pods there are.
type looked struct {
	pods []spec.PodStatus
	err  error
}

// decide makes the plan. All that is wrong is one error.
func (r *applying) decide(ctx context.Context) error {
	if err := r.given.Diagnostics.Err(); err != nil {
		return err
	}
	look := make(chan looked, 1)
	go func() { // is waited for below
		pods, err := r.Engine.Observe(ctx)
		look <- looked{pods, err}
	}()
	all := r.given
	if r.Store != nil {
		r.before = r.Store.Read(ctx, r.given.Objects...)
		all = overlay(r.before, r.given)
	}
	result := r.Translate(&all)
	seen := <-look
	files := map[string]bool{"": true}
	given := keysOf(r.given.Objects)
	for _, obj := range r.given.Objects {
		files[obj.Pos.File] = true
	}
	r.warnings = r.given.Diagnostics.Warnings()
	var wrong source.Diagnostics
	for _, d := range result.Diagnostics {
		switch {
		case !files[d.File]: // it is about what another play gave
		case d.Warning:
			r.warnings = append(r.warnings, d)
		default:
			wrong = append(wrong, d)
		}
	}
	if err := wrong.Err(); err != nil {
		return err
	}
	if seen.err != nil && len(seen.pods) == 0 {
		return fmt.Errorf("see which pods there are: %w", seen.err)
	}
	scope := Scope{
		Owners: []spec.Owner{cmp.Or(r.opts.Owner, spec.OwnerPlay)}, Prune: PruneObjects, Objects: given, Held: keySet(result.Broken),
		Replace: r.opts.Replace, Start: !r.opts.NoStart,
	}
	if r.opts.Replace {
		scope.TakeOver = []spec.Owner{spec.OwnerRun}
	}
	var refused []error
	for _, p := range MakePlan(result.Pods, seen.pods, scope) {
		mine := p.Desired == nil || given[objectKey(p.Desired.Origin)]
		switch {
		case !mine && !reachesOthers(p, scope):
		case p.Desired == nil && p.Action == ActionKeep: // its object has errors, and was not given
		case p.Action == ActionRefuse:
			refused = append(refused, errors.New(p.Reason))
		default:
			r.jobs = append(r.jobs, &job{plan: p})
		}
	}
	r.order(result.Pods)
	return errors.Join(refused...)
}

// reachesOthers reports whether a pod of an object that was not given must
// change all the same: it runs, and reads a ConfigMap or Secret that was given.
func reachesOthers(p PodPlan, scope Scope) bool {
	if p.Observed == nil || p.Action == ActionRefuse {
		return false
	}
	return len(p.Files) > 0 || p.Observed.Pod.Hash != p.Desired.Hash
}

// order puts the jobs in the order of the objects given, removals last.
func (r *applying) order(pods []*spec.Pod) {
	rank := map[*spec.Pod]int{}
	for i, p := range pods {
		rank[p] = i
	}
	at := func(j *job) int {
		if j.plan.Desired == nil {
			return len(pods)
		}
		return rank[j.plan.Desired]
	}
	slices.SortStableFunc(r.jobs, func(a, b *job) int { return at(a) - at(b) })
}

// storedFile stands for where stored objects are, which no file given is called.
const storedFile = "\x00stored"

// overlay is the stored objects, those that were given in the place of the old.
func overlay(stored, given kube.Set) kube.Set {
	out := kube.Set{Objects: slices.Clone(given.Objects), Unknown: stored.Unknown}
	keys := keysOf(given.Objects)
	for _, o := range stored.Objects {
		if !keys[o.Key()] {
			other := *o // what is wrong with it is not wrong with the file given, though it came from that once
			other.Fields = o.Fields.From(source.Pos{File: storedFile})
			out.Objects = append(out.Objects, &other)
		}
	}
	return out
}

// prepareAll fetches all images and has the engine check all pods.
func (r *applying) prepareAll(ctx context.Context) error {
	var mu sync.Mutex
	var errs []error
	var group errgroup.Group
	for _, j := range r.jobs {
		if !j.prepares() {
			continue
		}
		group.Go(func() error {
			prepared, err := r.actor.prepare(ctx, j.plan.Desired, r.opts.Pull)
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, ofPod(j.plan.Key, err)...)
			}
			j.prepared = prepared
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs
	return joinPods(errs)
}

// prepares reports whether a pod is made, from images that may have to be fetched.
func (j *job) prepares() bool {
	return j.plan.Action == ActionCreate || j.plan.Action == ActionReplace
}

func (r *applying) prepares() bool { return slices.ContainsFunc(r.jobs, (*job).prepares) }

// change is all that undo takes back.
func (r *applying) change(ctx context.Context) error {
	if err := r.ensureVolumes(ctx); err != nil {
		return err
	}
	if r.Store != nil {
		if r.prepares() {
			r.before = r.Store.Read(ctx, r.given.Objects...) // fetching images may have taken minutes
		}
		if err := r.Store.Put(ctx, asStored(r.given, r.before)); err != nil {
			return fmt.Errorf("store what was given: %w", err)
		}
	}
	return r.carryOut(ctx)
}

// ensureVolumes makes the volumes of the claims that were given, used by a pod
// or not, and those that the pods to be made use.
func (r *applying) ensureVolumes(ctx context.Context) error {
	wanted, diags := translate.Volumes(&r.given)
	if err := diags.Err(); err != nil {
		return err
	}
	for _, j := range r.jobs {
		if j.prepared == nil {
			continue
		}
		for _, v := range j.prepared.Volumes {
			if v.Named != nil {
				wanted = append(wanted, *v.Named)
			}
		}
	}
	for i := range wanted {
		made, err := r.Engine.EnsureVolume(ctx, &wanted[i])
		if made {
			r.volumes = append(r.volumes, wanted[i].Volume)
		}
		if err != nil {
			return fmt.Errorf("make volume %s: %w", wanted[i].Volume, err)
		}
	}
	return nil
}

// carryOut does all jobs in parallel. A pod that needs what another still holds,
// a port or an address, is tried once more when all others are done. Pods that
// are to go, go last.
func (r *applying) carryOut(ctx context.Context) error {
	do, last := []*job{}, []*job{}
	for _, j := range r.jobs {
		if j.plan.Action == ActionRemove {
			last = append(last, j)
		} else {
			do = append(do, j)
		}
	}
	again, err := r.parallel(ctx, do)
	if err != nil {
		return err
	}
	if _, err := r.parallel(ctx, last); err != nil {
		return err
	}
	blocked, err := r.parallel(ctx, again)
	if len(blocked) > 0 {
		err = errors.Join(err, r.blockedError(ctx, blocked))
	}
	return err
}

func (r *applying) parallel(ctx context.Context, jobs []*job) (blocked []*job, err error) {
	var mu sync.Mutex
	var errs []error
	group, ctx := errgroup.WithContext(ctx)
	for _, j := range jobs {
		group.Go(func() error {
			err := r.one(ctx, j)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
			case isBlocked(err):
				blocked = append(blocked, j)
			default:
				err = fmt.Errorf("pod %s: %w", j.plan.Key, err)
				errs = append(errs, err)
				return err
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs
	return blocked, joinFirst(errs)
}

// blockedError tries once more, to have the error.
func (r *applying) blockedError(ctx context.Context, jobs []*job) error {
	var errs []error
	for _, j := range jobs {
		if err := r.one(ctx, j); err != nil {
			errs = append(errs, fmt.Errorf("pod %s: %w", j.plan.Key, err))
		}
	}
	return errors.Join(errs...)
}

func isBlocked(err error) bool {
	var taken *spec.PortTakenError
	return errors.As(err, &taken) || errors.Is(err, spec.ErrInUse)
}

// one does one job.
func (r *applying) one(ctx context.Context, j *job) error {
	p := j.plan
	if p.Observed != nil {
		j.id = p.Observed.Pod.ID
	}
	switch p.Action {
	case ActionRemove:
		j.touched = true
		pod := &p.Observed.Pod
		return r.actor.removing(ctx, pod, RemoveOptions{Grace: ownGrace})
	case ActionCreate, ActionReplace:
		j.touched = true
		return r.make(ctx, j)
	case ActionRestart:
		return r.restart(ctx, j)
	}
	if !p.touches() {
		return nil
	}
	j.touched = true
	key := p.Observed.Pod.Key()
	err := r.actor.locked(ctx, key, func() error { return r.actor.touch(ctx, p) })
	if err != nil || !p.restarts() {
		return err
	}
	return r.startedAgain(ctx, j, key)
}

// make creates or replaces a pod and waits until it has started.
func (r *applying) make(ctx context.Context, j *job) error {
	j.prepared.Previous = previousImages(j.plan.Observed, j.prepared)
	err := r.actor.replace(ctx, j.plan.Observed, j.prepared.Key(), RemoveOptions{Grace: ownGrace}, func() error { return r.createHere(ctx, j) })
	if err != nil || r.opts.NoStart {
		return err
	}
	return r.started(ctx, j, j.prepared.Key())
}

// createHere makes the pod; one that a supervisor made of the same object in
// the meantime is as good.
func (r *applying) createHere(ctx context.Context, j *job) error {
	var err error
	if r.opts.NoStart {
		j.id, err = r.actor.createStopped(ctx, j.prepared)
	} else {
		j.id, err = r.actor.create(ctx, j.prepared)
	}
	if err == nil {
		return nil
	}
	if errors.Is(err, spec.ErrExists) {
		other, found := r.lookup(ctx, j.prepared)
		if found && other.Pod.Hash == j.prepared.Hash && other.Pod.Owner == j.prepared.Owner {
			j.id, j.found = other.Pod.ID, true
			return r.keepDown(ctx, j)
		}
		j.id = ""
		return err
	}
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
	defer cancel()
	return errors.Join(err, r.Engine.RemovePod(undo, j.id, 0))
}

// keepDown stops what a supervisor made and started, if it was not to start.
func (r *applying) keepDown(ctx context.Context, j *job) error {
	if !r.opts.NoStart {
		return nil
	}
	if err := r.Engine.SetStopped(ctx, j.id, "", true); err != nil {
		return err
	}
	st, err := r.Engine.ObservePod(ctx, j.id)
	if err != nil {
		return err
	}
	return r.actor.stopPod(ctx, &st, ownGrace)
}

func (r *applying) lookup(ctx context.Context, pod *spec.Pod) (spec.PodStatus, bool) {
	all, _ := r.Engine.Observe(ctx)
	i := slices.IndexFunc(all, func(st spec.PodStatus) bool { return st.Pod.Key() == pod.Key() })
	if i < 0 {
		return spec.PodStatus{}, false
	}
	return all[i], true
}

// restart brings up a pod that is as it should be, but down.
func (r *applying) restart(ctx context.Context, j *job) error {
	p := j.plan
	id := p.Observed.Pod.ID
	err := r.actor.locked(ctx, p.Key, func() error {
		if err := r.actor.touch(ctx, p); err != nil {
			return err
		}
		return r.actor.startByHand(ctx, p.Observed, p.Desired, forced(p.Observed))
	})
	if err != nil {
		return fmt.Errorf("start pod %s (%s): %w", p.Key, id.Short(), err)
	}
	return r.started(ctx, j, p.Observed.Pod.Key())
}

// forced says how a person's wish to start a pod is to be read: what was
// stopped by hand starts whatever its policy.
func forced(st *spec.PodStatus) Hurry {
	stopped := st.Stopped || slices.ContainsFunc(st.Containers, func(c spec.ContainerStatus) bool { return c.Stopped })
	return Hurry{Backoff: true, Force: stopped}
}

// started takes a pod through its init containers until its app containers have
// been started.
func (r *applying) started(ctx context.Context, j *job, key spec.PodKey) error {
	if !waitsToStart(j.plan.Desired) {
		return nil // all was started where it was made
	}
	return r.startedAgain(ctx, j, key)
}

// startedAgain takes a pod through what its start waits for.
func (r *applying) startedAgain(ctx context.Context, j *job, key spec.PodKey) error {
	tries := initTries
	if r.opts.Supervised {
		tries = 1
	}
	err := r.actor.start(ctx, key, j.id, j.plan.Desired, tries)
	if errors.Is(err, errStillTrying) && r.opts.Supervised {
		r.warn(source.Diagnostic{
			Pos: source.Pos{File: j.plan.Desired.Origin.File}, Warning: true,
			Message: fmt.Sprintf("pod %s: %v: the supervisor goes on trying", j.plan.Key, err),
		})
		return nil
	}
	return err
}

func (r *applying) warn(d source.Diagnostic) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.warnings = append(r.warnings, d)
}
