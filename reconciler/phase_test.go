package reconciler

import (
	"testing"
	"time"

	"berth/engine/spec"
)

// Changes of a status that tests make.
type change func(*spec.PodStatus)

func sandboxIs(s spec.SandboxState) change { return func(st *spec.PodStatus) { st.Sandbox = s } }

func handStopped(names ...string) change {
	return func(st *spec.PodStatus) {
		st.Stopped = len(names) == 0
		for _, name := range names {
			c, _ := st.Container(name)
			c.Stopped = true
		}
	}
}

// sidecars makes init containers restart always.
func sidecars(names ...string) change {
	return func(st *spec.PodStatus) {
		for _, name := range names {
			c, _ := st.Pod.Container(name)
			c.RestartPolicy = spec.RestartAlways
		}
	}
}

// before has all that is there be of an earlier sandbox.
func before(st *spec.PodStatus) { st.StartedAt = noon.Add(time.Second) }

// rebooted has a power cut after what was seen; the records of containers
// outlive it only as history.
func rebooted(st *spec.PodStatus) {
	st.Sandbox, st.StartedAt, st.IPs = spec.SandboxNone, time.Time{}, nil
	for i := range st.Containers {
		c := &st.Containers[i]
		st.Containers[i] = spec.ContainerStatus{Name: c.Name, Init: c.Init, State: spec.StateNone}
	}
}

// last has a container have ended before.
func last(name string, code int) change {
	return func(st *spec.PodStatus) {
		if st.History == nil {
			st.History = spec.History{}
		}
		reason := "Completed"
		if code != 0 {
			reason = "Error"
		}
		st.History[name] = spec.ContainerHistory{Restarts: 1, Last: &spec.Termination{
			ContainerID: "before-" + spec.ContainerID(name), ExitCode: code, Reason: reason,
			StartedAt: noon.Add(-3 * time.Minute), FinishedAt: noon.Add(-2 * time.Minute),
		}}
	}
}

// startup gives a container a startup probe; life, what is known of it.
func startup(name string, passed bool) change {
	return func(st *spec.PodStatus) {
		made, _ := st.Pod.Container(name)
		made.Lifecycle.Startup = &spec.Probe{}
		c, _ := st.Container(name)
		c.Life = &spec.Life{Container: c.ID, Started: passed}
	}
}

func verdict(reason string) change {
	return func(st *spec.PodStatus) {
		st.Verdict = &spec.Verdict{Reason: reason, Message: "it was so decided", At: noon.Add(time.Minute)}
	}
}

func with(st *spec.PodStatus, changes ...change) *spec.PodStatus {
	for _, c := range changes {
		c(st)
	}
	return st
}

func TestPhaseOf(t *testing.T) {
	const always, onFailure, never = spec.RestartAlways, spec.RestartOnFailure, spec.RestartNever
	for _, test := range []struct {
		name string
		st   *spec.PodStatus
		want Phase
	}{
		{"nothing was made yet", with(podOf(always, "a:none"), sandboxIs(spec.SandboxNone)), PhasePending},
		{"all run", podOf(always, "a:running", "b:running"), PhaseRunning},
		{"one is paused", podOf(always, "a:paused"), PhaseRunning},
		{"one never ran", podOf(always, "a:running", "b:none"), PhasePending},
		{"one is made, not started", podOf(always, "a:running", "b:created"), PhasePending},
		{"one is of the spec, not of the status", with(podOf(always, "a:running", "b:running"),
			func(st *spec.PodStatus) { st.Containers = st.Containers[:1] }), PhasePending},

		{"an init container is to come", podOf(always, "init:none", "a:none"), PhasePending},
		{"an init container runs", podOf(always, "init:running", "a:none"), PhasePending},
		{"the second init container is to come", podOf(always, "init1:exited=0", "init2:none", "a:none"), PhasePending},
		{"init is done, the app is to come", podOf(always, "init:exited=0", "a:none"), PhasePending},
		{"init is done", podOf(always, "init:exited=0", "a:running"), PhaseRunning},
		{"init failed and is tried again", podOf(always, "init:exited=1", "a:none"), PhasePending},
		{"init failed and is tried again on failure", podOf(onFailure, "init:exited=1", "a:none"), PhasePending},
		{"init failed for good", podOf(never, "init:exited=1", "a:none"), PhaseFailed},
		{"init failed for good before a power cut", with(podOf(never, "init:exited=1", "a:none"), last("init", 1), rebooted), PhaseFailed},
		{"init must be done again in a new sandbox", with(podOf(always, "init:exited=0", "a:exited=0"), before), PhasePending},
		{"init must be done again once there is a sandbox", with(podOf(always, "init:exited=0", "a:exited=1"), sandboxIs(spec.SandboxLost), before), PhasePending},

		{"a sidecar is to come", with(podOf(always, "init:none", "a:none"), sidecars("init")), PhasePending},
		{"a sidecar has not started", with(podOf(always, "init:running", "a:none"), sidecars("init"), startup("init", false)), PhasePending},
		{"a sidecar has not started, and the app already runs", with(podOf(always, "init:running", "a:running"), sidecars("init"), startup("init", false)), PhaseRunning},
		{"a sidecar has started", with(podOf(always, "init:running", "a:running"), sidecars("init"), startup("init", true)), PhaseRunning},
		{"a sidecar has ended", with(podOf(always, "init:exited=1", "a:running"), sidecars("init")), PhaseRunning},
		{"a sidecar runs on beside what has ended well", with(podOf(never, "init:running", "a:exited=0"), sidecars("init")), PhaseRunning},
		{"a sidecar failed beside what has ended well", with(podOf(never, "init:exited=9", "a:exited=0"), sidecars("init")), PhaseSucceeded},

		{"one runs, one failed for good", podOf(never, "a:running", "b:exited=1"), PhaseRunning},
		{"it crashes in a loop", podOf(always, "a:exited=1"), PhaseRunning},
		{"it ends well in a loop", podOf(always, "a:exited=0"), PhaseRunning},
		{"how it ended is lost", podOf(always, "a:unknown"), PhaseRunning},
		{"one of two is tried again", podOf(onFailure, "a:exited=0", "b:exited=2"), PhaseRunning},
		{"all ended well", podOf(never, "a:exited=0", "b:exited=0"), PhaseSucceeded},
		{"all ended well on failure", podOf(onFailure, "a:exited=0", "b:exited=0"), PhaseSucceeded},
		{"one failed", podOf(never, "a:exited=0", "b:exited=2"), PhaseFailed},
		{"a container's own policy has it tried again", with(podOf(never, "a:exited=2"), sidecars("a")), PhaseRunning},
		{"all ended well before a power cut", with(podOf(never, "init:exited=0", "a:exited=0"), last("a", 0), rebooted), PhaseSucceeded},
		{"one failed before a power cut", with(podOf(never, "a:exited=3"), last("a", 3), rebooted), PhaseFailed},
		{"it ran in a power cut", with(podOf(never, "a:running"), rebooted), PhasePending},

		{"stopped by hand", with(podOf(always, "a:exited=143"), handStopped(), sandboxIs(spec.SandboxNone)), PhaseFailed},
		{"stopped by hand, and ended well", with(podOf(always, "a:exited=0"), handStopped(), sandboxIs(spec.SandboxNone)), PhaseSucceeded},
		{"stopped by hand while it initialised", with(podOf(always, "init:exited=143", "a:none"), handStopped(), sandboxIs(spec.SandboxNone)), PhaseFailed},
		{"stopped by hand, one never ran", with(podOf(always, "a:exited=0", "b:none"), handStopped(), sandboxIs(spec.SandboxNone)), PhaseFailed},
		{"being stopped by hand", with(podOf(always, "a:running", "b:exited=0"), handStopped()), PhaseRunning},
		{"made, to be started by hand", with(podOf(always, "a:created"), handStopped()), PhasePending},
		{"its only container is stopped by hand", with(podOf(always, "a:exited=143"), handStopped("a")), PhaseFailed},
		{"one container is stopped by hand", with(podOf(always, "a:exited=143", "b:running"), handStopped("a")), PhaseRunning},

		{"evicted", with(podOf(always, "a:exited=137"), verdict("Evicted")), PhaseFailed},
		{"past its deadline while it still runs", with(podOf(always, "a:running"), verdict("DeadlineExceeded")), PhaseFailed},
		{"evicted, though all ended well", with(podOf(never, "a:exited=0"), verdict("Evicted")), PhaseFailed},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := PhaseOf(test.st); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}
