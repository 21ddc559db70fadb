package kube

import corev1 "k8s.io/api/core/v1"

// defaultLife fills in the numbers of probes and what hooks and probes ask.
func defaultLife(c *corev1.Container) {
	for _, probe := range []*corev1.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
		if probe == nil {
			continue
		}
		ifZero(&probe.TimeoutSeconds, 1)
		ifZero(&probe.PeriodSeconds, 10)
		ifZero(&probe.SuccessThreshold, 1)
		ifZero(&probe.FailureThreshold, 3)
		defaultHTTPGet(probe.HTTPGet)
		if probe.GRPC != nil {
			ifNil(&probe.GRPC.Service, "")
		}
	}
	if c.Lifecycle == nil {
		return
	}
	for _, hook := range []*corev1.LifecycleHandler{c.Lifecycle.PostStart, c.Lifecycle.PreStop} {
		if hook != nil {
			defaultHTTPGet(hook.HTTPGet)
		}
	}
}

func defaultHTTPGet(get *corev1.HTTPGetAction) {
	if get != nil {
		ifZero(&get.Path, "/")
		ifZero(&get.Scheme, corev1.URISchemeHTTP)
	}
}
