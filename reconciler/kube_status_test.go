package reconciler

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"berth/engine/spec"
)

// since is a time counted from noon.
func since(t metav1.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Sub(noon).String()
}

// inShort is a status in lines: the phase, the conditions and the containers.
// Times are counted from noon.
func inShort(s corev1.PodStatus) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", s.Phase)
	if s.Reason != "" {
		fmt.Fprintf(&b, " %s: %s", s.Reason, s.Message)
	}
	b.WriteString("\n")
	for _, c := range s.Conditions {
		fmt.Fprintf(&b, "%s %s %s", c.Type, c.Status, c.LastTransitionTime.Sub(noon))
		if c.Reason != "" {
			fmt.Fprintf(&b, " %s: %s", c.Reason, c.Message)
		}
		b.WriteString("\n")
	}
	for _, c := range append(s.InitContainerStatuses, s.ContainerStatuses...) {
		fmt.Fprintf(&b, "%s:", c.Name)
		if w := c.State.Waiting; w != nil {
			fmt.Fprintf(&b, " waits %s", w.Reason)
			if w.Message != "" {
				fmt.Fprintf(&b, " (%s)", w.Message)
			}
		}
		if r := c.State.Running; r != nil {
			fmt.Fprintf(&b, " runs %s", r.StartedAt.Sub(noon))
		}
		if e := c.State.Terminated; e != nil {
			fmt.Fprintf(&b, " ended %s %d %s", e.Reason, e.ExitCode, since(e.FinishedAt))
		}
		if e := c.LastTerminationState.Terminated; e != nil {
			fmt.Fprintf(&b, " last %s %d %s", e.Reason, e.ExitCode, e.FinishedAt.Sub(noon))
		}
		if c.Started != nil && *c.Started {
			b.WriteString(" started")
		}
		if c.Ready {
			b.WriteString(" ready")
		}
		if c.RestartCount > 0 {
			fmt.Fprintf(&b, " restarts=%d", c.RestartCount)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// readiness gives a container a readiness probe and what came of it, so long
// after noon.
func refused(name string) func(*spec.PodStatus) {
	return func(st *spec.PodStatus) {
		c, _ := st.Container(name)
		c.Reason, c.Message, c.StartedAt = spec.ReasonStart, "no such program", time.Time{}
		c.Sandbox, st.Infra.ID = "infra", "infra"
	}
}

func readiness(name string, ready bool, since time.Duration) change {
	return func(st *spec.PodStatus) {
		made, _ := st.Pod.Container(name)
		made.Lifecycle.Readiness = &spec.Probe{}
		c, _ := st.Container(name)
		c.Life = &spec.Life{Container: c.ID, Started: true, Ready: ready, ReadyAt: noon.Add(since)}
	}
}

func gate(names ...string) change {
	return func(st *spec.PodStatus) { st.Pod.ReadinessGates = names }
}

func TestKubeStatus(t *testing.T) {
	const always, never = spec.RestartAlways, spec.RestartNever
	backOff := Waiting{Reason: "CrashLoopBackOff", Message: "back-off 10s restarting failed container=a pod=p"}
	for _, test := range []struct {
		name  string
		sight Sight
		want  string
	}{
		{"not made yet", Sight{Status: *with(podOf(always, "a:none"), sandboxIs(spec.SandboxNone))}, `Pending
PodReadyToStartContainers False -2h0m0s
Initialized True -2h0m0s
Ready False -2h0m0s ContainersNotReady: containers with unready status: [a]
ContainersReady False -2h0m0s ContainersNotReady: containers with unready status: [a]
PodScheduled True -2h0m0s
a: waits ContainerCreating
`},
		{"its image cannot be had", Sight{
			Status:  *with(podOf(always, "a:none"), sandboxIs(spec.SandboxNone)),
			Failure: &Waiting{Reason: "ErrImagePull", Message: "no such host"},
		}, `Pending
PodReadyToStartContainers False -2h0m0s
Initialized True -2h0m0s
Ready False -2h0m0s ContainersNotReady: containers with unready status: [a]
ContainersReady False -2h0m0s ContainersNotReady: containers with unready status: [a]
PodScheduled True -2h0m0s
a: waits ErrImagePull (no such host)
`},
		{"refused", Sight{
			Status:  *with(podOf(always, "a:none"), sandboxIs(spec.SandboxNone), func(st *spec.PodStatus) { st.Pod.ID = "" }),
			Failure: &Waiting{Reason: "NodePorts", Message: "host port 80 is taken"},
		}, `Pending NodePorts: host port 80 is taken
PodReadyToStartContainers False -2h0m0s
Initialized True -2h0m0s
Ready False -2h0m0s ContainersNotReady: containers with unready status: [a]
ContainersReady False -2h0m0s ContainersNotReady: containers with unready status: [a]
PodScheduled True -2h0m0s
`},
		{"an init container at work", Sight{Status: *podOf(always, "init1:exited=0", "init2:running", "a:none")}, `Pending
PodReadyToStartContainers True -1h0m0s
Initialized False -1h0m0s ContainersNotInitialized: containers with incomplete status: [init2]
Ready False -2h0m0s ContainersNotReady: containers with unready status: [a]
ContainersReady False -2h0m0s ContainersNotReady: containers with unready status: [a]
PodScheduled True -2h0m0s
init1: ended Completed 0 0s ready
init2: runs -1m0s
a: waits PodInitializing
`},
		{"an init container fails", Sight{
			Status:  *podOf(always, "init:exited=1", "a:none"),
			Waiting: map[string]Waiting{"init": backOff, "a": {Reason: "PodInitializing"}},
		}, `Pending
PodReadyToStartContainers True -1h0m0s
Initialized False -1h0m0s ContainersNotInitialized: containers with incomplete status: [init]
Ready False -2h0m0s ContainersNotReady: containers with unready status: [a]
ContainersReady False -2h0m0s ContainersNotReady: containers with unready status: [a]
PodScheduled True -2h0m0s
init: waits CrashLoopBackOff (back-off 10s restarting failed container=a pod=p) last Error 1 0s
a: waits PodInitializing
`},
		{"a sidecar starts", Sight{Status: *with(podOf(always, "init:running", "a:none"), sidecars("init"), startup("init", false))}, `Pending
PodReadyToStartContainers True -1h0m0s
Initialized False -1h0m0s ContainersNotInitialized: containers with incomplete status: [init]
Ready False -2h0m0s ContainersNotReady: containers with unready status: [init a]
ContainersReady False -2h0m0s ContainersNotReady: containers with unready status: [init a]
PodScheduled True -2h0m0s
init: runs -1m0s
a: waits PodInitializing
`},
		{"ready", Sight{Status: *with(podOf(always, "init:running", "a:running"), sidecars("init"), readiness("a", true, time.Second))}, `Running
PodReadyToStartContainers True -1h0m0s
Initialized True -1m0s
Ready True 1s
ContainersReady True 1s
PodScheduled True -2h0m0s
init: runs -1m0s started ready
a: runs -1m0s started ready
`},
		{"no longer ready", Sight{Status: *with(podOf(always, "a:running", "b:running"), readiness("b", false, time.Second))}, `Running
PodReadyToStartContainers True -1h0m0s
Initialized True -2h0m0s
Ready False 1s ContainersNotReady: containers with unready status: [b]
ContainersReady False 1s ContainersNotReady: containers with unready status: [b]
PodScheduled True -2h0m0s
a: runs -1m0s started ready
b: runs -1m0s started
`},
		{"a gate that nobody opens", Sight{Status: *with(podOf(always, "a:running"), gate("example.com/up", "b"))}, `Running
PodReadyToStartContainers True -1h0m0s
Initialized True -2h0m0s
Ready False -2h0m0s ReadinessGatesNotReady: corresponding condition of pod readiness gate "example.com/up" does not exist., corresponding condition of pod readiness gate "b" does not exist.
ContainersReady True -1m0s
PodScheduled True -2h0m0s
a: runs -1m0s started ready
`},
		{"it crashes in a loop", Sight{
			Status:  *with(podOf(always, "a:exited=1"), last("a", 3)),
			Waiting: map[string]Waiting{"a": backOff},
		}, `Running
PodReadyToStartContainers True -1h0m0s
Initialized True -2h0m0s
Ready False 0s ContainersNotReady: containers with unready status: [a]
ContainersReady False 0s ContainersNotReady: containers with unready status: [a]
PodScheduled True -2h0m0s
a: waits CrashLoopBackOff (back-off 10s restarting failed container=a pod=p) last Error 1 0s restarts=1
`},
		{"it is started again in a moment", Sight{Status: *with(podOf(always, "a:created", "b:running"), last("a", 3))}, `Running
PodReadyToStartContainers True -1h0m0s
Initialized True -2h0m0s
Ready False -2m0s ContainersNotReady: containers with unready status: [a]
ContainersReady False -2m0s ContainersNotReady: containers with unready status: [a]
PodScheduled True -2h0m0s
a: waits ContainerCreating last Error 3 -2m0s restarts=1
b: runs -1m0s started ready
`},
		{"it could not be started and will be again", Sight{Status: *with(podOf(always, "a:exited=128", "b:running"), refused("a"))}, `Running
PodReadyToStartContainers True -1h0m0s
Initialized True -2h0m0s
Ready False 0s ContainersNotReady: containers with unready status: [a]
ContainersReady False 0s ContainersNotReady: containers with unready status: [a]
PodScheduled True -2h0m0s
a: waits RunContainerError (no such program) last StartError 128 0s
b: runs -1m0s started ready
`},
		{"it could not be started and never will", Sight{Status: *with(podOf(never, "a:exited=128"), refused("a"))}, `Failed
PodReadyToStartContainers True -1h0m0s
Initialized True -2h0m0s
Ready False 0s PodFailed: 
ContainersReady False 0s PodFailed: 
PodScheduled True -2h0m0s
a: ended StartError 128 0s
`},
		{"started again", Sight{Status: *with(podOf(always, "a:running"), last("a", 3))}, `Running
PodReadyToStartContainers True -1h0m0s
Initialized True -2h0m0s
Ready True -1m0s
ContainersReady True -1m0s
PodScheduled True -2h0m0s
a: runs -1m0s last Error 3 -2m0s started ready restarts=1
`},
		{"ended and about to be started again", Sight{Status: *with(podOf(always, "a:exited=0"), last("a", 3))}, `Running
PodReadyToStartContainers True -1h0m0s
Initialized True -2h0m0s
Ready False 0s ContainersNotReady: containers with unready status: [a]
ContainersReady False 0s ContainersNotReady: containers with unready status: [a]
PodScheduled True -2h0m0s
a: ended Completed 0 0s last Error 3 -2m0s restarts=1
`},
		{"done", Sight{Status: *podOf(never, "init:exited=0", "a:exited=0"), Failure: &Waiting{Reason: "CreateContainerError"}}, `Succeeded
PodReadyToStartContainers True -1h0m0s
Initialized True 0s PodCompleted: 
Ready False 0s PodCompleted: 
ContainersReady False 0s PodCompleted: 
PodScheduled True -2h0m0s
init: ended Completed 0 0s ready
a: ended Completed 0 0s
`},
		{"evicted", Sight{Status: *with(podOf(always, "a:exited=137"), verdict("Evicted"))}, `Failed Evicted: it was so decided
DisruptionTarget True 1m0s TerminationByKubelet: it was so decided
PodReadyToStartContainers True -1h0m0s
Initialized True -2h0m0s
Ready False 1m0s PodFailed: 
ContainersReady False 1m0s PodFailed: 
PodScheduled True -2h0m0s
a: ended Error 137 0s
`},
		{"over before its image came", Sight{Status: *with(podOf(always, "a:none"), verdict("DeadlineExceeded"), sandboxIs(spec.SandboxNone))}, `Failed DeadlineExceeded: it was so decided
PodReadyToStartContainers False -2h0m0s
Initialized True -2h0m0s
Ready False 1m0s PodFailed: 
ContainersReady False 1m0s PodFailed: 
PodScheduled True -2h0m0s
a: ended ContainerStatusUnknown 137 never
`},
		{"over while it initialised", Sight{Status: *with(podOf(never, "init1:exited=0", "init2:none", "a:none"), verdict("DeadlineExceeded"), sandboxIs(spec.SandboxNone))}, `Failed DeadlineExceeded: it was so decided
PodReadyToStartContainers False 0s
Initialized False -1h0m0s ContainersNotInitialized: containers with incomplete status: [init2]
Ready False 1m0s PodFailed: 
ContainersReady False 1m0s PodFailed: 
PodScheduled True -2h0m0s
init1: ended Completed 0 0s ready
init2: waits PodInitializing
a: waits PodInitializing
`},
		{"being removed, what crashed before waits for nothing", Sight{
			Status: *with(podOf(always, "a:exited=1", "b:running"), last("a", 3), func(st *spec.PodStatus) {
				st.Removal = &spec.Removal{Since: noon}
			}),
			Waiting: map[string]Waiting{"a": backOff},
		}, `Running
PodReadyToStartContainers True -1h0m0s
Initialized True -2h0m0s
Ready False 0s ContainersNotReady: containers with unready status: [a]
ContainersReady False 0s ContainersNotReady: containers with unready status: [a]
PodScheduled True -2h0m0s
a: ended Error 1 0s last Error 3 -2m0s restarts=1
b: runs -1m0s started ready
`},
		{"being stopped by hand", Sight{Status: *with(podOf(always, "a:running"), handStopped())}, `Running
PodReadyToStartContainers True -1h0m0s
Initialized True -2h0m0s
Ready True -1m0s
ContainersReady True -1m0s
PodScheduled True -2h0m0s
a: runs -1m0s started ready
`},
		{"stopped by hand", Sight{Status: *with(podOf(always, "a:exited=143"), handStopped(), sandboxIs(spec.SandboxNone))}, `Failed Stopped: by hand
PodReadyToStartContainers False 0s
Initialized True -2h0m0s
Ready False 0s PodFailed: 
ContainersReady False 0s PodFailed: 
PodScheduled True -2h0m0s
a: ended Error 143 0s
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.sight.Status.Pod.CreatedAt.IsZero() {
				test.sight.Status.Pod.CreatedAt = noon.Add(-2 * time.Hour)
			}
			got := KubeStatus(test.sight)
			if diff := cmp.Diff(test.want, inShort(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			for _, c := range got.Conditions {
				if c.ObservedGeneration != got.ObservedGeneration || c.ObservedGeneration == 0 {
					t.Errorf("%s is of generation %d, the status of %d", c.Type, c.ObservedGeneration, got.ObservedGeneration)
				}
			}
		})
	}
}

// All messages of a pod have so much room together.
func TestMessagesShareTheirRoom(t *testing.T) {
	for containers, share := range map[int]int{1: 4096, 3: 4096, 4: 3072, 12: 1024} {
		var words []string
		for i := range containers {
			words = append(words, fmt.Sprintf("c%d:exited=1", i))
		}
		st := podOf(spec.RestartNever, words...)
		st.Containers[0].Message = strings.Repeat("x", 4096)
		if n := len(KubeStatus(Sight{Status: *st}).ContainerStatuses[0].State.Terminated.Message); n != share {
			t.Errorf("%d bytes of a message with %d containers, want %d", n, containers, share)
		}
	}
}

func TestKubeStatusNamesThings(t *testing.T) {
	st := podOf(spec.RestartAlways, "a:running")
	st.IPs = []string{"10.89.0.2", "fd00::2"}
	st.Containers[0].Image, st.Containers[0].ImageDigest = "localhost:5000/app:1", "sha256:abc"
	got := KubeStatus(Sight{Status: *st, HostIPs: []string{"192.0.2.1"}})
	c := got.ContainerStatuses[0]
	if c.ContainerID != "berth://id-a" || c.ImageID != "localhost:5000/app@sha256:abc" || c.Image != "localhost:5000/app:1" {
		t.Errorf("container %+v", c)
	}
	if got.PodIP != "10.89.0.2" || len(got.PodIPs) != 2 || got.HostIP != "192.0.2.1" || len(got.HostIPs) != 1 || got.QOSClass != corev1.PodQOSBestEffort {
		t.Errorf("status %+v", got)
	}
	st.Containers[0].ImageDigest, st.Containers[0].ImageID = "", "0123"
	if c := KubeStatus(Sight{Status: *st}).ContainerStatuses[0]; c.ImageID != "0123" {
		t.Errorf("image ID %s of an image without a digest", c.ImageID)
	}
}
