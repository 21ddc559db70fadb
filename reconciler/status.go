package reconciler

import (
	"cmp"
	"encoding/json"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"time"

	"berth/engine/spec"
	"berth/internal/source"
)

// Status is what the supervisor knows: what it reads, what is wrong there, and
// how each pod does. It lives in memory only and is asked for at the socket.
type Status struct {
	Version string         `json:"version,omitempty"` // of the supervisor
	PID     int            `json:"pid,omitempty"`
	Since   time.Time      `json:"since,omitzero"`
	Sources []SourceStatus `json:"sources"`
	// Diagnostics says what is wrong in the sources, with file and line.
	Diagnostics source.Diagnostics `json:"diagnostics,omitempty"`
	Pods        []PodReport        `json:"pods"`
	Units       []UnitView         `json:"units,omitempty"`
	Events      []Event            `json:"events,omitempty"` // the oldest first
}

// SourceStatus is one owner's objects.
type SourceStatus struct {
	Owner   spec.Owner `json:"owner"`
	Objects int        `json:"objects"`
	Unknown bool       `json:"unknown,omitempty"` // part of it could not be read: nothing of it is removed
}

// PodReport is one pod in short.
type PodReport struct {
	Namespace string     `json:"namespace"`
	Name      string     `json:"name"`
	ID        spec.PodID `json:"id,omitempty"`
	Owner     spec.Owner `json:"owner"`
	Object    string     `json:"object,omitempty"` // "Deployment default/web"
	File      string     `json:"file,omitempty"`

	Phase   Phase  `json:"phase"`
	Stopped bool   `json:"stopped,omitempty"` // by hand
	Reason  string `json:"reason,omitempty"`  // "CrashLoopBackOff", "ErrImagePull", …
	Message string `json:"message,omitempty"`

	Restarts int       `json:"restarts"`
	NextTry  time.Time `json:"nextTry,omitzero"` // of what Reason is about
}

// Status is what the loop knows now.
func (l *Loop) Status() Status {
	l.mu.Lock()
	set, workers, refused, diags := l.set, make([]*worker, 0, len(l.bySlot)), l.refused, l.diags
	for _, w := range l.bySlot {
		workers = append(workers, w)
	}
	l.mu.Unlock()

	diags = append(slices.Clone(diags), l.units.diagnostics()...)
	out := Status{Diagnostics: diags, Units: l.Units(), Events: l.events.list(), Sources: []SourceStatus{}, Pods: []PodReport{}}
	for _, owner := range l.opts.Source.Owners() {
		s := SourceStatus{Owner: spec.Owner(owner)}
		if set != nil {
			s.Unknown = slices.Contains(set.Unknown, owner)
			for _, o := range set.Objects {
				if o.Owner == owner {
					s.Objects++
				}
			}
		}
		out.Sources = append(out.Sources, s)
	}
	for _, w := range workers {
		if r, ok := w.tellReport(); ok {
			out.Pods = append(out.Pods, r)
		}
	}
	for _, p := range refused {
		out.Pods = append(out.Pods, refusedReport(p))
	}
	slices.SortFunc(out.Pods, compareReports)
	return out
}

// PodView is all that a supervisor knows of a pod and nobody can observe.
type PodView struct {
	PodReport
	// Waiting is why containers do not run.
	Waiting map[string]Waiting `json:"waiting,omitempty"`
	// Failure is why the last try to bring the pod about failed, if it did.
	Failure *Waiting `json:"failure,omitempty"`
	// Wanted is the pod to be made, while there is none.
	Wanted *spec.Pod `json:"wanted,omitempty"`
	// Seen is a mark of what was observed last: another one says that something
	// about the pod has changed, such as a container's readiness.
	Seen string `json:"seen,omitempty"`
}

// seenMark is the mark of an observation.
func seenMark(st *spec.PodStatus) string {
	h := fnv.New64a()
	if err := json.NewEncoder(h).Encode(st); err != nil {
		return "" // cannot be: it is plain data
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

// Pods is what the loop knows of each pod, by name.
func (l *Loop) Pods() []PodView {
	l.mu.Lock()
	workers, refused := slices.Collect(maps.Values(l.bySlot)), l.refused
	l.mu.Unlock()
	out := []PodView{}
	for _, w := range workers {
		if v, ok := w.view(); ok {
			out = append(out, v)
		}
	}
	for _, p := range refused {
		r := refusedReport(p)
		out = append(out, PodView{PodReport: r, Wanted: p.Desired, Failure: &Waiting{Reason: r.Reason, Message: r.Message}})
	}
	slices.SortFunc(out, func(a, b PodView) int { return compareReports(a.PodReport, b.PodReport) })
	return out
}

// view is the worker's pod; ok is false if there is none.
func (w *worker) view() (v PodView, ok bool) {
	if v.PodReport, ok = w.tellReport(); !ok {
		return v, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.report.seen == nil {
		if want := w.target.plan.Desired; want != nil {
			wanted := *want
			wanted.CreatedAt = w.target.since
			if !w.report.since.IsZero() {
				wanted.CreatedAt = w.report.since
			}
			v.Wanted = &wanted
		}
	} else {
		v.Seen = seenMark(w.report.seen)
	}
	v.Waiting = maps.Clone(w.report.next.Waiting)
	if err := w.report.err; err != nil {
		v.Failure = &Waiting{Reason: v.Reason, Message: v.Message, Until: v.NextTry}
	}
	return v, true
}

func compareReports(a, b PodReport) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Owner, b.Owner))
}

func refusedReport(p PodPlan) PodReport {
	r := reportOf(p.Desired)
	r.Phase, r.Reason, r.Message = PhasePending, "Refused", p.Reason
	return r
}

// tellReport is the worker's pod in short; ok is false if there is none.
func (w *worker) tellReport() (r PodReport, ok bool) {
	w.mu.Lock()
	state, want := w.report, w.target.plan.Desired
	w.mu.Unlock()
	switch {
	case state.seen != nil:
		r = reportOf(&state.seen.Pod)
		r.Phase, r.Stopped = PhaseOf(state.seen), state.seen.Stopped
		for i := range state.seen.Containers {
			r.Restarts += state.seen.Restarts(&state.seen.Containers[i])
		}
	case want != nil:
		r = reportOf(want)
		r.Phase = PhasePending
	default:
		return r, false
	}
	if state.err != nil {
		r.Reason, r.Message, r.NextTry = reasonOf(state.err), state.err.Error(), state.retryAt
		return r, true
	}
	if state.seen != nil && state.seen.Verdict != nil {
		r.Reason, r.Message = state.seen.Verdict.Reason, state.seen.Verdict.Message
		return r, true
	}
	for _, name := range sortedKeys(state.next.Waiting) {
		if wait := state.next.Waiting[name]; r.Reason == "" || r.NextTry.IsZero() && !wait.Until.IsZero() {
			r.Reason, r.Message, r.NextTry = wait.Reason, wait.Message, wait.Until
		}
	}
	if r.Reason == "" && state.seen == nil {
		r.Reason = reasonCreating
	}
	if r.Reason == "" && state.seen != nil {
		r.Reason, r.Message = stoppedByHand(state.seen)
	}
	return r, true
}

// stoppedByHand names what a person has stopped, if anything.
func stoppedByHand(st *spec.PodStatus) (reason, message string) {
	if st.Stopped {
		return "Stopped", "by hand"
	}
	var names []string
	for i := range st.Containers {
		if c := &st.Containers[i]; c.Stopped && !c.Running() {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 {
		return "", ""
	}
	return "Stopped", "by hand: container " + join(names)
}

func reportOf(p *spec.Pod) PodReport {
	r := PodReport{Namespace: p.Namespace, Name: p.Name, ID: p.ID, Owner: p.Owner, File: p.Origin.File}
	if p.Origin.Kind != "" {
		r.Object = p.Origin.String()
	}
	return r
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
