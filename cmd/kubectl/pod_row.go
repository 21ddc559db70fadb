package kubectl

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// PodHeadings are the headings of PodRow.
func PodHeadings(wide bool) []string {
	h := []string{"NAME", "READY", "STATUS", "RESTARTS", "AGE"}
	if wide {
		h = append(h, "IP", "NODE", "NOMINATED NODE", "READINESS GATES")
	}
	return h
}

// PodRow is a pod as kubectl get lists it (pkg/printers/internalversion,
// printPod).
func PodRow(pod *corev1.Pod, now time.Time, wide bool) []string {
	s := podState(pod)
	restarts := strconv.Itoa(s.restarts)
	if s.restarts > 0 && !s.restartedAt.IsZero() {
		restarts += " (" + Age(now, s.restartedAt) + " ago)"
	}
	row := []string{pod.Name, fmt.Sprintf("%d/%d", s.ready, s.containers), s.text, restarts, Age(now, pod.CreationTimestamp.Time)}
	if !wide {
		return row
	}
	return append(row, orNone(pod.Status.PodIP), orNone(pod.Spec.NodeName), orNone(pod.Status.NominatedNodeName), gates(pod))
}

// gates is how many readiness gates are open.
func gates(pod *corev1.Pod) string {
	if len(pod.Spec.ReadinessGates) == 0 {
		return "<none>"
	}
	open := 0
	for _, g := range pod.Spec.ReadinessGates {
		if holds(pod, g.ConditionType) {
			open++
		}
	}
	return fmt.Sprintf("%d/%d", open, len(pod.Spec.ReadinessGates))
}

// holds reports whether a condition is true.
func holds(pod *corev1.Pod, kind corev1.PodConditionType) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == kind && c.Status == corev1.ConditionTrue
	})
}

// state is what a row says of a pod's containers.
type state struct {
	text              string // "Running", "Init:0/1", "CrashLoopBackOff"
	ready, containers int
	restarts          int
	restartedAt       time.Time
}

func (s *state) count(c *corev1.ContainerStatus) {
	s.restarts += int(c.RestartCount)
	if last := c.LastTerminationState.Terminated; last != nil && last.FinishedAt.After(s.restartedAt) {
		s.restartedAt = last.FinishedAt.Time
	}
}

func podState(pod *corev1.Pod) state {
	s := state{text: string(pod.Status.Phase), containers: len(pod.Spec.Containers)}
	if pod.Status.Reason != "" {
		s.text = pod.Status.Reason
	}
	sidecars := map[string]bool{}
	for _, c := range pod.Spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			sidecars[c.Name] = true
			s.containers++
		}
	}
	beside := s // what counts once the pod is initialised
	initialising := false
	for i := range pod.Status.InitContainerStatuses {
		c := &pod.Status.InitContainerStatuses[i]
		if sidecars[c.Name] {
			beside.count(c)
		}
		s.count(c)
		if sidecars[c.Name] && c.Started != nil && *c.Started {
			if c.Ready {
				s.ready++
			}
			continue
		}
		if e := c.State.Terminated; e != nil && e.ExitCode == 0 {
			continue
		}
		s.text, initialising = initText(c, i, len(pod.Spec.InitContainers)), true
		break
	}
	if !initialising || holds(pod, corev1.PodInitialized) {
		s.restarts, s.restartedAt = beside.restarts, beside.restartedAt
		s.containersText(pod)
	}
	if over := pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded; pod.DeletionTimestamp != nil && !over {
		s.text = "Terminating"
	}
	return s
}

// initText is what is said while the i-th of n init containers is not done.
func initText(c *corev1.ContainerStatus, i, n int) string {
	switch e, w := c.State.Terminated, c.State.Waiting; {
	case e != nil && e.Reason != "":
		return "Init:" + e.Reason
	case e != nil:
		return "Init:" + endText(e)
	case w != nil && w.Reason != "" && w.Reason != "PodInitializing":
		return "Init:" + w.Reason
	}
	return fmt.Sprintf("Init:%d/%d", i, n)
}

// containersText is the word of the first container that has one to say.
func (s *state) containersText(pod *corev1.Pod) {
	running := false
	for _, c := range slices.Backward(pod.Status.ContainerStatuses) {
		s.count(&c)
		switch e, w := c.State.Terminated, c.State.Waiting; {
		case w != nil && w.Reason != "":
			s.text = w.Reason
		case e != nil && e.Reason != "":
			s.text = e.Reason
		case e != nil:
			s.text = endText(e)
		case c.Ready && c.State.Running != nil:
			running = true
			s.ready++
		}
	}
	if s.text == "Completed" && running {
		s.text = "NotReady"
		if holds(pod, corev1.PodReady) {
			s.text = "Running"
		}
	}
}

func endText(e *corev1.ContainerStateTerminated) string {
	if e.Signal != 0 {
		return fmt.Sprintf("Signal:%d", e.Signal)
	}
	return fmt.Sprintf("ExitCode:%d", e.ExitCode)
}
