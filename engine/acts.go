package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"berth/engine/spec"
)

// Acts calls each with what was done, and what happened to containers, lately:
// the oldest first, as far as the journal goes back. With follow it goes on with
// what comes, until ctx ends. An error of each ends it, and is returned.
//
// That a container ended is nobody's act, and is in the journal only once
// somebody clears up after it. So ends are told as they are seen, and once.
func (e *Engine) Acts(ctx context.Context, follow bool, each func(spec.Act) error) error {
	if !follow {
		all, err := e.pastActs(ctx)
		for _, a := range all {
			if err := each(a); err != nil {
				return err
			}
		}
		return err
	}
	t := &teller{each: each, ends: map[string][]time.Time{}}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	exits, err := e.Exits(ctx)
	if err != nil {
		return err
	}
	if err := t.seen(e.endsOf(ctx, "")); err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { // ends with ctx
		defer close(failed)
		for id := range exits {
			if err := t.seen(e.endsOf(ctx, id)); err != nil {
				failed <- err
				cancel()
				return
			}
		}
	}()
	err = e.acts.Read(ctx, true, t.tell)
	cancel()
	if other := <-failed; other != nil {
		return other
	}
	return err
}

// pastActs are the acts of the journal in its order, which clocks do not always
// tell, and the ends that are not in it, each before what came after it.
func (e *Engine) pastActs(ctx context.Context) ([]spec.Act, error) {
	var all []spec.Act
	t := &teller{ends: map[string][]time.Time{}, each: func(a spec.Act) error {
		all = append(all, a)
		return nil
	}}
	ends := e.endsOf(ctx, "")
	err := e.acts.Read(ctx, false, t.tell)
	t.each = func(a spec.Act) error {
		i := len(all)
		for i > 0 && all[i-1].Time.After(a.Time) {
			i--
		}
		all = slices.Insert(all, i, a)
		return nil
	}
	return all, errors.Join(err, t.seen(ends))
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

// teller tells acts one at a time, and each end of a container once.
type teller struct {
	mu   sync.Mutex
	each func(spec.Act) error
	ends map[string][]time.Time // of each container, those told last
}

func (t *teller) seen(acts []spec.Act) error {
	for _, a := range acts {
		if err := t.tell(a); err != nil {
			return err
		}
	}
	return nil
}

func (t *teller) tell(a spec.Act) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case a.Type != spec.ActContainer:
	case a.Status == "remove":
		delete(t.ends, a.ID)
	case a.Status == "died":
		told := t.ends[a.ID]
		if slices.ContainsFunc(told, a.Time.Equal) {
			return nil
		}
		t.ends[a.ID] = append(told[max(0, len(told)-mostEnds+1):], a.Time)
	}
	return t.each(a)
}
