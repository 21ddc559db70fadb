package reconciler

import (
	"slices"
	"strings"
	"testing"
	"time"

	"berth/engine/spec"
)

// alter changes a pod's containers of a name, as the pod has them and as they are.
func alter(st *spec.PodStatus, name string, change func(*spec.Container, *spec.ContainerStatus)) *spec.PodStatus {
	made, _ := st.Pod.Container(name)
	c, _ := st.Container(name)
	change(made, c)
	return st
}

// beside makes init containers sidecars.
func beside(st *spec.PodStatus, names ...string) *spec.PodStatus {
	for _, name := range names {
		alter(st, name, func(made *spec.Container, _ *spec.ContainerStatus) { made.RestartPolicy = spec.RestartAlways })
	}
	return st
}

// probing gives a container a startup probe, and says whether it has passed.
func probing(st *spec.PodStatus, name string, passed bool) *spec.PodStatus {
	return alter(st, name, func(made *spec.Container, c *spec.ContainerStatus) {
		made.Lifecycle.Startup = &spec.Probe{}
		c.Life = &spec.Life{Container: c.ID, Started: passed}
	})
}

// hooking gives a container a postStart hook that is so far.
func hooking(st *spec.PodStatus, name string, state spec.HookState) *spec.PodStatus {
	return alter(st, name, func(made *spec.Container, c *spec.ContainerStatus) {
		made.Lifecycle.PostStart = &spec.Handler{}
		c.Life = &spec.Life{Container: c.ID, PostStart: state}
		if state == spec.HookFailed {
			c.Life.Doomed = &spec.Doom{Reason: reasonHook, Message: "it broke", Grace: time.Second}
		}
	})
}

func doomed(st *spec.PodStatus, name string, grace time.Duration) *spec.PodStatus {
	return alter(st, name, func(_ *spec.Container, c *spec.ContainerStatus) {
		c.Life = &spec.Life{Container: c.ID, Doomed: &spec.Doom{Reason: "Unhealthy", Grace: grace}}
	})
}

func ruled(st *spec.PodStatus, name string, rules ...spec.RestartRule) *spec.PodStatus {
	return alter(st, name, func(made *spec.Container, _ *spec.ContainerStatus) { made.Lifecycle.RestartRules = rules })
}

func policed(st *spec.PodStatus, name string, policy spec.RestartPolicy) *spec.PodStatus {
	return alter(st, name, func(made *spec.Container, _ *spec.ContainerStatus) { made.RestartPolicy = policy })
}

func limited(st *spec.PodStatus, age, limit time.Duration) *spec.PodStatus {
	st.Pod.CreatedAt, st.Pod.ActiveDeadline = noon.Add(-age), limit
	return st
}

func judgedOver(st *spec.PodStatus, sandbox spec.SandboxState) *spec.PodStatus {
	st.Verdict, st.Sandbox = &spec.Verdict{Reason: "Evicted", Message: "no memory"}, sandbox
	return st
}

func shelved(st *spec.PodStatus, names ...string) *spec.PodStatus {
	for _, name := range names {
		c, _ := st.Container(name)
		c.Stopped = true
	}
	return st
}

func restartedSince(at time.Time, backoff time.Duration, st *spec.PodStatus) *spec.PodStatus {
	st.History = spec.History{"a": {Restarts: 3, Backoff: backoff, BackoffAt: at}}
	return st
}

// setBack is a pod whose sandbox was made before the clock was set back by an hour.
func setBack(st *spec.PodStatus) *spec.PodStatus {
	st.StartedAt, st.Infra.ID = noon.Add(time.Hour), "infra"
	for i := range st.Containers {
		st.Containers[i].Sandbox = "infra"
	}
	return st
}

func TestNextOfALivingPod(t *testing.T) {
	const always, onFailure, never = spec.RestartAlways, spec.RestartOnFailure, spec.RestartNever
	lost := func(st *spec.PodStatus) *spec.PodStatus { st.Sandbox = spec.SandboxLost; return st }
	down := func(st *spec.PodStatus) *spec.PodStatus { st.Sandbox = spec.SandboxNone; return st }
	all := spec.RestartRule{All: true, Codes: []int32{7}}
	for sentence, c := range map[string]struct {
		st    *spec.PodStatus
		hurry Hurry
		want  string
	}{
		// Start order: sidecars.
		"a sidecar does not hold up the next":                       {st: beside(podOf(never, "init1:none", "init2:none", "a:none"), "init1"), want: "start init1,init2"},
		"one with a startup probe does":                             {st: probing(beside(podOf(never, "init1:none", "init2:none", "a:none"), "init1"), "init1", false), want: "start init1; gate init1"},
		"until that has passed":                                     {st: probing(beside(podOf(never, "init1:running", "init2:none", "a:none"), "init1"), "init1", false), want: "gate init1"},
		"and then the next starts":                                  {st: probing(beside(podOf(never, "init1:running", "init2:none", "a:none"), "init1"), "init1", true), want: "start init2"},
		"in a new sandbox likewise":                                 {st: down(probing(beside(podOf(never, "init1:none", "init2:none", "a:none"), "init1"), "init1", false)), want: "ensure; start init1"},
		"the last gate holds up the app containers":                 {st: probing(beside(podOf(never, "init1:running", "a:none"), "init1"), "init1", false), want: "gate init1"},
		"a sidecar comes back whatever the pod's policy":            {st: beside(podOf(never, "init1:exited=0", "a:running"), "init1"), want: "start init1"},
		"and while init containers after it are at work":            {st: probing(beside(podOf(never, "init1:exited=1", "init2:running", "a:none"), "init1"), "init1", false), want: "start init1; await init2"},
		"a sidecar that starts again holds nothing up that has run": {st: probing(beside(podOf(never, "init1:running", "init2:exited=0", "a:none"), "init1"), "init1", false), want: "start a"},
		"nor app containers that have begun":                        {st: probing(beside(podOf(always, "init1:running", "a:running", "b:exited=1"), "init1"), "init1", false), want: "start b"},
		"sidecars do not keep a pod going":                          {st: down(beside(podOf(never, "init1:exited=0", "a:exited=0"), "init1"))},
		"they go when the others have ended for good":               {st: beside(podOf(never, "init1:running", "init2:exited=1", "a:exited=0"), "init1", "init2"), want: "end init1"},
		"also where an init container has":                          {st: beside(podOf(never, "init1:running", "init2:exited=1", "a:none"), "init1"), want: "end init1; failed"},
		"after which there is nothing to keep the sandbox for":      {st: beside(podOf(never, "init1:exited=137", "init2:exited=1", "a:exited=0"), "init1", "init2"), want: "down"},
		"a sidecar's postStart hook is a gate, too":                 {st: hooking(beside(podOf(never, "init1:running", "a:none"), "init1"), "init1", spec.HookNone), want: "hook init1; gate init1"},
		"an init container that was stopped by hand stays so":       {st: shelved(podOf(always, "init1:exited=137", "a:none"), "init1")},

		// Start order: hooks.
		"a container with a postStart hook holds up those after it": {st: hooking(podOf(always, "a:none", "b:none", "c:none"), "b", spec.HookNone), want: "start a,b; gate b"},
		"in a new sandbox, too":                                   {st: down(hooking(podOf(always, "a:none", "b:none"), "a", spec.HookNone)), want: "ensure; start a"},
		"the hook runs once the container does":                   {st: hooking(podOf(always, "a:running", "b:none"), "a", spec.HookNone), want: "hook a; gate a"},
		"one left running is run again":                           {st: hooking(podOf(always, "a:running", "b:none"), "a", spec.HookRunning), want: "hook a; gate a"},
		"one that is done lets the next start":                    {st: hooking(podOf(always, "a:running", "b:none"), "a", spec.HookDone), want: "start b"},
		"one that failed ends its container, and the next starts": {st: hooking(podOf(always, "a:running", "b:none"), "a", spec.HookFailed), want: "start b; end a"},
		"what ended after it waits for the hook, too":             {st: hooking(podOf(always, "a:running", "b:exited=1"), "a", spec.HookNone), want: "hook a; gate a"},
		"what is doomed after it does not":                        {st: doomed(hooking(podOf(always, "a:running", "b:running"), "a", spec.HookNone), "b", 0), want: "end b; hook a; gate a"},
		"a container in its back-off holds up nothing":            {st: restartedSince(noon.Add(-time.Minute), 20*time.Second, hooking(podOf(always, "a:exited=1", "b:none"), "a", "")), want: "start b; at +20s"},

		// Dooms.
		"a doomed container is ended":                       {st: doomed(podOf(never, "a:running", "b:running"), "a", time.Second), want: "end a"},
		"one that has ended goes by its policy":             {st: doomed(podOf(always, "a:exited=137", "b:running"), "a", time.Second), want: "start a"},
		"a doom of the container before says nothing":       {st: alter(doomed(podOf(always, "a:running"), "a", 0), "a", func(_ *spec.Container, c *spec.ContainerStatus) { c.ID = "another" })},
		"a sidecar may be doomed":                           {st: doomed(beside(podOf(never, "init1:running", "a:running"), "init1"), "init1", 0), want: "end init1"},
		"a stop by hand that was cut short is gone on with": {st: shelved(podOf(always, "a:running", "b:running"), "a"), want: "end a"},
		"of a whole pod likewise":                           {st: downByHand(podOf(always, "a:running", "b:exited=0"), ""), want: "down"},
		"also when only the sandbox is left of it":          {st: downByHand(podOf(always, "a:exited=0"), ""), want: "down"},
		"a pod that was only created keeps its sandbox":     {st: downByHand(podOf(always, "a:created", "b:none"), "")},

		// Restart policies.
		"a container's own policy goes over the pod's":   {st: policed(podOf(never, "a:exited=1", "b:running"), "a", onFailure), want: "start a"},
		"in either direction":                            {st: policed(podOf(always, "a:exited=1", "b:running"), "a", never)},
		"a rule goes over both":                          {st: ruled(policed(podOf(never, "a:exited=5", "b:running"), "a", never), "a", spec.RestartRule{Codes: []int32{4, 5}}), want: "start a"},
		"one for other codes does not":                   {st: ruled(podOf(never, "a:exited=6", "b:running"), "a", spec.RestartRule{Codes: []int32{4, 5}})},
		"a rule may be for all codes but some":           {st: ruled(podOf(never, "a:exited=6", "b:running"), "a", spec.RestartRule{Not: true, Codes: []int32{4, 5}}), want: "start a"},
		"the first rule that matches counts":             {st: ruled(podOf(never, "a:exited=7", "b:running"), "a", spec.RestartRule{Codes: []int32{7}}, all), want: "start a"},
		"an init container may be tried again by a rule": {st: ruled(podOf(never, "init1:exited=9", "a:none"), "init1", spec.RestartRule{Codes: []int32{9}}), want: "start init1"},
		"a rule may restart all":                         {st: ruled(beside(podOf(never, "init1:running", "init2:exited=0", "a:exited=7", "b:running"), "init1"), "a", all), want: "end init1,b"},
		"whose own back-off counts":                      {st: restartedSince(noon.Add(-time.Minute), 20*time.Second, ruled(podOf(never, "a:exited=7", "b:running"), "a", all)), want: "at +20s"},

		// The pod's time.
		"a pod has so much time":                  {st: limited(podOf(always, "a:running"), 10*time.Second, 15*time.Second), want: "at +5s"},
		"then it is over":                         {st: limited(podOf(always, "a:running"), 15*time.Second, 15*time.Second), want: "verdict DeadlineExceeded"},
		"also where it has not come up":           {st: limited(down(podOf(always, "a:none")), 15*time.Second, 15*time.Second), want: "verdict DeadlineExceeded"},
		"one that has ended by itself is not":     {st: limited(podOf(never, "a:exited=0"), 15*time.Second, 15*time.Second), want: "down"},
		"one that is over is taken down":          {st: judgedOver(podOf(always, "a:running"), spec.SandboxReady), want: "down"},
		"once":                                    {st: judgedOver(podOf(always, "a:exited=1"), spec.SandboxNone)},
		"and never started again, even by hand":   {st: judgedOver(podOf(always, "a:exited=1"), spec.SandboxNone), hurry: Hurry{Force: true}},
		"a lost sandbox of one that is over goes": {st: lost(judgedOver(podOf(always, "a:running"), spec.SandboxLost)), want: "down"},

		// A clock that was set back an hour.
		"a back-off whose end is an hour away is over": {st: func() *spec.PodStatus {
			st := restartedSince(noon.Add(time.Hour), 20*time.Second, podOf(always, "a:exited=1"))
			st.Containers[0].FinishedAt = noon.Add(time.Hour)
			return st
		}(), want: "start a"},
		"what ended before its sandbox began has run in it all the same": {
			st: setBack(podOf(always, "init1:exited=0", "a:exited=0", "b:running")), want: "start a",
		},
		"and keeps its back-off": {
			st: setBack(restartedSince(noon.Add(time.Hour), 20*time.Second, podOf(always, "init1:exited=0", "a:exited=1"))), want: "at +20s",
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			if got := brief(NextOf(c.st, noon, c.hurry)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestRestartingAllGoesOnWherever goes through a restart of all as several
// processes may, each with what the one before has saved.
func TestRestartingAllGoesOnWherever(t *testing.T) {
	st := ruled(podOf(spec.RestartNever, "init1:exited=0", "a:exited=7", "b:running", "c:exited=0"), "a", spec.RestartRule{All: true, Codes: []int32{7}})
	next := NextOf(st, noon.Add(time.Second), Hurry{})
	if got := brief(next); got != "end b" {
		t.Fatalf("first %q", got)
	}
	for name, want := range map[string]int{"init1": 1, "a": 1, "b": 1, "c": 1} {
		if got := next.History[name].Restarts; got != want {
			t.Errorf("%s has %d restarts, want %d", name, got, want)
		}
	}
	st.History = next.History
	if got := brief(NextOf(st, noon.Add(time.Second), Hurry{})); got != "end b" {
		t.Errorf("again %q", got)
	}
	alter(st, "b", func(_ *spec.Container, c *spec.ContainerStatus) {
		c.State, c.ExitCode, c.FinishedAt = spec.StateExited, 137, noon
	})
	for _, step := range []struct{ starts, then string }{{"init1", "start init1"}, {"a", "start a,b,c"}, {"b", "start b,c"}, {"c", "start c"}} {
		next := NextOf(st, noon.Add(time.Minute), Hurry{})
		if got := brief(next); got != step.then {
			t.Fatalf("%q, want %q", got, step.then)
		}
		if next.History != nil {
			st.History = next.History
		}
		alter(st, step.starts, func(_ *spec.Container, c *spec.ContainerStatus) {
			c.ID, c.State, c.StartedAt, c.FinishedAt = c.ID+"2", spec.StateRunning, noon.Add(time.Minute), time.Time{}
			if c.Init {
				c.State, c.ExitCode, c.FinishedAt = spec.StateExited, 0, noon.Add(time.Minute)
			}
		})
	}
	if next := NextOf(st, noon.Add(time.Hour), Hurry{}); !next.Idle() {
		t.Errorf("at last %q", brief(next))
	}
	if last := st.History["b"].Last; last == nil || last.ExitCode != 137 {
		t.Errorf("b ended last with %+v", last)
	}
}

func TestWaitingForAHookSpeaksAsTheKubelet(t *testing.T) {
	st := hooking(podOf(spec.RestartAlways, "a:running", "b:none"), "a", spec.HookFailed)
	if w := NextOf(st, noon, Hurry{}).Waiting["a"]; w.Reason != "PostStartHookError" || w.Message != "it broke" {
		t.Errorf("a waits %+v", w)
	}
	st = hooking(podOf(spec.RestartAlways, "a:running", "b:none"), "a", spec.HookRunning)
	if w := NextOf(st, noon, Hurry{}).Waiting["b"]; w.Reason != "ContainerCreating" {
		t.Errorf("b waits %+v", w)
	}
	st = podOf(spec.RestartAlways, "init1:running", "init2:none", "b:none")
	next := NextOf(st, noon, Hurry{})
	for _, name := range []string{"init2", "b"} {
		if w := next.Waiting[name]; w.Reason != "PodInitializing" {
			t.Errorf("%s waits %+v", name, w)
		}
	}
}

func ends(n Next) string {
	var names []string
	for _, e := range n.End {
		names = append(names, e.Name)
	}
	return strings.Join(slices.Compact(names), ",")
}
