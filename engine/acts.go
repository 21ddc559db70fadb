package engine

import (
	"cmp"
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"berth/engine/spec"
)

// Acts calls each with what was done, and what happened to containers, lately:
// the oldest first, as far as the journal goes back. With follow it goes on with
// what comes, until ctx ends. An error of each ends it, and is returned.
//
// That a container ended is nobody's act, and is in the journal only once
// somebody clears up after it. So ends are told as they are seen, and once.
func (e *Engine) Acts(ctx context.Context, follow bool, each func(spec.Act) error) error {
	if follow {
		return e.followActs(ctx, each)
	}
	all, err := e.pastActs(ctx)
	for _, a := range all {
		if err := each(a); err != nil {
			return err
		}
	}
	return err
}

// pastActs are the acts of the journal in its order, which clocks do not always
// tell, and the ends that are not in it, each before what came after it.
func (e *Engine) pastActs(ctx context.Context) ([]spec.Act, error) {
	ends := e.endsOf(ctx, "")
	var all []spec.Act
	told := told{}
	err := e.acts.Read(ctx, false, func(a spec.Act) error {
		if told.first(a) {
			all = append(all, a)
		}
		return nil
	})
	for _, a := range ends {
		if !told.first(a) {
			continue
		}
		i := len(all)
		for i > 0 && all[i-1].Time.After(a.Time) {
			i--
		}
		all = slices.Insert(all, i, a)
	}
	return all, err
}

// followActs tells what comes from the journal and what is seen, one at a time.
func (e *Engine) followActs(ctx context.Context, each func(spec.Act) error) error {
	stoppable, cancel := context.WithCancel(ctx)
	defer cancel()
	group, watching := errgroup.WithContext(stoppable)
	exits, err := e.Exits(watching)
	if err != nil {
		return err
	}
	acts := make(chan spec.Act)
	tell := func(a spec.Act) error {
		select {
		case acts <- a:
			return nil
		case <-watching.Done():
			return watching.Err()
		}
	}
	group.Go(func() error { return e.acts.Read(watching, true, tell) }) // both end with watching
	group.Go(func() error {
		id, ok := spec.PodID(""), true // at first, all pods
		for ; ok; id, ok = <-exits {
			for _, a := range e.endsOf(watching, id) {
				if err := tell(a); err != nil {
					return err
				}
			}
		}
		return nil
	})
	told := told{}
	for {
		select {
		case a := <-acts:
			if !told.first(a) {
				continue
			}
			if err := each(a); err != nil {
				cancel()
				_ = group.Wait() // it says that it was cancelled
				return err
			}
		case <-watching.Done():
			return cmp.Or(ctx.Err(), group.Wait())
		}
	}
}

// endsOf are the ends of containers as they are seen in a pod, or in all.
func (e *Engine) endsOf(ctx context.Context, id spec.PodID) []spec.Act {
	var observed []spec.PodStatus
	if id != "" {
		if st, err := e.ObservePod(ctx, id); err == nil {
			observed = append(observed, st)
		}
	} else {
		observed, _ = e.Observe(ctx) // what cannot be seen, is not told
	}
	var acts []spec.Act
	for i := range observed {
		st := &observed[i]
		for _, c := range st.Containers {
			if !c.Finished() || c.FinishedAt.IsZero() {
				continue
			}
			a := containerAct(&st.Pod, c.Name, c.ID, "died")
			a.Time, a.ExitCode = c.FinishedAt, &c.ExitCode
			acts = append(acts, a)
		}
	}
	slices.SortStableFunc(acts, func(a, b spec.Act) int { return a.Time.Compare(b.Time) })
	return acts
}

// mostEnds is how many ends of one container are remembered as told: of two who
// tell of an end, the second is no later than the next but few.
const mostEnds = 64

// told is which ends were told lately, by container.
type told map[string][]time.Time

// first reports whether an act is told for the first time. Only ends are told more
// than once.
func (t told) first(a spec.Act) bool {
	switch {
	case a.Type != spec.ActContainer:
	case a.Status == "remove":
		delete(t, a.ID)
	case a.Status == "died":
		before := t[a.ID]
		if slices.ContainsFunc(before, a.Time.Equal) {
			return false
		}
		t[a.ID] = append(before[max(0, len(before)-mostEnds+1):], a.Time)
	}
	return true
}
