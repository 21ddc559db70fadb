package kube

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// lifeCheck checks what happens to one container beside its process.
type lifeCheck struct {
	podCheck
	own       *path // the container's place
	container *corev1.Container
}

// life checks probes, hooks, restarts, and where a container says why it ended.
func (p podCheck) life(at *path, c *corev1.Container, init bool) {
	l := lifeCheck{p, at, c}
	l.terminationMessage()
	l.restart()
	l.resizePolicy()
	policy := at.field("restartPolicy")
	once := init && (c.RestartPolicy == nil || *c.RestartPolicy == corev1.ContainerRestartPolicyOnFailure || *c.RestartPolicy == corev1.ContainerRestartPolicyNever)
	for _, probe := range l.probes() {
		switch {
		case !once:
			l.probe(probe)
		case p.read(policy):
			p.bad(probe.at, onlySidecars)
		}
	}
	switch {
	case c.Lifecycle == nil:
	case !once:
		l.lifecycle(at.field("lifecycle"), c.Lifecycle)
	case p.read(policy):
		p.bad(at.field("lifecycle"), onlySidecars)
	}
}

const onlySidecars = "an init container that must end has none: only one with restartPolicy: Always, a sidecar, does"

func (l lifeCheck) terminationMessage() {
	c, at := l.container, l.own
	oneOf(l.check, at.field("terminationMessagePolicy"), c.TerminationMessagePolicy,
		corev1.TerminationMessageReadFile, corev1.TerminationMessageFallbackToLogsOnError)
	switch path, at := c.TerminationMessagePath, at.field("terminationMessagePath"); {
	case !strings.HasPrefix(path, "/"):
		l.bad(at, "%s is not an absolute path", quote(path))
	case strings.HasSuffix(path, "/"):
		l.bad(at, "%s is not the path of a file", quote(path))
	case hasDotDot(path):
		l.bad(at, `%s must not hold ".."`, quote(path))
	}
}

func (l lifeCheck) restart() {
	c, at := l.container, l.own
	policyAt, rulesAt := at.field("restartPolicy"), at.field("restartPolicyRules")
	if c.RestartPolicy != nil {
		oneOf(l.check, policyAt, *c.RestartPolicy,
			corev1.ContainerRestartPolicyAlways, corev1.ContainerRestartPolicyOnFailure, corev1.ContainerRestartPolicyNever)
	} else if len(c.RestartPolicyRules) > 0 {
		l.missing(policyAt, "restartPolicyRules need it, for exits to which none of them applies")
	}
	if n := len(c.RestartPolicyRules); n > maxRestartRules {
		l.bad(rulesAt, "%d rules are too many: at most %d", n, maxRestartRules)
		return
	}
	for i := range c.RestartPolicyRules {
		l.restartRule(rulesAt.at(i), &c.RestartPolicyRules[i])
	}
}

func (l lifeCheck) restartRule(at *path, r *corev1.ContainerRestartRule) {
	oneOf(l.check, at.field("action"), r.Action, corev1.ContainerRestartRuleActionRestart, corev1.ContainerRestartRuleActionRestartAllContainers)
	if r.ExitCodes == nil {
		l.missing(at.field("exitCodes"), "say after which exit codes the rule applies")
		return
	}
	at = at.field("exitCodes")
	oneOf(l.check, at.field("operator"), r.ExitCodes.Operator, corev1.ContainerRestartRuleOnExitCodesOpIn, corev1.ContainerRestartRuleOnExitCodesOpNotIn)
	at = at.field("values")
	if n := len(r.ExitCodes.Values); n > maxExitCodes {
		l.bad(at, "%d exit codes are too many: at most %d", n, maxExitCodes)
		return
	}
	codes := unique{}
	for i, code := range r.ExitCodes.Values {
		if code < 0 || code > 255 {
			l.bad(at.at(i), "%d is not an exit code: want 0 to 255", code)
		}
		codes.add(l.check, at.at(i), strconv.Itoa(int(code)))
	}
}

// resizePolicy checks which resources can be changed without a restart.
func (l lifeCheck) resizePolicy() {
	names := unique{}
	for i := range l.container.ResizePolicy {
		r, at := &l.container.ResizePolicy[i], l.own.field("resizePolicy").at(i)
		oneOf(l.check, at.field("resourceName"), r.ResourceName, corev1.ResourceCPU, corev1.ResourceMemory)
		names.add(l.check, at.field("resourceName"), string(r.ResourceName))
		oneOf(l.check, at.field("restartPolicy"), r.RestartPolicy, corev1.NotRequired, corev1.RestartContainer)
		if l.spec.RestartPolicy == corev1.RestartPolicyNever && r.RestartPolicy == corev1.RestartContainer {
			l.bad(at.field("restartPolicy"), "RestartContainer is not possible in a pod with restartPolicy Never: want NotRequired")
		}
	}
}

// probed is a probe and its place.
type probed struct {
	*corev1.Probe
	at        *path
	readiness bool
}

// probes lists those the container has.
func (l lifeCheck) probes() []probed {
	all := []probed{
		{l.container.StartupProbe, l.own.field("startupProbe"), false},
		{l.container.LivenessProbe, l.own.field("livenessProbe"), false},
		{l.container.ReadinessProbe, l.own.field("readinessProbe"), true},
	}
	return slices.DeleteFunc(all, func(p probed) bool { return p.Probe == nil })
}

func (l lifeCheck) probe(probe probed) {
	at := probe.at
	for _, number := range []struct {
		name string
		n    int32
	}{
		{"initialDelaySeconds", probe.InitialDelaySeconds}, {"timeoutSeconds", probe.TimeoutSeconds}, {"periodSeconds", probe.PeriodSeconds},
		{"successThreshold", probe.SuccessThreshold}, {"failureThreshold", probe.FailureThreshold},
	} {
		if number.n < 0 {
			l.bad(at.field(number.name), "%d is less than zero", number.n)
		}
	}
	if n := probe.SuccessThreshold; !probe.readiness && n > 1 {
		l.bad(at.field("successThreshold"), "%d is not possible: one success is enough for this probe, want 1", n)
	}
	if seconds, at := probe.TerminationGracePeriodSeconds, at.field("terminationGracePeriodSeconds"); seconds != nil {
		if probe.readiness {
			l.bad(at, "a readiness probe ends nothing: remove it")
		} else {
			inRange(l.check, at, seconds, 1, maxGrace)
		}
	}
	h := handler{exec: probe.Exec, get: probe.HTTPGet, tcp: probe.TCPSocket, grpc: probe.GRPC}
	if l.exactlyOne(at, map[string]bool{"exec": h.exec != nil, "httpGet": h.get != nil, "tcpSocket": h.tcp != nil, "grpc": h.grpc != nil}) {
		l.handler(at, h)
	}
}

func (l lifeCheck) lifecycle(at *path, lifecycle *corev1.Lifecycle) {
	for _, hook := range []struct {
		name string
		*corev1.LifecycleHandler
	}{{"postStart", lifecycle.PostStart}, {"preStop", lifecycle.PreStop}} {
		if hook.LifecycleHandler == nil {
			continue
		}
		at := at.field(hook.name)
		h := handler{exec: hook.Exec, get: hook.HTTPGet, sleep: hook.Sleep}
		if l.exactlyOne(at, map[string]bool{"exec": h.exec != nil, "httpGet": h.get != nil, "sleep": h.sleep != nil}) {
			l.handler(at, h)
		}
	}
	if signal := lifecycle.StopSignal; signal != nil {
		l.stopSignal(at.field("stopSignal"), *signal)
	}
}

// stopSignal checks a signal's name. Kubernetes has a constant for each of them.
func (l lifeCheck) stopSignal(at *path, signal corev1.Signal) {
	known := stopSignals()
	if !slices.Contains(known, string(signal)) {
		name := "SIG" + strings.TrimPrefix(strings.ToUpper(string(signal)), "SIG")
		l.bad(at, "%s is not a signal%s", quote(string(signal)), didYouMean(name, known))
		return
	}
	if l.spec.OS == nil || l.spec.OS.Name == "" {
		l.note(l.place(at), at, "a cluster takes it only together with os: {name: linux}")
	}
}

func stopSignals() []string {
	known := strings.Fields(`SIGABRT SIGALRM SIGBUS SIGCHLD SIGCLD SIGCONT SIGFPE SIGHUP SIGILL SIGINT SIGIO SIGIOT SIGKILL SIGPIPE SIGPOLL
 SIGPROF SIGPWR SIGQUIT SIGSEGV SIGSTKFLT SIGSTOP SIGSYS SIGTERM SIGTRAP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGUSR1 SIGUSR2
 SIGVTALRM SIGWINCH SIGXCPU SIGXFSZ SIGRTMIN SIGRTMAX`)
	for n := 1; n <= 15; n++ {
		known = append(known, fmt.Sprintf("SIGRTMIN+%d", n))
	}
	for n := 14; n >= 1; n-- {
		known = append(known, fmt.Sprintf("SIGRTMAX-%d", n))
	}
	return known
}
