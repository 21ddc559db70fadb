package reconciler

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"berth/engine/spec"
)

// Sight is a pod as it is shown: what was observed, and what whoever acts on it
// knows besides.
type Sight struct {
	Status spec.PodStatus
	// Waiting is why containers do not run; Next has it.
	Waiting map[string]Waiting
	// Failure is why the last try to bring the pod about failed, if it did.
	Failure *Waiting
	HostIPs []string // of the host itself
}

// generation is that of every pod: another spec makes another pod.
const generation = 1

// KubeStatus is a pod's status in Kubernetes' terms. It is pure: of two equal
// observations it says the same, times of change included.
func KubeStatus(s Sight) corev1.PodStatus {
	st := &s.Status
	out := corev1.PodStatus{
		ObservedGeneration: generation,
		Phase:              corev1.PodPhase(PhaseOf(st)),
		QOSClass:           corev1.PodQOSClass(st.Pod.QOS()),
	}
	if !st.Pod.CreatedAt.IsZero() {
		out.StartTime = stamp(st.Pod.CreatedAt)
	}
	switch {
	case st.Verdict != nil:
		out.Reason, out.Message = st.Verdict.Reason, st.Verdict.Message
	case s.rejected():
		out.Reason, out.Message = s.Failure.Reason, s.Failure.Message
	case st.Stopped && !slices.ContainsFunc(st.Containers, spec.ContainerStatus.Running):
		out.Reason, out.Message = stoppedByHand(st)
	}
	for _, ip := range s.HostIPs {
		out.HostIPs = append(out.HostIPs, corev1.HostIP{IP: ip})
	}
	if len(s.HostIPs) > 0 {
		out.HostIP = s.HostIPs[0]
	}
	for _, ip := range st.IPs {
		out.PodIPs = append(out.PodIPs, corev1.PodIP{IP: ip})
	}
	if len(st.IPs) > 0 {
		out.PodIP = st.IPs[0]
	}
	list := standings(st)
	out.Conditions = conditions(st, list)
	if s.rejected() && st.Pod.ID == "" {
		return out // its containers do not even wait
	}
	for _, c := range list {
		status := s.container(c)
		if c.role == roleApp {
			out.ContainerStatuses = append(out.ContainerStatuses, status)
		} else {
			out.InitContainerStatuses = append(out.InitContainerStatuses, status)
		}
	}
	return out
}

// rejected reports whether it is the pod as a whole that cannot come about.
func (s *Sight) rejected() bool {
	return s.Failure != nil && (s.Failure.Reason == "Refused" || s.Failure.Reason == "NodePorts")
}

// container is one container's status.
func (s *Sight) container(c standing) corev1.ContainerStatus {
	st := &s.Status
	started := c.role != roleInit && st.Started(c.status)
	out := corev1.ContainerStatus{
		Name: c.status.Name, Image: c.status.Image, ImageID: imageID(c.status),
		RestartCount: int32(st.Restarts(c.status)),
		Started:      &started, Ready: s.ready(c),
	}
	if out.Image == "" {
		out.Image = c.made.Image
	}
	if c.status.ID != "" {
		out.ContainerID = containerID(c.status.ID)
	}
	wait, waits := s.waiting(c)
	last := c.end
	switch {
	case c.state == standRunning:
		out.State.Running = &corev1.ContainerStateRunning{StartedAt: *stamp(c.status.StartedAt)}
	case waits:
		out.State.Waiting = &corev1.ContainerStateWaiting{Reason: wait.Reason, Message: wait.Message}
	default:
		out.State.Terminated = s.terminated(c.end)
		h := st.History[c.status.Name]
		if last = h.Last; last != nil && last.ContainerID == c.end.ContainerID {
			last = h.Before
		}
	}
	if last != nil {
		out.LastTerminationState.Terminated = s.terminated(last)
	}
	return out
}

// followed reports whether the container to come after the one that has ended is
// made, and starts in a moment.
func (s *standing) followed() bool {
	return s.status.State == spec.StateCreated && s.status.ID != "" && s.end.ContainerID != s.status.ID
}

// ready: an init container is when it is done, everything else by its probes.
func (s *Sight) ready(c standing) bool {
	if c.role == roleInit {
		return c.state == standEnded && c.end.ExitCode == 0
	}
	return s.Status.Ready(c.status)
}

// waiting is why a container does not run. One that has ended waits only if a
// reason is known: that it will be started again in a moment is not one.
func (s *Sight) waiting(c standing) (w Waiting, waits bool) {
	if c.state == standRunning {
		return w, false
	}
	over := c.state == standEnded && (s.Status.Verdict != nil || s.Status.Stopped || s.Status.Removal != nil || c.status.Stopped ||
		c.role == roleInit && c.end.ExitCode == 0 || !restarts(&s.Status, c.status.Name, c.end.ExitCode))
	if w, ok := s.Waiting[c.status.Name]; ok && !over {
		return w, true
	}
	switch {
	case s.Failure != nil && !s.rejected() && !over:
		return Waiting{Reason: s.Failure.Reason, Message: s.Failure.Message}, true
	case c.state == standEnded && c.end.Reason == spec.ReasonStart && !over:
		return Waiting{Reason: reasonRun, Message: c.end.Message}, true
	case c.state == standEnded && (over || !c.followed()):
		return w, false
	case len(s.Status.Pod.InitContainers) > 0:
		return Waiting{Reason: "PodInitializing"}, true
	}
	return Waiting{Reason: "ContainerCreating"}, true
}

// messagesMost is how much all termination messages of a pod may come to; each
// container has the same share of it.
// https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/kubelet/status/status_manager.go (normalizeStatus)
const messagesMost = 12 << 10

func (s *Sight) terminated(t *spec.Termination) *corev1.ContainerStateTerminated {
	share := messagesMost / max(1, len(s.Status.Pod.InitContainers)+len(s.Status.Pod.Containers))
	out := &corev1.ContainerStateTerminated{
		ExitCode: int32(t.ExitCode), Reason: t.Reason, Message: t.Message[:min(len(t.Message), share)],
		StartedAt: *stamp(t.StartedAt), FinishedAt: *stamp(t.FinishedAt),
	}
	if out.Reason == "" {
		out.Reason = "Completed"
		if t.ExitCode != 0 {
			out.Reason = "Error"
		}
	}
	if t.ContainerID != "" {
		out.ContainerID = containerID(t.ContainerID)
	}
	return out
}

// containerID is an ID as Kubernetes writes it, after its runtime.
func containerID(id spec.ContainerID) string { return "berth://" + string(id) }

// imageID is the image by its digest, or where it has none by its own ID.
func imageID(c *spec.ContainerStatus) string {
	if c.ImageDigest == "" {
		return c.ImageID
	}
	repository, _, _ := strings.Cut(c.Image, "@")
	if i := strings.LastIndexByte(repository, ':'); i > strings.LastIndexByte(repository, '/') {
		repository = repository[:i]
	}
	return repository + "@" + c.ImageDigest
}

// stamp is a time as Kubernetes keeps it: whole seconds.
func stamp(t time.Time) *metav1.Time {
	if t.IsZero() {
		return &metav1.Time{}
	}
	return &metav1.Time{Time: t.UTC().Truncate(time.Second)}
}

// latest is the latest of some times.
func latest(times ...time.Time) time.Time {
	return slices.MaxFunc(times, time.Time.Compare)
}
