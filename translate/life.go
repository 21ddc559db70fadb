package translate

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"berth/engine/spec"
)

// lifecycle translates what happens to a container beside its process.
func (b *builder) lifecycle(c *corev1.Container, field string, env *environment) spec.Lifecycle {
	out := spec.Lifecycle{
		Startup:     b.probe(c, c.StartupProbe, field+".startupProbe", env),
		Liveness:    b.probe(c, c.LivenessProbe, field+".livenessProbe", env),
		Readiness:   b.probe(c, c.ReadinessProbe, field+".readinessProbe", env),
		LogFallback: c.TerminationMessagePolicy == corev1.TerminationMessageFallbackToLogsOnError,
	}
	if c.TerminationMessagePath != spec.DefaultMessagePath {
		out.MessagePath = c.TerminationMessagePath
	}
	if c.Lifecycle != nil {
		out.PostStart = b.hook(c, c.Lifecycle.PostStart, field+".lifecycle.postStart")
		out.PreStop = b.hook(c, c.Lifecycle.PreStop, field+".lifecycle.preStop")
	}
	for _, rule := range c.RestartPolicyRules {
		r := spec.RestartRule{All: rule.Action == corev1.ContainerRestartRuleActionRestartAllContainers}
		if rule.ExitCodes != nil {
			r.Not = rule.ExitCodes.Operator == corev1.ContainerRestartRuleOnExitCodesOpNotIn
			r.Codes = slices.Clone(rule.ExitCodes.Values)
		}
		out.RestartRules = append(out.RestartRules, r)
	}
	return out
}

// Kubernetes' defaults of a probe.
const (
	defaultTimeout          = 1
	defaultPeriod           = 10
	defaultSuccessThreshold = 1
	defaultFailureThreshold = 3
)

func (b *builder) probe(c *corev1.Container, from *corev1.Probe, field string, env *environment) *spec.Probe {
	if from == nil {
		return nil
	}
	out := &spec.Probe{
		InitialDelay:     seconds(from.InitialDelaySeconds),
		Timeout:          seconds(cmp.Or(from.TimeoutSeconds, defaultTimeout)),
		Period:           seconds(cmp.Or(from.PeriodSeconds, defaultPeriod)),
		SuccessThreshold: int(cmp.Or(from.SuccessThreshold, defaultSuccessThreshold)),
		FailureThreshold: int(cmp.Or(from.FailureThreshold, defaultFailureThreshold)),
	}
	if from.TerminationGracePeriodSeconds != nil {
		grace := seconds(*from.TerminationGracePeriodSeconds)
		out.Grace = &grace
	}
	switch {
	case from.Exec != nil:
		out.Handler.Exec = b.expandAll(from.Exec.Command, field+".exec.command", env)
	case from.HTTPGet != nil:
		out.Handler.HTTP = b.httpGet(c, from.HTTPGet, field+".httpGet")
	case from.TCPSocket != nil:
		out.Handler.TCP = &spec.TCPSocket{Host: from.TCPSocket.Host, Port: b.target(c, from.TCPSocket.Port, field+".tcpSocket.port")}
	case from.GRPC != nil:
		out.Handler.GRPC = &spec.GRPC{Port: uint16(from.GRPC.Port)}
		if from.GRPC.Service != nil {
			out.Handler.GRPC.Service = *from.GRPC.Service
		}
	}
	return out
}

// hook translates a hook. Unlike a probe's, its command is taken as it stands:
// a kubelet leaves $(VAR) and $$ in it to the shell.
func (b *builder) hook(c *corev1.Container, from *corev1.LifecycleHandler, field string) *spec.Handler {
	if from == nil {
		return nil
	}
	out := &spec.Handler{}
	switch {
	case from.Exec != nil:
		for i, word := range from.Exec.Command {
			b.refuseBinary(fmt.Sprintf("%s.exec.command[%d]", field, i), word)
		}
		out.Exec = slices.Clone(from.Exec.Command)
	case from.HTTPGet != nil:
		out.HTTP = b.httpGet(c, from.HTTPGet, field+".httpGet")
	case from.Sleep != nil:
		sleep := seconds(from.Sleep.Seconds)
		out.Sleep = &sleep
	}
	return out
}

func (b *builder) httpGet(c *corev1.Container, from *corev1.HTTPGetAction, field string) *spec.HTTPGet {
	out := &spec.HTTPGet{Host: from.Host, Port: b.target(c, from.Port, field+".port")}
	if from.Scheme == corev1.URISchemeHTTPS {
		out.Scheme = string(from.Scheme)
	}
	if from.Path != "/" {
		out.Path = from.Path
	}
	for _, h := range from.HTTPHeaders {
		out.Headers = append(out.Headers, spec.Header{Name: h.Name, Value: h.Value})
	}
	return out
}

// target is the number of a port that may be given by name: one of the
// container's own.
func (b *builder) target(c *corev1.Container, port intstr.IntOrString, field string) uint16 {
	if port.Type == intstr.Int {
		return uint16(port.IntVal)
	}
	var names []string
	for _, own := range c.Ports {
		if own.Name == port.StrVal {
			return uint16(own.ContainerPort)
		}
		names = append(names, own.Name)
	}
	b.errorf(field, "container %s has no port named %q%s", c.Name, port.StrVal, didYouMeanOneOf(port.StrVal, unique(names)))
	return 0
}

// stopSignal is a signal under the name that Linux lists it by.
func stopSignal(c *corev1.Container) string {
	if c.Lifecycle == nil || c.Lifecycle.StopSignal == nil {
		return ""
	}
	switch signal := *c.Lifecycle.StopSignal; signal {
	case corev1.SIGIOT:
		return string(corev1.SIGABRT)
	case corev1.SIGCLD:
		return string(corev1.SIGCHLD)
	case corev1.SIGPOLL:
		return string(corev1.SIGIO)
	default:
		return string(signal)
	}
}

func seconds[T ~int32 | ~int64](n T) time.Duration { return time.Duration(n) * time.Second }
