package reconciler

import (
	"strings"
	"testing"
	"time"

	"berth/engine/spec"
)

func TestWhatWasMadeAnewHasToShowThatItWorks(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	probe := &spec.Probe{InitialDelay: 10 * time.Second, Period: 10 * time.Second, FailureThreshold: 30}
	for _, c := range []struct {
		what  string
		set   func(st *spec.PodStatus, c *spec.ContainerStatus, made *spec.Container)
		done  bool
		fails string
	}{
		{"it has run for long enough", func(*spec.PodStatus, *spec.ContainerStatus, *spec.Container) {}, true, ""},
		{"it has just begun", func(_ *spec.PodStatus, c *spec.ContainerStatus, _ *spec.Container) { c.StartedAt = ago(time.Second) }, false, ""},
		{"it was never made", func(_ *spec.PodStatus, c *spec.ContainerStatus, _ *spec.Container) {
			c.State, c.ID = spec.StateNone, ""
		}, false, ""},
		{"it failed", func(_ *spec.PodStatus, c *spec.ContainerStatus, _ *spec.Container) {
			c.State, c.ExitCode, c.Reason = spec.StateExited, 3, "Error"
		}, false, "container p-c ended with 3 (Error)"},
		{"it failed and was restarted", func(st *spec.PodStatus, _ *spec.ContainerStatus, _ *spec.Container) {
			st.History = spec.History{"c": {Restarts: 1, Last: &spec.Termination{ContainerID: "old", ExitCode: 1, Reason: "Error"}}}
		}, false, "ended with 1"},
		{"it ended well, for good", func(st *spec.PodStatus, c *spec.ContainerStatus, _ *spec.Container) {
			st.Pod.RestartPolicy, c.State, c.FinishedAt = spec.RestartNever, spec.StateExited, now
		}, true, ""},
		{"it is not ready yet", func(_ *spec.PodStatus, _ *spec.ContainerStatus, made *spec.Container) {
			made.Lifecycle.Readiness = probe
		}, false, ""},
		{"its probe allows it five minutes more", func(st *spec.PodStatus, _ *spec.ContainerStatus, made *spec.Container) {
			made.Lifecycle.Readiness, st.Pod.CreatedAt = probe, ago(6*time.Minute)
		}, false, ""},
		{"it is not ready in time", func(st *spec.PodStatus, _ *spec.ContainerStatus, made *spec.Container) {
			made.Lifecycle.Readiness, st.Pod.CreatedAt = probe, ago(7*time.Minute)
		}, false, "not ready after 6m40s"},
		{"it is unhealthy", func(_ *spec.PodStatus, c *spec.ContainerStatus, made *spec.Container) {
			made.ByHand = &spec.ByHand{Health: &spec.Health{Test: []string{"CMD", "true"}}}
			c.Life = &spec.Life{Container: c.ID, Health: &spec.HealthStatus{State: spec.HealthUnhealthy}}
		}, false, "unhealthy"},
		{"a person stopped it", func(_ *spec.PodStatus, c *spec.ContainerStatus, _ *spec.Container) {
			c.State, c.ExitCode, c.Stopped = spec.StateExited, 137, true
		}, true, ""},
		{"the pod is over", func(st *spec.PodStatus, _ *spec.ContainerStatus, _ *spec.Container) {
			st.Verdict = &spec.Verdict{Reason: "Evicted", Message: "no room"}
		}, false, "Evicted: no room"},
	} {
		t.Run(c.what, func(t *testing.T) {
			st := &spec.PodStatus{
				Pod: spec.Pod{
					ID: "p", Namespace: "default", Name: "p", CreatedAt: ago(10 * time.Second), RestartPolicy: spec.RestartAlways,
					Containers: []spec.Container{{Name: "c"}},
				},
				Sandbox: spec.SandboxReady, StartedAt: ago(10 * time.Second), Infra: spec.ContainerStatus{ID: "infra"},
				Containers: []spec.ContainerStatus{{
					ID: "now", Name: "c", State: spec.StateRunning, StartedAt: ago(shortestProof), Sandbox: "infra",
				}},
			}
			c.set(st, &st.Containers[0], &st.Pod.Containers[0])
			done, err := proved(st, now)
			if done != c.done || (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("done %v, %v; want %v, %q", done, err, c.done, c.fails)
			}
		})
	}
}
