package autoupdate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"berth/engine/spec"
)

func TestStayed(t *testing.T) {
	const long, short = unitProof, unitProof - time.Millisecond
	for what, c := range map[string]struct {
		now     UnitState
		watched time.Duration
		done    bool
		fails   string
	}{
		"it is up, but not for long enough":       {UnitState{Status: "active", Start: "a"}, short, false, ""},
		"it has been up for long enough":          {UnitState{Status: "active", Start: "a"}, long, true, ""},
		"reading its files again is being up":     {UnitState{Status: "reloading", Start: "a"}, long, true, ""},
		"it was started again":                    {UnitState{Status: "active", Start: "b"}, short, false, "web.service does not stay up: it was started again"},
		"even long after":                         {UnitState{Status: "active", Start: "b"}, long, false, "started again"},
		"it has ended well":                       {UnitState{Status: "inactive", Start: "a"}, 0, true, ""},
		"of which its manager has a time":         {UnitState{Status: "inactive", Start: "b"}, 0, true, ""},
		"it is ending, nobody knows how":          {UnitState{Status: "deactivating", Start: "b"}, short, false, ""},
		"it takes long to end":                    {UnitState{Status: "deactivating", Start: "b"}, long, true, ""},
		"it has failed":                           {UnitState{Status: "failed", Start: "a", Why: "ask me"}, long, false, "web.service does not stay up, it is failed: ask me"},
		"it has failed, and nobody says why":      {UnitState{Status: "failed", Start: "a"}, 0, false, "web.service does not stay up, it is failed"},
		"it waits to be started again, or starts": {UnitState{Status: "activating", Start: "a"}, 0, false, "does not stay up, it is activating"},
	} {
		t.Run(what, func(t *testing.T) {
			done, err := stayed("web.service", "a", c.now, c.watched)
			if done != c.done || (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%v, %v; want %v, %q", done, err, c.done, c.fails)
			}
		})
	}
}

func TestRuns(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for what, c := range map[string]struct {
		st    spec.ContainerStatus
		fails string
	}{
		"for long enough": {spec.ContainerStatus{State: spec.StateRunning, StartedAt: now.Add(-unitProof)}, ""},
		"just begun":      {spec.ContainerStatus{State: spec.StateRunning, StartedAt: now.Add(-time.Second)}, "container web-app does not stay up, it is running"},
		"ended well":      {spec.ContainerStatus{State: spec.StateExited}, ""},
		"failed":          {spec.ContainerStatus{State: spec.StateExited, ExitCode: 1}, "it is exited"},
		"not made":        {spec.ContainerStatus{State: spec.StateNone}, "does not stay up"},
	} {
		t.Run(what, func(t *testing.T) {
			err := runs(&Container{Name: "web-app"}, &c.st, now)
			if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%v, want %q", err, c.fails)
			}
		})
	}
}

// machine has one unit and what runs in it, each as it is some time after the
// unit was restarted; the time of a state is when it begins.
type machine struct {
	began      time.Time
	restart    error
	unit       map[time.Duration]UnitState
	containers map[time.Duration]spec.ContainerStatus
	pods       map[spec.PodID]error // what their proof comes to
	unseen     error
}

// at is the state whose time has come last.
func at[T any](m *machine, states map[time.Duration]T) (state T, ok bool) {
	best := time.Duration(-1)
	for when := range states {
		if when <= time.Since(m.began) && when > best {
			best, state, ok = when, states[when], true
		}
	}
	return state, ok
}

func (m *machine) Restart(context.Context, string) error {
	m.began = time.Now()
	return m.restart
}

func (m *machine) State(_ context.Context, unit string) (UnitState, error) {
	if st, ok := at(m, m.unit); ok {
		return st, nil
	}
	return UnitState{}, fmt.Errorf("%s: %w", unit, spec.ErrNotFound)
}

func (m *machine) Observe(context.Context) ([]spec.PodStatus, error) {
	all := []spec.PodStatus{{Pod: spec.Pod{ID: "other", Owner: spec.UnitOwner("other.service")}}}
	for id := range m.pods {
		all = append(all, spec.PodStatus{Pod: spec.Pod{ID: id, Owner: spec.UnitOwner("web.service")}})
	}
	if m.unseen != nil {
		return nil, m.unseen
	}
	return all, nil
}

func (m *machine) FindContainer(_ context.Context, _, name string) (spec.PodStatus, spec.ContainerStatus, error) {
	if st, ok := at(m, m.containers); ok {
		st.StartedAt = m.began.Add(time.Duration(st.Attempt) * time.Second)
		return spec.PodStatus{}, st, nil
	}
	return spec.PodStatus{}, spec.ContainerStatus{}, fmt.Errorf("%s: %w", name, spec.ErrNotFound)
}

func (m *machine) AwaitProof(_ context.Context, id spec.PodID) error {
	err, ok := m.pods[id]
	if !ok {
		return fmt.Errorf("pod %s is none of the unit's", id)
	}
	return err
}

func TestRestartUnit(t *testing.T) {
	up := map[time.Duration]UnitState{0: {Status: "active", Start: "a"}}
	second := time.Second
	for what, c := range map[string]struct {
		m       machine
		alone   bool
		noWatch bool
		limit   time.Duration // of the context
		takes   time.Duration
		fails   string
	}{
		"it stays up": {m: machine{unit: up}, alone: true, takes: unitProof},
		"it is not watched": {
			m: machine{unit: map[time.Duration]UnitState{0: {Status: "failed"}}}, noWatch: true,
		},
		"it cannot be restarted": {m: machine{restart: errors.New("no such file")}, fails: "restart web.service: no such file"},
		"it fails after a while": {
			m: machine{unit: map[time.Duration]UnitState{0: {Status: "active", Start: "a"}, 2 * second: {Status: "failed", Why: "ask"}}}, alone: true,
			takes: 2 * second, fails: "web.service does not stay up, it is failed: ask",
		},
		"it is restarted between two looks": {
			m: machine{unit: map[time.Duration]UnitState{0: {Status: "active", Start: "a"}, 3 * second: {Status: "active", Start: "b"}}}, alone: true,
			takes: 3 * second, fails: "it was started again",
		},
		"it is done": {
			m: machine{unit: map[time.Duration]UnitState{
				0: {Status: "active", Start: "a"}, second: {Status: "deactivating", Start: "b"}, 2 * second: {Status: "inactive", Start: "c"},
			}}, alone: true,
			takes: 2 * second,
		},
		"its manager has gone":          {m: machine{}, alone: true, fails: spec.ErrNotFound.Error()},
		"one of its pods does not work": {m: machine{unit: up, pods: map[spec.PodID]error{"p": errors.New("unhealthy")}}, alone: true, fails: "unhealthy"},
		"one of its pods went with its end": {
			m: machine{unit: up, pods: map[spec.PodID]error{"p": spec.ErrNotFound, "q": nil}}, alone: true, takes: unitProof,
		},
		"its pods cannot be looked at": {m: machine{unit: up, unseen: errors.New("no disk")}, alone: true, takes: unitProof, fails: "no disk"},
		"its pod's container comes later": {
			m:     machine{unit: up, containers: map[time.Duration]spec.ContainerStatus{20 * second: {State: spec.StateRunning, Attempt: 20}}},
			takes: 20*second + unitProof,
		},
		"its pod's container never comes": {
			m: machine{unit: up}, takes: unitProof + memberTime + unitProof, fails: "container web-app does not run again",
		},
		"its pod's container fails": {
			m:     machine{unit: up, containers: map[time.Duration]spec.ContainerStatus{0: {State: spec.StateExited, ExitCode: 1}}},
			takes: unitProof + memberTime + unitProof, fails: "container web-app does not stay up, it is exited",
		},
		"nobody waits any more": {m: machine{unit: up}, limit: second, takes: second, fails: context.DeadlineExceeded.Error()},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), cmp.Or(c.limit, time.Hour))
				defer cancel()
				g := &Group{Unit: "web.service", Containers: []Container{{Name: "web-app", Alone: c.alone}}}
				began := time.Now()
				err := RestartUnit(ctx, &c.m, &c.m, g, !c.noWatch)
				if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
					t.Errorf("%v, want %q", err, c.fails)
				}
				if took := time.Since(began); took != c.takes {
					t.Errorf("it took %v, want %v", took, c.takes)
				}
			})
		})
	}
}
