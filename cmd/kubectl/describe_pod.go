package kubectl

import (
	"fmt"
	"io"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// DescribePod writes all there is to say of a pod, with what happened to it, as
// kubectl describe does. Values of Secrets are not part of a pod and are never
// shown.
func DescribePod(w io.Writer, pod *corev1.Pod, events []corev1.Event, now time.Time) error {
	d := newDescriber(w, now)
	d.podHead(pod)
	for _, part := range []struct {
		title    string
		specs    []corev1.Container
		statuses []corev1.ContainerStatus
	}{
		{"Init Containers", pod.Spec.InitContainers, pod.Status.InitContainerStatuses},
		{"Containers", pod.Spec.Containers, pod.Status.ContainerStatuses},
	} {
		if len(part.specs) > 0 {
			d.line(0, "%s:", part.title)
		}
		for i := range part.specs {
			d.container(pod, &part.specs[i], part.statuses)
		}
	}
	if len(pod.Spec.ReadinessGates) > 0 {
		d.line(0, "Readiness Gates:\n  Type\tStatus")
		for _, g := range pod.Spec.ReadinessGates {
			status := "<none>"
			for _, c := range pod.Status.Conditions {
				if c.Type == g.ConditionType {
					status = string(c.Status)
				}
			}
			d.line(1, "%s\t%s", g.ConditionType, status)
		}
	}
	if len(pod.Status.Conditions) > 0 {
		d.line(0, "Conditions:\n  Type\tStatus")
		for _, c := range pod.Status.Conditions {
			d.line(1, "%s\t%s ", c.Type, c.Status)
		}
	}
	d.volumes(pod.Spec.Volumes)
	d.line(0, "QoS Class:\t%s", pod.Status.QOSClass)
	d.pairs(0, "Node-Selectors", "=", pod.Spec.NodeSelector)
	d.list(0, "Tolerations", nil)
	d.events(events)
	return d.w.Flush()
}

func (d *describer) podHead(pod *corev1.Pod) {
	d.line(0, "Name:\t%s", pod.Name)
	d.line(0, "Namespace:\t%s", pod.Namespace)
	if pod.Spec.Priority != nil {
		d.line(0, "Priority:\t%d", *pod.Spec.Priority)
	}
	if c := pod.Spec.PriorityClassName; c != "" {
		d.line(0, "Priority Class Name:\t%s", c)
	}
	if a := pod.Spec.ServiceAccountName; a != "" {
		d.line(0, "Service Account:\t%s", a)
	}
	d.line(0, "Node:\t%s", orNone(strings.TrimSuffix(pod.Spec.NodeName+"/"+pod.Status.HostIP, "/")))
	if pod.Status.StartTime != nil {
		d.line(0, "Start Time:\t%s", pod.Status.StartTime.Format(time.RFC1123Z))
	}
	d.pairs(0, "Labels", "=", pod.Labels)
	d.pairs(0, "Annotations", ": ", pod.Annotations)
	if over := pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded; pod.DeletionTimestamp != nil && !over {
		d.line(0, "Status:\tTerminating")
		if s := pod.DeletionGracePeriodSeconds; s != nil {
			d.line(0, "Termination Grace Period:\t%ds", *s)
		}
	} else {
		d.line(0, "Status:\t%s", pod.Status.Phase)
	}
	if pod.Status.Reason != "" {
		d.line(0, "Reason:\t%s", pod.Status.Reason)
	}
	if pod.Status.Message != "" {
		d.line(0, "Message:\t%s", pod.Status.Message)
	}
	d.line(0, "IP:\t%s", pod.Status.PodIP)
	if len(pod.Status.PodIPs) == 0 {
		d.line(0, "IPs:\t<none>")
	} else {
		d.line(0, "IPs:")
	}
	for _, ip := range pod.Status.PodIPs {
		d.line(1, "IP:\t%s", ip.IP)
	}
	for _, o := range pod.OwnerReferences {
		d.line(0, "Controlled By:\t%s/%s", o.Kind, o.Name)
	}
}

func (d *describer) container(pod *corev1.Pod, c *corev1.Container, statuses []corev1.ContainerStatus) {
	d.line(1, "%s:", c.Name)
	var status *corev1.ContainerStatus
	for i := range statuses {
		if statuses[i].Name == c.Name {
			status = &statuses[i]
		}
	}
	if status != nil {
		d.line(2, "Container ID:\t%s", status.ContainerID)
	}
	d.line(2, "Image:\t%s", c.Image)
	if status != nil {
		d.line(2, "Image ID:\t%s", status.ImageID)
	}
	d.ports(c.Ports)
	if len(c.Command) > 0 {
		d.block(2, "Command", c.Command)
	}
	if len(c.Args) > 0 {
		d.block(2, "Args", c.Args)
	}
	if status != nil {
		d.state("State", status.State)
		if status.LastTerminationState.Terminated != nil {
			d.state("Last State", status.LastTerminationState)
		}
		d.line(2, "Ready:\t%s", title(status.Ready))
		d.line(2, "Restart Count:\t%d", status.RestartCount)
	}
	d.resources(c.Resources)
	for _, p := range []struct {
		name  string
		probe *corev1.Probe
	}{{"Liveness", c.LivenessProbe}, {"Readiness", c.ReadinessProbe}, {"Startup", c.StartupProbe}} {
		if p.probe != nil {
			d.line(2, "%s:\t%s", p.name, probeText(p.probe))
		}
	}
	d.environment(pod, c)
	d.mounts(c.VolumeMounts)
}

func (d *describer) ports(ports []corev1.ContainerPort) {
	var inside, outside []string
	for _, p := range ports {
		protocol := string(p.Protocol)
		if protocol == "" {
			protocol = "TCP"
		}
		name := ""
		if p.Name != "" {
			name = " (" + p.Name + ")"
		}
		inside = append(inside, fmt.Sprintf("%d/%s%s", p.ContainerPort, protocol, name))
		outside = append(outside, fmt.Sprintf("%d/%s%s", p.HostPort, protocol, name))
	}
	s := ""
	if len(ports) > 1 {
		s = "s"
	}
	d.line(2, "Port%s:\t%s", s, orNone(strings.Join(inside, ", ")))
	d.line(2, "Host Port%s:\t%s", s, orNone(strings.Join(outside, ", ")))
}

func (d *describer) state(name string, s corev1.ContainerState) {
	stamp := func(t time.Time) string { return t.Format(time.RFC1123Z) }
	switch {
	case s.Running != nil:
		d.line(2, "%s:\tRunning", name)
		d.line(3, "Started:\t%s", stamp(s.Running.StartedAt.Time))
	case s.Terminated != nil:
		e := s.Terminated
		d.line(2, "%s:\tTerminated", name)
		d.reason(e.Reason, e.Message)
		d.line(3, "Exit Code:\t%d", e.ExitCode)
		if e.Signal != 0 {
			d.line(3, "Signal:\t%d", e.Signal)
		}
		d.line(3, "Started:\t%s", stamp(e.StartedAt.Time))
		d.line(3, "Finished:\t%s", stamp(e.FinishedAt.Time))
	case s.Waiting != nil:
		d.line(2, "%s:\tWaiting", name)
		d.reason(s.Waiting.Reason, "") // as kubectl: the events have the rest
	default:
		d.line(2, "%s:\tWaiting", name)
	}
}

func (d *describer) reason(reason, message string) {
	if reason != "" {
		d.line(3, "Reason:\t%s", reason)
	}
	if message != "" {
		d.line(3, "Message:\t%s", strings.TrimRight(message, "\n"))
	}
}

func (d *describer) resources(r corev1.ResourceRequirements) {
	for _, part := range []struct {
		name string
		list corev1.ResourceList
	}{{"Limits", r.Limits}, {"Requests", r.Requests}} {
		if len(part.list) == 0 {
			continue
		}
		d.line(2, "%s:", part.name)
		for _, name := range sortedNames(part.list) {
			q := part.list[corev1.ResourceName(name)]
			d.line(3, "%s:\t%s", name, q.String())
		}
	}
}

func title(yes bool) string {
	if yes {
		return "True"
	}
	return "False"
}

// probeText is a probe in one line: "http-get http://:80/ delay=0s …".
func probeText(p *corev1.Probe) string {
	attrs := fmt.Sprintf("delay=%ds timeout=%ds period=%ds #success=%d #failure=%d", p.InitialDelaySeconds,
		orElse(p.TimeoutSeconds, 1), orElse(p.PeriodSeconds, 10), orElse(p.SuccessThreshold, 1), orElse(p.FailureThreshold, 3))
	switch {
	case p.Exec != nil:
		return fmt.Sprintf("exec %v %s", p.Exec.Command, attrs)
	case p.HTTPGet != nil:
		scheme, path := strings.ToLower(string(p.HTTPGet.Scheme)), p.HTTPGet.Path
		if scheme == "" {
			scheme = "http"
		}
		if path == "" {
			path = "/"
		}
		return fmt.Sprintf("http-get %s://%s:%s%s %s", scheme, p.HTTPGet.Host, p.HTTPGet.Port.String(), path, attrs)
	case p.TCPSocket != nil:
		return fmt.Sprintf("tcp-socket %s:%s %s", p.TCPSocket.Host, p.TCPSocket.Port.String(), attrs)
	case p.GRPC != nil:
		service := ""
		if p.GRPC.Service != nil {
			service = *p.GRPC.Service
		}
		return fmt.Sprintf("grpc <pod>:%d %s %s", p.GRPC.Port, service, attrs)
	}
	return "unknown " + attrs
}

func orElse(n, preset int32) int32 {
	if n == 0 {
		return preset
	}
	return n
}

func (d *describer) mounts(mounts []corev1.VolumeMount) {
	if len(mounts) == 0 {
		d.line(2, "Mounts:\t<none>")
		return
	}
	d.line(2, "Mounts:")
	for _, m := range sortedMounts(mounts) {
		words := []string{"rw"}
		if m.ReadOnly {
			words = []string{"ro"}
		}
		if m.SubPath != "" {
			words = append(words, fmt.Sprintf("path=%q", m.SubPath))
		}
		d.line(3, "%s from %s (%s)", m.MountPath, m.Name, strings.Join(words, ","))
	}
}
