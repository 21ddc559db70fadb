package translate

import (
	"math"
	"time"

	corev1 "k8s.io/api/core/v1"

	"berth/engine/spec"
)

// health has probes stand for a health check made by hand: what fails it is
// restarted by a liveness probe where something is done about it, and else merely
// not ready.
func (g *generator) health(c *spec.Container, out *corev1.Container) {
	h := c.Healthy()
	if h == nil {
		return
	}
	if h.Interval < 0 {
		g.lost("container %s: its health check is asked by hand alone and is left out", c.Name)
		return
	}
	probe := g.healthProbe(c, h.Test, h.Interval, h.Timeout, h.Retries)
	probe.InitialDelaySeconds = probeSeconds(h.StartPeriod, 0)
	switch h.OnFailure {
	case spec.HealthNone:
		out.ReadinessProbe = probe
	case spec.HealthStop:
		g.lost("container %s: what its health check fails is stopped, under Kubernetes it is restarted as its policy says", c.Name)
		out.LivenessProbe = probe
	default:
		out.LivenessProbe = probe
	}
	s := h.Startup
	if s == nil {
		return
	}
	if s.Interval < 0 {
		g.lost("container %s: its health check for the start is asked by hand alone and is left out", c.Name)
		return
	}
	if s.Successes > 1 {
		g.lost("container %s: Kubernetes has a start succeed once, not %d times in a row", c.Name, s.Successes)
	}
	retries := s.Retries
	if retries == 0 { // it may fail for ever
		retries = math.MaxInt32
	}
	out.StartupProbe = g.healthProbe(c, s.Test, s.Interval, s.Timeout, retries)
}

func (g *generator) healthProbe(c *spec.Container, test []string, interval, timeout time.Duration, retries int) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: g.literals(c, "a health check", test)}},
		PeriodSeconds: probeSeconds(interval, 1), TimeoutSeconds: probeSeconds(timeout, 1), FailureThreshold: int32(retries),
	}
}

// probeSeconds is a time as probes have it: in whole seconds, and not less than least.
func probeSeconds(d time.Duration, least int32) int32 {
	return max(least, int32(math.Ceil(d.Seconds())))
}
