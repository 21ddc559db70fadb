package reconciler

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"berth/engine/spec"
)

// conditions are the pod's conditions by the kubelet's rules (pkg/kubelet/status,
// generate.go), each with the time at which it must have become so, as far as
// what is observed tells.
func conditions(st *spec.PodStatus, list []standing) []corev1.PodCondition {
	phase := PhaseOf(st)
	containers := containersReady(st, list, phase)
	out := []corev1.PodCondition{
		condition(corev1.PodReadyToStartContainers, "", "", st.Sandbox == spec.SandboxReady, sandboxSince(st)),
		initialized(st, list, phase),
		podReady(st, containers),
		containers,
		condition(corev1.PodScheduled, "", "", true, st.Pod.CreatedAt),
	}
	if v := st.Verdict; v != nil && v.Reason == "Evicted" {
		out = append([]corev1.PodCondition{
			condition(corev1.DisruptionTarget, corev1.PodReasonTerminationByKubelet, v.Message, true, v.At),
		}, out...)
	}
	return out
}

func condition(kind corev1.PodConditionType, reason, message string, holds bool, since time.Time) corev1.PodCondition {
	status := corev1.ConditionFalse
	if holds {
		status = corev1.ConditionTrue
	}
	return corev1.PodCondition{
		Type: kind, Status: status, Reason: reason, Message: message,
		LastTransitionTime: *stamp(since), ObservedGeneration: generation,
	}
}

// sandboxSince is since when the sandbox is as it is.
func sandboxSince(st *spec.PodStatus) time.Time {
	if st.Sandbox == spec.SandboxReady {
		return latest(st.Pod.CreatedAt, st.StartedAt)
	}
	at := latest(st.Pod.CreatedAt, st.Infra.FinishedAt)
	for i := range st.Containers {
		at = latest(at, st.Containers[i].FinishedAt)
	}
	return at
}

// initialized: all init containers are done and all sidecars started, or an app
// container has begun, which means that they were.
func initialized(st *spec.PodStatus, list []standing, phase Phase) corev1.PodCondition {
	var incomplete []string
	since := st.Pod.CreatedAt
	for _, c := range list {
		switch {
		case c.role == roleSidecar && !st.Started(c.status), c.role == roleInit && (c.state != standEnded || c.end.ExitCode != 0):
			incomplete = append(incomplete, c.status.Name)
		case c.role == roleSidecar:
			since = latest(since, c.status.StartedAt)
		case c.role == roleInit:
			since = latest(since, c.end.FinishedAt)
		}
	}
	switch {
	case phase == PhaseSucceeded:
		return condition(corev1.PodInitialized, "PodCompleted", "", true, since)
	case begun(st) || len(incomplete) == 0:
		return condition(corev1.PodInitialized, "", "", true, since)
	}
	return condition(corev1.PodInitialized, "ContainersNotInitialized",
		"containers with incomplete status: "+inBrackets(incomplete), false, latest(st.Pod.CreatedAt, st.StartedAt))
}

// containersReady: every app container and sidecar is.
func containersReady(st *spec.PodStatus, list []standing, phase Phase) corev1.PodCondition {
	const kind = corev1.ContainersReady
	var unready, unknown []string
	for _, made := range st.Pod.All() {
		if _, ok := st.Container(made.Name); !ok && (!st.Pod.IsInit(made.Name) || sidecar(&made)) {
			unknown = append(unknown, made.Name)
		}
	}
	ready, lost, over := st.Pod.CreatedAt, time.Time{}, st.Pod.CreatedAt
	for _, c := range list {
		if c.end != nil {
			over = latest(over, c.end.FinishedAt)
		}
		if c.role == roleInit {
			continue
		}
		if st.Ready(c.status) {
			ready = latest(ready, readySince(st, c))
			continue
		}
		unready = append(unready, c.status.Name)
		lost = earlier(lost, unreadySince(st, c))
	}
	if st.Verdict != nil {
		over = st.Verdict.At
	}
	switch {
	case phase == PhaseFailed:
		return condition(kind, "PodFailed", "", false, over)
	case phase == PhaseSucceeded:
		return condition(kind, "PodCompleted", "", false, over)
	case len(unknown)+len(unready) == 0:
		return condition(kind, "", "", true, ready)
	}
	var why []string
	if len(unknown) > 0 {
		why, lost = append(why, "containers with unknown status: "+inBrackets(unknown)), st.Pod.CreatedAt
	}
	if len(unready) > 0 {
		why = append(why, "containers with unready status: "+inBrackets(unready))
	}
	return condition(kind, "ContainersNotReady", strings.Join(why, ", "), false, lost)
}

// podReady: its containers are, and so is everything its gates wait for. Nobody
// but the pod itself sets conditions here, so a gate on any other stays shut.
func podReady(st *spec.PodStatus, containers corev1.PodCondition) corev1.PodCondition {
	out := containers
	out.Type = corev1.PodReady
	if containers.Status != corev1.ConditionTrue {
		return out
	}
	var shut []string
	for _, gate := range st.Pod.ReadinessGates {
		shut = append(shut, fmt.Sprintf("corresponding condition of pod readiness gate %q does not exist.", gate))
	}
	if len(shut) == 0 {
		return out
	}
	return condition(corev1.PodReady, "ReadinessGatesNotReady", strings.Join(shut, ", "), false, st.Pod.CreatedAt)
}

// readySince is since when a ready container is.
func readySince(st *spec.PodStatus, c standing) time.Time {
	if c.made.Lifecycle.Readiness == nil || c.status.Life == nil {
		return c.status.StartedAt
	}
	return latest(c.status.StartedAt, c.status.Life.ReadyAt)
}

// unreadySince is since when a container is not ready: since its probe said so,
// since it ended, or since there is a pod.
func unreadySince(st *spec.PodStatus, c standing) time.Time {
	life := c.status.Life
	switch {
	case c.state == standRunning && life != nil && life.Container == c.status.ID && !life.Ready && !life.ReadyAt.IsZero():
		return latest(st.Pod.CreatedAt, life.ReadyAt)
	case c.end != nil:
		return latest(st.Pod.CreatedAt, c.end.FinishedAt)
	}
	return st.Pod.CreatedAt
}

// inBrackets is a list as the kubelet writes it.
func inBrackets(names []string) string { return "[" + strings.Join(names, " ") + "]" }
