package probe

import (
	"fmt"

	"berth/engine/spec"
)

// Kind says what a probe is asked for.
type Kind int

// Kinds.
const (
	Startup   Kind = iota // the others wait until it has passed; its failure ends the container
	Liveness              // its failure ends the container
	Readiness             // whether the container may be given work
	kinds
)

// String is the kubelet's word for it.
func (k Kind) String() string {
	switch k {
	case Startup:
		return "Startup"
	case Liveness:
		return "Liveness"
	case Readiness:
		return "Readiness"
	}
	return fmt.Sprintf("Kind(%d)", int(k))
}

// Reasons of the events that tell of probes.
const (
	UnhealthyReason = "Unhealthy"
	WarningReason   = "ProbeWarning"
)

// Result is news of a probe: its value has turned, or there is an event to
// record, or both.
type Result struct {
	Pod       spec.PodID
	Container string // its name
	ID        spec.ContainerID
	Kind      Kind
	Value     Outcome // Success, Failure, or Unknown before the first result
	Turned    bool    // Value was another before
	Reason    string  // of the event; empty: there is none
	Message   string
}

// Doomed reports whether the container is to be ended for it.
func (r Result) Doomed() bool { return r.Turned && r.Value == Failure && r.Kind != Readiness }

// event is the kubelet's event about a probe.
// https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/kubelet/prober/prober.go
func event(kind Kind, outcome Outcome, message string, err error) (reason, text string) {
	switch {
	case err != nil:
		return UnhealthyReason, fmt.Sprintf("%s probe errored and resulted in %s state: %v", kind, outcome, err)
	case outcome == Failure:
		return UnhealthyReason, fmt.Sprintf("%s probe failed: %s", kind, message)
	case outcome == Warning:
		return WarningReason, fmt.Sprintf("%s probe warning: %s", kind, message)
	}
	return "", ""
}

// Results are the present values of a container's probes. One that it does not
// have, or that has not run yet, has the value it begins with: Unknown for
// Startup, Success for Liveness, Failure for Readiness.
type Results struct {
	ID                           spec.ContainerID
	Startup, Liveness, Readiness Outcome
}
