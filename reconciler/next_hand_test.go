package reconciler

import (
	"slices"
	"testing"
	"time"

	"berth/engine/spec"
)

// alone makes a pod that of a container made by hand, standing alone.
func alone(st *spec.PodStatus, change func(*spec.ByHand)) *spec.PodStatus {
	st.Pod.Bare = true
	return hands(st, change)
}

// together makes a pod one whose containers come and go.
func together(st *spec.PodStatus, change func(*spec.ByHand)) *spec.PodStatus {
	st.Pod.ByHand = true
	return hands(st, change)
}

func hands(st *spec.PodStatus, change func(*spec.ByHand)) *spec.PodStatus {
	for _, list := range [][]spec.Container{st.Pod.InitContainers, st.Pod.Containers} {
		for i := range list {
			hand := &spec.ByHand{ID: spec.ContainerID("id-" + list[i].Name)}
			if st.Pod.IsInit(list[i].Name) {
				hand.InitKind = spec.InitAlways
			}
			if change != nil {
				change(hand)
			}
			list[i].ByHand = hand
		}
	}
	return st
}

func TestNextByHand(t *testing.T) {
	const always, onFailure, never = spec.RestartAlways, spec.RestartOnFailure, spec.RestartNever
	removed := func(h *spec.ByHand) { h.Remove = true }
	thrice := func(h *spec.ByHand) { h.MostRestarts = 3 }
	down := func(st *spec.PodStatus) *spec.PodStatus { st.Sandbox = spec.SandboxNone; return st }
	stopped := func(st *spec.PodStatus) *spec.PodStatus { st.Stopped = true; return st }
	stoppedOne := func(st *spec.PodStatus) *spec.PodStatus { st.Containers[0].Stopped = true; return st }
	once := func(h *spec.ByHand) {
		if h.InitKind != "" {
			h.InitKind = spec.InitOnce
		}
	}
	last := func(st *spec.PodStatus) *spec.PodStatus { st.Pod.StopWithLast = true; return st }
	restarted := func(n int, st *spec.PodStatus) *spec.PodStatus {
		st.History = spec.History{"a": {Restarts: n}}
		return st
	}
	for name, c := range map[string]struct {
		st    *spec.PodStatus
		hurry Hurry
		after time.Duration
		want  string
	}{
		"one that runs needs nothing":                        {st: alone(podOf(never, "a:running"), nil)},
		"its sandbox goes with its end":                      {st: alone(podOf(never, "a:exited=1"), nil), want: "down"},
		"so does it itself, if asked":                        {st: alone(podOf(never, "a:exited=1"), removed), after: time.Minute, want: "remove a"},
		"but not at once":                                    {st: alone(podOf(never, "a:exited=1"), removed), want: "at +1s"},
		"unless whoever waited asks for it":                  {st: alone(podOf(never, "a:exited=1"), removed), hurry: Hurry{Backoff: true}, want: "remove a"},
		"also after a stop":                                  {st: stopped(down(alone(podOf(never, "a:exited=1"), removed))), after: time.Minute, want: "remove a"},
		"the stop comes first":                               {st: stopped(alone(podOf(always, "a:running"), removed)), want: "down"},
		"one that never ran stays":                           {st: stopped(down(alone(podOf(never, "a:created"), removed)))},
		"one that is to be restarted stays":                  {st: alone(podOf(always, "a:exited=1"), removed), want: "start a"},
		"on-failure restarts":                                {st: alone(podOf(onFailure, "a:exited=1"), nil), want: "start a"},
		"so often":                                           {st: restarted(2, alone(podOf(onFailure, "a:exited=1"), thrice)), want: "start a"},
		"and no more":                                        {st: restarted(3, alone(podOf(onFailure, "a:exited=1"), thrice)), want: "down"},
		"but for a person":                                   {st: restarted(3, alone(podOf(onFailure, "a:exited=1"), thrice)), hurry: Hurry{Force: true}, want: "start a"},
		"what always runs starts at boot":                    {st: down(alone(podOf(always, "a:unknown"), nil)), want: "ensure; start a"},
		"unless a person stopped it":                         {st: stopped(down(alone(podOf(always, "a:unknown"), nil)))},
		"on-failure does not":                                {st: down(alone(podOf(onFailure, "a:unknown"), nil))},
		"nor does what runs once":                            {st: down(alone(podOf(never, "a:unknown"), nil))},
		"what goes with its end is gone after a boot":        {st: down(alone(podOf(never, "a:unknown"), removed)), after: time.Minute, want: "remove a"},
		"a pod without containers stays up":                  {st: together(podOf(never), nil)},
		"a pod without containers stays down":                {st: down(together(podOf(never), nil))},
		"a person starts it":                                 {st: down(together(podOf(never), nil)), hurry: Hurry{Force: true}, want: "ensure"},
		"a pod outlives its containers":                      {st: together(podOf(never, "a:exited=0"), nil)},
		"unless it goes with the last":                       {st: last(together(podOf(never, "a:exited=0", "b:exited=1"), nil)), want: "down"},
		"which is not the last":                              {st: last(together(podOf(never, "a:exited=0", "b:running"), nil))},
		"nor is one that runs again":                         {st: last(together(podOf(onFailure, "a:exited=0", "b:exited=1"), nil)), want: "start b"},
		"one that never ran does not count":                  {st: last(stoppedOne(together(podOf(never, "a:created", "b:exited=0"), nil))), want: "down"},
		"a pod in which none ran yet stays":                  {st: last(stoppedOne(together(podOf(never, "a:created"), nil)))},
		"a container goes and its pod stays":                 {st: together(podOf(never, "a:exited=0"), removed), after: time.Minute, want: "remove a"},
		"the last goes, and its pod comes down":              {st: last(together(podOf(never, "a:exited=0"), removed)), after: time.Minute, want: "down; remove a"},
		"one that was stopped goes, too":                     {st: stoppedOne(together(podOf(always, "a:exited=0", "b:running"), removed)), after: time.Minute, want: "remove a"},
		"of several those start at boot that always run":     {st: down(stoppedOne(together(podOf(always, "a:unknown", "b:unknown"), nil))), want: "ensure; start b"},
		"a pod of which none does stays down":                {st: down(together(podOf(never, "a:unknown", "b:exited=1"), nil))},
		"init containers come first":                         {st: down(together(podOf(never, "init:created", "a:created"), nil)), hurry: Hurry{Force: true}, want: "ensure; start init"},
		"also where there is nothing else":                   {st: down(together(podOf(never, "init:created"), nil)), hurry: Hurry{Force: true}, want: "ensure; start init"},
		"the others wait":                                    {st: together(podOf(never, "init:running", "a:created"), nil), want: "await init"},
		"also for a person":                                  {st: together(podOf(never, "init:running", "a:created"), nil), hurry: Hurry{Force: true}, want: "await init"},
		"until it has ended well":                            {st: together(podOf(never, "init:exited=0", "a:created"), nil), want: "start a"},
		"one that has failed takes the pod down":             {st: together(podOf(always, "init:exited=1", "a:created"), nil), want: "down; failed"},
		"and it stays down":                                  {st: down(together(podOf(always, "init:exited=1", "a:created"), nil)), want: "failed"},
		"until a person starts it":                           {st: down(together(podOf(always, "init:exited=1", "a:created"), nil)), hurry: Hurry{Force: true}, want: "ensure; start init"},
		"one that ended badly does not end what runs":        {st: together(podOf(never, "init:exited=1", "a:running"), nil)},
		"they also come first at boot":                       {st: down(together(podOf(always, "init:exited=0", "a:unknown"), nil)), want: "ensure; start init"},
		"but not alone":                                      {st: down(together(podOf(never, "init:exited=0", "a:unknown"), nil))},
		"one that ran once goes":                             {st: together(podOf(never, "init:exited=0", "a:running"), once), after: time.Minute, want: "remove init"},
		"and never runs again":                               {st: down(together(podOf(never, "init:exited=0", "a:exited=0"), once)), hurry: Hurry{Force: true}, want: "ensure; start a"},
		"one that failed stays":                              {st: down(together(podOf(never, "init:exited=1", "a:created"), once)), after: time.Minute, want: "failed"},
		"one made before the machine went down is as it was": {st: down(stoppedOne(together(podOf(always, "a:created"), nil)))},
	} {
		t.Run(name, func(t *testing.T) {
			if got := brief(NextOf(c.st, noon.Add(c.after), c.hurry)); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestRestartsAreCountedFromAPersonsStart(t *testing.T) {
	st := alone(podOf(spec.RestartOnFailure, "a:exited=1"), func(h *spec.ByHand) { h.MostRestarts = 3 })
	st.History = spec.History{"a": {Restarts: 3, Backoff: time.Minute, BackoffAt: noon}}
	if got := NextOf(st, noon, Hurry{Backoff: true, Force: true}).History["a"].Restarts; got != 0 {
		t.Errorf("%d restarts", got)
	}
}

// A container made by hand has one ID and many ends: each is remembered.
func TestEndsOfOneContainer(t *testing.T) {
	st := alone(podOf(spec.RestartAlways, "a:exited=1"), nil)
	next := NextOf(st, noon, Hurry{})
	st.History = next.History
	st.Containers[0].StartedAt, st.Containers[0].FinishedAt, st.Containers[0].ExitCode = noon.Add(time.Second), noon.Add(time.Minute), 2
	next = NextOf(st, noon.Add(time.Hour), Hurry{})
	if last := next.History["a"].Last; last == nil || last.ExitCode != 2 || next.History["a"].Restarts != 2 {
		t.Errorf("%+v", next.History["a"])
	}
}

func TestNeeds(t *testing.T) {
	ref := func(pod, name string) spec.ContainerRef { return spec.ContainerRef{Pod: spec.PodID(pod), Name: name} }
	net := ref("other", "net")
	p := &spec.Pod{ID: "mine", Join: spec.Joins{Net: spec.Join{Container: &net}}, Containers: []spec.Container{
		{Name: "a", ByHand: &spec.ByHand{Requires: []spec.ContainerRef{ref("mine", "c"), ref("far", "x")}}},
		{Name: "b", ByHand: &spec.ByHand{Requires: []spec.ContainerRef{ref("mine", "a")}}},
		{Name: "c", ByHand: &spec.ByHand{Requires: []spec.ContainerRef{ref("mine", "b")}}}, // a circle
		{Name: "d", ByHand: &spec.ByHand{}},
	}}
	if got := inOrder(p); !slices.Equal(got, []string{"b", "c", "a", "d"}) {
		t.Errorf("order %q", got)
	}
	if got := required(p, "d"); !slices.Equal(got, []string{"d"}) {
		t.Errorf("required for d: %q", got)
	}
	d := ref("mine", "d")
	p.Containers = append(p.Containers, spec.Container{Name: "e", ByHand: &spec.ByHand{Namespaces: spec.Joins{PID: spec.Join{Container: &d}}}})
	if got := atOnce(p, []string{"a", "e", "d"}); !slices.Equal(got, []string{"a", "d"}) {
		t.Errorf("made at once: %q", got)
	}
	if got := needs(p, []string{"a"}); !slices.Equal(got, []spec.ContainerRef{ref("far", "x"), net}) {
		t.Errorf("needs of a: %v", got)
	}
}

// What had ended starts with its pod, once the init containers are done: whoever
// looks then, but only once, and not at the boot after.
func TestAPersonsStartOutlivesTheInitContainers(t *testing.T) {
	st := lostEnd(together(podOf(spec.RestartNever, "init:created", "a:unknown"), nil))
	st.Sandbox, st.Containers[1].CreatedAt = spec.SandboxNone, noon.Add(-2*time.Hour)
	look := func(want string) {
		t.Helper()
		next := NextOf(st, noon, Hurry{})
		if got := brief(next); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if next.History != nil {
			st.History = next.History
		}
	}
	st.History = NextOf(st, noon, Hurry{Backoff: true, Force: true}).History
	st.Sandbox, st.StartedAt = spec.SandboxReady, noon
	st.Containers[0].State, st.Containers[0].StartedAt = spec.StateRunning, noon
	look("await init")
	st.Containers[0].State, st.Containers[0].FinishedAt = spec.StateExited, noon
	look("start a")
	st.Containers[1].State, st.Containers[1].StartedAt = spec.StateRunning, noon
	look("")
	st.Sandbox, st.StartedAt = spec.SandboxNone, time.Time{}
	st.Containers[1].State = spec.StateUnknown
	lostEnd(st)
	look("")
}
