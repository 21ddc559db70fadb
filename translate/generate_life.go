package translate

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"berth/engine/spec"
)

// life says what happens to a container beside its process.
func (g *generator) life(c *spec.Container, out *corev1.Container) {
	l := &c.Lifecycle
	out.StartupProbe, out.LivenessProbe, out.ReadinessProbe = g.probe(c, l.Startup), g.probe(c, l.Liveness), g.probe(c, l.Readiness)
	hooks := corev1.Lifecycle{PostStart: hook(l.PostStart), PreStop: hook(l.PreStop)}
	if c.StopSignal != "" { // Kubernetes wants to know whose signals they are
		hooks.StopSignal = new(signalName(c.StopSignal))
		g.out.Spec.OS = &corev1.PodOS{Name: corev1.Linux}
	}
	if hooks != (corev1.Lifecycle{}) {
		out.Lifecycle = &hooks
	}
	if l.MessagePath != "" {
		out.TerminationMessagePath = l.MessagePath
	}
	if l.LogFallback {
		out.TerminationMessagePolicy = corev1.TerminationMessageFallbackToLogsOnError
	}
	for _, r := range l.RestartRules {
		rule := corev1.ContainerRestartRule{
			Action:    corev1.ContainerRestartRuleActionRestart,
			ExitCodes: &corev1.ContainerRestartRuleOnExitCodes{Operator: corev1.ContainerRestartRuleOnExitCodesOpIn, Values: r.Codes},
		}
		if r.All {
			rule.Action = corev1.ContainerRestartRuleActionRestartAllContainers
		}
		if r.Not {
			rule.ExitCodes.Operator = corev1.ContainerRestartRuleOnExitCodesOpNotIn
		}
		out.RestartPolicyRules = append(out.RestartPolicyRules, rule)
	}
}

func (g *generator) probe(c *spec.Container, p *spec.Probe) *corev1.Probe {
	if p == nil {
		return nil
	}
	out := &corev1.Probe{
		InitialDelaySeconds: int32(wholeSeconds(p.InitialDelay)), TimeoutSeconds: int32(wholeSeconds(p.Timeout)),
		PeriodSeconds:    int32(wholeSeconds(p.Period)),
		SuccessThreshold: int32(p.SuccessThreshold), FailureThreshold: int32(p.FailureThreshold),
	}
	if p.Grace != nil {
		out.TerminationGracePeriodSeconds = new(wholeSeconds(*p.Grace))
	}
	h := &p.Handler
	if h.Exec != nil {
		out.Exec = &corev1.ExecAction{Command: g.literals(c, "a probe", h.Exec)}
	}
	out.HTTPGet = httpGet(h.HTTP)
	if h.TCP != nil {
		out.TCPSocket = &corev1.TCPSocketAction{Host: h.TCP.Host, Port: intstr.FromInt32(int32(h.TCP.Port))}
	}
	if h.GRPC != nil {
		out.GRPC = &corev1.GRPCAction{Port: int32(h.GRPC.Port)}
		if h.GRPC.Service != "" {
			out.GRPC.Service = &h.GRPC.Service
		}
	}
	return out
}

// hook is a hook; $(VAR) in its command stays what it is.
func hook(h *spec.Handler) *corev1.LifecycleHandler {
	if h == nil {
		return nil
	}
	out := &corev1.LifecycleHandler{HTTPGet: httpGet(h.HTTP)}
	if h.Exec != nil {
		out.Exec = &corev1.ExecAction{Command: h.Exec}
	}
	if h.Sleep != nil {
		out.Sleep = &corev1.SleepAction{Seconds: wholeSeconds(*h.Sleep)}
	}
	return out
}

// signalName is a signal by the name Kubernetes has for it: podman takes 15 and
// TERM, too.
func signalName(signal string) corev1.Signal {
	if n, err := strconv.Atoi(signal); err == nil {
		return corev1.Signal(unix.SignalName(unix.Signal(n)))
	}
	return corev1.Signal("SIG" + strings.TrimPrefix(strings.ToUpper(signal), "SIG"))
}

func httpGet(h *spec.HTTPGet) *corev1.HTTPGetAction {
	if h == nil {
		return nil
	}
	out := &corev1.HTTPGetAction{Scheme: corev1.URIScheme(h.Scheme), Host: h.Host, Port: intstr.FromInt32(int32(h.Port)), Path: h.Path}
	for _, header := range h.Headers {
		out.HTTPHeaders = append(out.HTTPHeaders, corev1.HTTPHeader{Name: header.Name, Value: header.Value})
	}
	return out
}
