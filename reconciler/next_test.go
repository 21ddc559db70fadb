package reconciler

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"berth/engine/spec"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// podOf has containers from words such as "init:exited=1", "a:running",
// "b:none", "c:unknown". Those that ended did so at noon.
func podOf(policy spec.RestartPolicy, words ...string) *spec.PodStatus {
	st := &spec.PodStatus{Sandbox: spec.SandboxReady, StartedAt: noon.Add(-time.Hour)}
	st.Pod.Name, st.Pod.RestartPolicy = "p", policy
	for _, word := range words {
		name, state, _ := strings.Cut(word, ":")
		c := spec.ContainerStatus{Name: name, ID: spec.ContainerID("id-" + name), Init: strings.HasPrefix(name, "init")}
		if _, err := fmt.Sscanf(state, "exited=%d", &c.ExitCode); err == nil {
			state = "exited"
		}
		c.State = spec.ContainerState(state)
		if c.State != spec.StateNone && c.State != spec.StateCreated {
			c.StartedAt = noon.Add(-time.Minute)
		}
		if c.Finished() {
			c.FinishedAt = noon
		}
		st.Containers = append(st.Containers, c)
		if c.Init {
			st.Pod.InitContainers = append(st.Pod.InitContainers, spec.Container{Name: name})
		} else {
			st.Pod.Containers = append(st.Pod.Containers, spec.Container{Name: name})
		}
	}
	return st
}

// lostEnd is a status of which nobody saw how containers ended.
func lostEnd(st *spec.PodStatus) *spec.PodStatus {
	for i := range st.Containers {
		if c := &st.Containers[i]; c.State == spec.StateUnknown {
			c.ExitCode, c.Reason = spec.ExitUnknown, "ContainerStatusUnknown"
			c.StartedAt, c.FinishedAt = time.Time{}, time.Time{}
		}
	}
	return st
}

func brief(n Next) string {
	var out []string
	if n.Down != "" {
		out = append(out, "down")
	}
	if n.Ensure {
		out = append(out, "ensure")
	}
	if len(n.Start) > 0 {
		out = append(out, "start "+strings.Join(n.Start, ","))
	}
	if n.Verdict != nil {
		out = append(out, "verdict "+n.Verdict.Reason)
	}
	if len(n.End) > 0 {
		out = append(out, "end "+ends(n))
	}
	if len(n.Hook) > 0 {
		out = append(out, "hook "+strings.Join(n.Hook, ","))
	}
	if n.Gate != "" {
		out = append(out, "gate "+n.Gate)
	}
	if n.Await != "" {
		out = append(out, "await "+n.Await)
	}
	if !n.At.IsZero() {
		out = append(out, "at +"+n.At.Sub(noon).String())
	}
	if n.Failed != "" {
		out = append(out, "failed")
	}
	if len(n.Remove) > 0 {
		out = append(out, "remove "+strings.Join(n.Remove, ","))
	}
	return strings.Join(out, "; ")
}

func TestNext(t *testing.T) {
	const always, onFailure, never = spec.RestartAlways, spec.RestartOnFailure, spec.RestartNever
	sandbox := func(s spec.SandboxState, st *spec.PodStatus) *spec.PodStatus {
		st.Sandbox = s
		return st
	}
	history := func(backoff time.Duration, st *spec.PodStatus) *spec.PodStatus {
		st.History = spec.History{"a": {Restarts: 3, Backoff: backoff, BackoffAt: noon.Add(-time.Minute)}}
		return st
	}
	before := func(st *spec.PodStatus) *spec.PodStatus { // all that ended did so in an earlier sandbox
		st.StartedAt = noon.Add(time.Second)
		return st
	}
	byHand := func(st *spec.PodStatus) *spec.PodStatus { st.Stopped = true; return st }
	last := func(code int, st *spec.PodStatus) *spec.PodStatus {
		st.History = spec.History{"a": {Last: &spec.Termination{ExitCode: code}}}
		return st
	}
	failed := func(tries int, st *spec.PodStatus) *spec.PodStatus { // the first container could not be made
		st.Containers[0].Failed = &spec.Failure{Reason: "CreateContainerError", Message: "no", At: noon.Add(-time.Second), Tries: tries}
		return st
	}
	lacks := func(st *spec.PodStatus) *spec.PodStatus { // the first container reads what nobody declares
		if len(st.Pod.InitContainers) > 0 {
			st.Pod.InitContainers[0].Lacks = "no"
		} else {
			st.Pod.Containers[0].Lacks = "no"
		}
		return st
	}
	for sentence, c := range map[string]struct {
		st    *spec.PodStatus
		hurry Hurry
		want  string
	}{
		"what lacks something waits, the others run":             {st: lacks(podOf(always, "a:none", "b:none")), want: "start b"},
		"in a fresh sandbox, too":                                {st: sandbox(spec.SandboxNone, lacks(podOf(always, "a:none", "b:none"))), want: "ensure; start b"},
		"nobody can start it by hand":                            {st: lacks(podOf(always, "a:none", "b:running")), hurry: Hurry{Force: true}},
		"an init container that lacks holds the others up":       {st: lacks(podOf(always, "init1:none", "a:none"))},
		"in a fresh sandbox nothing is begun then":               {st: sandbox(spec.SandboxNone, lacks(podOf(always, "init1:none", "a:none"))), want: "ensure"},
		"what cannot be made waits, the others run":              {st: failed(1, podOf(always, "a:none", "b:none")), want: "start b; at +9s"},
		"the longer the more often that was tried":               {st: failed(3, podOf(never, "a:none", "b:running")), want: "at +39s"},
		"but not for ever":                                       {st: failed(99, podOf(always, "a:none")), want: "at +4m59s"},
		"an init container holds the others up meanwhile":        {st: failed(1, podOf(always, "init1:none", "a:none")), want: "at +9s"},
		"it is made at once where a person wants it":             {st: failed(9, podOf(always, "a:none")), hurry: Hurry{Backoff: true}, want: "start a"},
		"one that ran waits likewise":                            {st: failed(2, podOf(always, "a:exited=1")), want: "at +19s"},
		"in a fresh sandbox all is tried":                        {st: sandbox(spec.SandboxNone, failed(5, podOf(always, "a:none"))), want: "ensure; start a"},
		"what runs is left alone":                                {st: podOf(always, "a:running", "b:running")},
		"the first init container starts alone":                  {st: podOf(always, "init1:none", "init2:none", "a:none"), want: "start init1"},
		"a running init container is awaited":                    {st: podOf(always, "init1:exited=0", "init2:running", "a:none"), want: "await init2"},
		"after one init container comes the next":                {st: podOf(always, "init1:exited=0", "init2:created", "a:none"), want: "start init2"},
		"after the last, all app containers in order":            {st: podOf(always, "init1:exited=0", "b:none", "a:created"), want: "start b,a"},
		"a failed init container is tried again":                 {st: podOf(always, "init1:exited=1", "a:none"), want: "start init1"},
		"one that may not be tried again ends the pod":           {st: podOf(never, "init1:exited=1", "a:none"), want: "down; failed"},
		"and is still the reason when that is down":              {st: sandbox(spec.SandboxNone, podOf(never, "init1:exited=1", "a:none")), want: "failed"},
		"a pod that has ended for good gives its sandbox back":   {st: podOf(never, "a:exited=0", "b:exited=1"), want: "down"},
		"by OnFailure only one that has ended well":              {st: podOf(onFailure, "a:exited=0", "b:exited=0"), want: "down"},
		"not while one runs":                                     {st: podOf(onFailure, "a:exited=0", "b:running")},
		"nor while one was never started":                        {st: podOf(never, "a:exited=0", "b:created"), want: "start b"},
		"after a reboot what ran has failed, and Never means it": {st: sandbox(spec.SandboxNone, lostEnd(podOf(never, "a:unknown", "b:unknown")))},
		"with OnFailure it runs again":                           {st: sandbox(spec.SandboxNone, lostEnd(podOf(onFailure, "a:unknown", "b:exited=0"))), want: "ensure; start a"},
		"an init container that was at work then likewise":       {st: sandbox(spec.SandboxNone, lostEnd(podOf(never, "init1:unknown", "a:none"))), want: "failed"},
		"one behind which the app had begun had ended well":      {st: sandbox(spec.SandboxNone, last(0, lostEnd(podOf(never, "init1:unknown", "a:exited=0"))))},
		"init containers do not matter once the app has begun":   {st: podOf(always, "init1:none", "a:running")},
		"init containers run again in a new sandbox":             {st: before(podOf(always, "init1:exited=0", "a:exited=1")), want: "start init1"},
		"the first restart is at once":                           {st: podOf(always, "a:exited=0"), want: "start a"},
		"the next waits for its back-off, from the end":          {st: history(20*time.Second, podOf(always, "a:exited=0")), want: "at +20s"},
		"unless it is wanted now":                                {st: history(20*time.Second, podOf(always, "a:exited=0")), hurry: Hurry{Backoff: true}, want: "start a"},
		"OnFailure restarts a failure":                           {st: podOf(onFailure, "a:exited=1", "b:exited=0"), want: "start a"},
		"an unknown end is a failure":                            {st: func() *spec.PodStatus { s := podOf(onFailure, "a:unknown"); s.Containers[0].ExitCode = 137; return s }(), want: "start a"},
		"Never restarts nothing":                                 {st: podOf(never, "a:exited=1", "b:running")},
		"a stopped pod needs nothing":                            {st: byHand(sandbox(spec.SandboxNone, podOf(always, "a:none")))},
		"a lost sandbox is taken down first":                     {st: sandbox(spec.SandboxLost, podOf(always, "a:running")), want: "down"},
		"without a sandbox all begins with the init containers":  {st: sandbox(spec.SandboxNone, podOf(always, "init1:exited=0", "a:exited=1")), want: "ensure; start init1"},
		"after a reboot all starts again":                        {st: sandbox(spec.SandboxNone, podOf(always, "a:unknown", "b:none")), want: "ensure; start a,b"},
		"after a reboot what was done stays done":                {st: last(0, sandbox(spec.SandboxNone, podOf(onFailure, "a:none", "b:none"))), want: "ensure; start b"},
		"a pod that is done needs no sandbox":                    {st: sandbox(spec.SandboxNone, podOf(never, "a:exited=1", "b:exited=0"))},
		"a done pod's lost sandbox is only taken down":           {st: sandbox(spec.SandboxLost, podOf(never, "a:exited=1")), want: "down"},
		"by hand even what is done starts":                       {st: sandbox(spec.SandboxNone, podOf(never, "a:exited=1", "b:exited=0")), hurry: Hurry{Force: true}, want: "ensure; start a,b"},
		"and goes on after its init containers":                  {st: before(podOf(never, "init1:exited=0", "a:exited=1")), want: "start init1"},
		"by hand what ended starts, what runs is left alone":     {st: podOf(never, "a:exited=1", "b:running"), hurry: Hurry{Force: true}, want: "start a"},
		"a container that was never started in a done pod stays": {st: last(0, podOf(never, "a:none", "b:exited=0")), want: "down"},
	} {
		t.Run(sentence, func(t *testing.T) {
			if got := brief(NextOf(c.st, noon, c.hurry)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestBackoffIsTheKubelets(t *testing.T) {
	var h spec.ContainerHistory
	now := noon
	var delays []time.Duration
	for range 9 {
		ended := now.Add(time.Second) // it runs for a second
		at := restartAt(h, ended, ended)
		delays = append(delays, at.Sub(ended))
		h = raise(h, ended, at)
		now = at
	}
	const want = "[0s 10s 20s 40s 1m20s 2m40s 5m0s 5m0s 5m0s]"
	if got := fmt.Sprint(delays); got != want {
		t.Errorf("delays %s, want %s", got, want)
	}
	if h.Restarts != 9 {
		t.Errorf("%d restarts, want 9", h.Restarts)
	}
	if ended := now.Add(601 * time.Second); !restartAt(h, ended, ended).Equal(ended) {
		t.Error("a container that ran for over ten minutes must start afresh")
	}
	if ended := now.Add(599 * time.Second); restartAt(h, ended, ended).Equal(ended) {
		t.Error("a container that ran for less must not")
	}
}

func TestRestartsAreRemembered(t *testing.T) {
	st := podOf(spec.RestartAlways, "a:exited=3")
	next := NextOf(st, noon.Add(time.Second), Hurry{})
	h := next.History["a"]
	if h.Restarts != 1 || h.Last == nil || h.Last.ExitCode != 3 || h.Backoff != backoffFirst || !h.BackoffAt.Equal(noon.Add(time.Second)) {
		t.Errorf("history %+v", h)
	}
	if len(st.History) != 0 {
		t.Error("the status was changed")
	}
}

// What went down with the machine is counted as any other restart, once: by the
// kubelet's number, which the container's next one gets, and as its last state.
// What is not started again is not restarted.
func TestARebootIsARestart(t *testing.T) {
	st := lostEnd(podOf(spec.RestartOnFailure, "init1:exited=0", "a:unknown", "b:exited=0", "c:unknown"))
	st.Sandbox = spec.SandboxNone
	st.Containers[3].Stopped = true
	st.History = spec.History{"a": {Restarts: 2, Backoff: 20 * time.Second, BackoffAt: noon.Add(-time.Minute)}}
	next := NextOf(st, noon, Hurry{})
	for name, want := range map[string]int{"init1": 1, "a": 3, "b": 0, "c": 0} {
		if h := next.History[name]; h.Restarts != want || h.Last == nil {
			t.Errorf("%s: %+v, want %d restarts", name, h, want)
		}
	}
	if h := next.History["a"]; h.Last.ExitCode != 137 || h.Last.Reason != "ContainerStatusUnknown" || h.Backoff != 20*time.Second {
		t.Errorf("a: %+v, %+v", h, h.Last)
	}
	st.History = next.History
	if again := NextOf(st, noon, Hurry{}); again.History != nil {
		t.Errorf("a second look counts again: %+v", again.History)
	}
}

func TestWaitingSpeaksAsTheKubelet(t *testing.T) {
	st := podOf(spec.RestartAlways, "a:exited=1")
	st.History = spec.History{"a": {Backoff: 300 * time.Second, BackoffAt: noon.Add(-time.Minute)}}
	w := NextOf(st, noon, Hurry{}).Waiting["a"]
	if w.Reason != "CrashLoopBackOff" || w.Message != "back-off 5m0s restarting failed container=a pod=p" {
		t.Errorf("got %+v", w)
	}
}

func TestPhase(t *testing.T) {
	for _, c := range []struct {
		st   *spec.PodStatus
		want Phase
	}{
		{podOf(spec.RestartAlways, "a:running", "b:running"), PhaseRunning},
		{podOf(spec.RestartAlways, "a:running", "b:created"), PhasePending},
		{podOf(spec.RestartAlways, "init:running", "a:none"), PhasePending},
		{podOf(spec.RestartAlways, "init:exited=0", "a:running"), PhaseRunning},
		{podOf(spec.RestartNever, "init:exited=1", "a:none"), PhaseFailed},
		{podOf(spec.RestartAlways, "a:exited=1"), PhaseRunning},
		{podOf(spec.RestartNever, "a:exited=0", "b:exited=0"), PhaseSucceeded},
		{podOf(spec.RestartNever, "a:exited=0", "b:exited=2"), PhaseFailed},
		{podOf(spec.RestartOnFailure, "a:exited=0", "b:exited=2"), PhaseRunning},
	} {
		if got := PhaseOf(c.st); got != c.want {
			t.Errorf("%+v: phase %s, want %s", c.st.Containers, got, c.want)
		}
	}
}

func TestAPodThatHasEndedForGoodIsAsItShouldBe(t *testing.T) {
	const never = spec.RestartNever
	for name, test := range map[string]struct {
		st   *spec.PodStatus
		want string
	}{
		"all have ended":                {podOf(never, "a:exited=0", "b:exited=1"), ""},
		"an init container ended it":    {podOf(never, "init:exited=1", "a:none"), ""},
		"one was never started":         {podOf(never, "a:running", "b:created"), "container b has not started yet"},
		"an init container is at work":  {podOf(never, "init:running", "a:none"), "container a has not started yet"},
		"one that comes back has ended": {podOf(spec.RestartAlways, "a:exited=1"), "container a has ended with exit code 1"},
	} {
		if got := needsStart(test.st, Scope{Start: true}); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestWillRun(t *testing.T) {
	for name, test := range map[string]struct {
		st   *spec.PodStatus
		want bool
	}{
		"it runs":                         {podOf(spec.RestartNever, "a:running"), true},
		"it ended and is not to":          {podOf(spec.RestartNever, "a:exited=1"), false},
		"it ended well and is not to":     {podOf(spec.RestartOnFailure, "a:exited=0"), false},
		"it failed and is to":             {podOf(spec.RestartOnFailure, "a:exited=1"), true},
		"it waits for an init container":  {podOf(spec.RestartNever, "init:running", "a:none"), true},
		"its init container failed":       {podOf(spec.RestartNever, "init:exited=1", "a:none"), false},
		"it is always to":                 {podOf(spec.RestartAlways, "a:exited=0"), true},
		"it was stopped by hand":          {downByHand(podOf(spec.RestartAlways, "a:exited=0"), "a"), false},
		"the whole pod was stopped":       {downByHand(podOf(spec.RestartAlways, "a:exited=0"), ""), false},
		"another was stopped by hand":     {downByHand(podOf(spec.RestartAlways, "a:exited=0", "b:exited=0"), "b"), true},
		"there is no container of a name": {podOf(spec.RestartAlways, "b:running"), false},
	} {
		if got := WillRun(test.st, "a"); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// downByHand is the pod, or one of its containers, after a stop by hand.
func downByHand(st *spec.PodStatus, name string) *spec.PodStatus {
	st.Stopped = name == ""
	if c, ok := st.Container(name); ok {
		c.Stopped = true
	}
	return st
}
