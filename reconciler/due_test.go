package reconciler

import (
	"testing"
	"time"

	"berth/engine/spec"
)

// A restart is recorded before it is done. Whoever comes after one that was
// killed in between goes on with it, and neither counts it twice nor waits again.
func TestRestartThatWasDecided(t *testing.T) {
	for sentence, st := range map[string]*spec.PodStatus{
		"by policy":                     podOf(spec.RestartAlways, "a:exited=1"),
		"by a policy with an end":       triedAtMost(1, podOf(spec.RestartOnFailure, "a:exited=1")),
		"of a sandbox that was lost":    lostSandbox(podOf(spec.RestartAlways, "a:exited=1")),
		"of an init container":          podOf(spec.RestartOnFailure, "init:exited=1", "a:none"),
		"of all, whose rule says so":    allAnew(podOf(spec.RestartNever, "a:exited=42", "b:exited=0")),
		"long after the first back-off": backedOff(podOf(spec.RestartAlways, "a:exited=1")),
	} {
		t.Run(sentence, func(t *testing.T) {
			counts := func() (n int) {
				for i := range st.Containers {
					n += st.Restarts(&st.Containers[i])
				}
				return n
			}
			before := counts()
			first := NextOf(st, noon.Add(time.Minute), Hurry{})
			if first.History == nil {
				t.Fatal("nothing is recorded")
			}
			st.History = first.History
			if n := counts(); n != before {
				t.Errorf("%d restarts are told of before there is what was started, %d before", n, before)
			}
			second := NextOf(st, noon.Add(time.Minute), Hurry{})
			if starts := len(first.Start) > 0; len(second.Start) == 0 || starts && brief(second) != brief(first) {
				t.Errorf("first %q, then %q", brief(first), brief(second))
			}
			if second.History != nil {
				t.Errorf("recorded again: %+v, after %+v", second.History, first.History)
			}
			for i := range st.Containers {
				st.Containers[i].ID += "-next"
			}
			if n := counts(); n <= before {
				t.Errorf("%d restarts are told of with what was started, %d before", n, before)
			}
		})
	}
}

func triedAtMost(times int, st *spec.PodStatus) *spec.PodStatus {
	st.Pod.ByHand = true
	for i := range st.Pod.Containers {
		st.Pod.Containers[i].ByHand = &spec.ByHand{MostRestarts: times}
	}
	return st
}

func lostSandbox(st *spec.PodStatus) *spec.PodStatus {
	st.Sandbox = spec.SandboxNone
	return st
}

func allAnew(st *spec.PodStatus) *spec.PodStatus {
	st.Pod.Containers[0].Lifecycle.RestartRules = []spec.RestartRule{{All: true, Codes: []int32{42}}}
	return st
}

func backedOff(st *spec.PodStatus) *spec.PodStatus {
	st.History = spec.History{"a": {Restarts: 3, Backoff: 40 * time.Second, BackoffAt: noon.Add(-time.Minute)}}
	return st
}

// How a container ended before it ended for good is told once that is recorded, too.
func TestLastStateOutlivesTheEnd(t *testing.T) {
	st := with(podOf(spec.RestartOnFailure, "a:exited=0"), last("a", 3))
	for _, when := range []string{"before it is recorded", "after"} {
		c := KubeStatus(Sight{Status: *st}).ContainerStatuses[0]
		if e := c.LastTerminationState.Terminated; e == nil || e.ExitCode != 3 || c.State.Terminated == nil {
			t.Errorf("%s: it ended as %+v, before as %+v", when, c.State.Terminated, e)
		}
		st.History = NextOf(st, noon.Add(time.Minute), Hurry{}).History
	}
}
