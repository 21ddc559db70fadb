package reconciler

import (
	"fmt"
	"testing"
	"time"

	"berth/engine/spec"
	"berth/reconciler/probe"
)

// said is a life in short.
func said(l spec.Life) string {
	out := ""
	if l.Started {
		out += " started"
	}
	if l.Ready {
		out += " ready"
	}
	if l.Doomed != nil {
		out += fmt.Sprintf(" %s %s %q", l.Doomed.Reason, l.Doomed.Grace, l.Doomed.Message)
	}
	return out
}

func TestWhatProbesSayOfAContainer(t *testing.T) {
	const fine, failing, unknown = probe.Success, probe.Failure, probe.Unknown
	grace := 5 * time.Second
	all := spec.Lifecycle{Startup: &spec.Probe{}, Liveness: &spec.Probe{Grace: &grace}, Readiness: &spec.Probe{}}
	hooked := all
	hooked.PostStart = &spec.Handler{}
	for sentence, c := range map[string]struct {
		made                         spec.Lifecycle
		policy                       spec.RestartPolicy
		life                         spec.Life
		startup, liveness, readiness probe.Outcome
		change                       func(*spec.PodStatus)
		want                         string
	}{
		"nothing is known at first":                   {made: all, startup: unknown, liveness: fine, readiness: failing},
		"startup passes":                              {made: all, startup: fine, liveness: fine, readiness: failing, want: " started"},
		"and stays so when it is not asked any more":  {made: all, life: spec.Life{Started: true}, startup: unknown, liveness: fine, readiness: fine, want: " started ready"},
		"before it nothing is ready":                  {made: all, startup: unknown, liveness: fine, readiness: fine},
		"before it nothing is killed for liveness":    {made: all, startup: unknown, liveness: failing, readiness: failing},
		"readiness comes":                             {made: all, life: spec.Life{Started: true}, startup: fine, liveness: fine, readiness: fine, want: " started ready"},
		"and goes":                                    {made: all, life: spec.Life{Started: true, Ready: true}, startup: fine, liveness: fine, readiness: failing, want: " started"},
		"a startup that fails dooms":                  {made: all, startup: failing, liveness: fine, readiness: failing, want: ` Unhealthy 30s "Container a failed startup probe, will be restarted"`},
		"a liveness that fails dooms, with its grace": {made: all, life: spec.Life{Started: true}, startup: fine, liveness: failing, readiness: failing, want: ` started Unhealthy 5s "Container a failed liveness probe, will be restarted"`},
		"nothing is promised where nothing restarts":  {made: all, policy: spec.RestartNever, life: spec.Life{Started: true}, startup: fine, liveness: failing, readiness: failing, want: ` started Unhealthy 5s "Container a failed liveness probe"`},
		"a doom stays as it is":                       {made: all, life: spec.Life{Started: true, Doomed: &spec.Doom{Reason: "x"}}, startup: fine, liveness: failing, readiness: fine, want: ` started ready x 0s ""`},
		"while the hook runs nothing counts":          {made: hooked, life: spec.Life{PostStart: spec.HookRunning}, startup: fine, liveness: failing, readiness: fine},
		"once it is done it does":                     {made: hooked, life: spec.Life{PostStart: spec.HookDone}, startup: fine, liveness: fine, readiness: fine, want: " started ready"},
		"where there is no readiness nobody is ready": {made: spec.Lifecycle{Liveness: &spec.Probe{}}, liveness: fine, readiness: fine},
		"a pod that is being stopped has no liveness": {made: all, life: spec.Life{Started: true}, startup: fine, liveness: failing, readiness: fine, change: func(st *spec.PodStatus) { st.Stopped = true }, want: " started ready"},
		"nor has a container that is":                 {made: all, life: spec.Life{Started: true}, startup: fine, liveness: failing, readiness: fine, change: func(st *spec.PodStatus) { st.Containers[0].Stopped = true }, want: " started ready"},
		"nor a pod that is over":                      {made: all, life: spec.Life{Started: true}, startup: fine, liveness: failing, readiness: failing, change: func(st *spec.PodStatus) { st.Verdict = &spec.Verdict{} }, want: " started"},
		"what was said of the one before counts not":  {made: all, life: spec.Life{Container: "before", Started: true, Ready: true}, startup: unknown, liveness: fine, readiness: failing},
		"a container that has ended is as it was":     {made: all, life: spec.Life{Started: true, Ready: true}, startup: fine, liveness: failing, readiness: failing, change: func(st *spec.PodStatus) { st.Containers[0].State = spec.StateExited }, want: " started ready"},
	} {
		t.Run(sentence, func(t *testing.T) {
			if c.policy == "" {
				c.policy = spec.RestartAlways
			}
			st := podOf(c.policy, "a:running")
			st.Pod.TerminationGrace = 30 * time.Second
			st.Pod.Containers[0].Lifecycle = c.made
			if c.life.Container == "" {
				c.life.Container = st.Containers[0].ID
			}
			st.Containers[0].Life = &c.life
			if c.change != nil {
				c.change(st)
			}
			r := probe.Results{ID: st.Containers[0].ID, Startup: c.startup, Liveness: c.liveness, Readiness: c.readiness}
			got := judged(st, &st.Pod.Containers[0], &st.Containers[0], r, noon)
			if said(got) != c.want {
				t.Errorf("%q, want %q", said(got), c.want)
			}
			if turned := got.Ready != c.life.Ready && got.Container == c.life.Container; turned != got.ReadyAt.Equal(noon) {
				t.Errorf("it turned at %v", got.ReadyAt)
			}
		})
	}
}

func TestResultsOfAnotherContainerSayNothing(t *testing.T) {
	st := podOf(spec.RestartAlways, "a:running")
	st.Pod.Containers[0].Lifecycle.Liveness = &spec.Probe{}
	got := judged(st, &st.Pod.Containers[0], &st.Containers[0], probe.Results{ID: "before", Liveness: probe.Failure}, noon)
	if got.Doomed != nil {
		t.Errorf("doomed for %+v", got.Doomed)
	}
}
