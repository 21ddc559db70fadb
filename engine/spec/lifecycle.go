package spec

import "time"

// Handler is what a probe or a hook does: exactly one of the kinds is set.
type Handler struct {
	Exec  []string       `json:"exec,omitempty"` // run in the container; may hold Late values
	HTTP  *HTTPGet       `json:"http,omitempty"`
	TCP   *TCPSocket     `json:"tcp,omitempty"`
	GRPC  *GRPC          `json:"grpc,omitempty"`
	Sleep *time.Duration `json:"sleep,omitempty"` // hooks only
}

// HTTPGet asks a server; 200 to 399 is success.
type HTTPGet struct {
	Scheme  string   `json:"scheme,omitempty"` // "HTTPS"; empty: HTTP
	Host    string   `json:"host,omitempty"`   // empty: the pod's address
	Port    uint16   `json:"port"`
	Path    string   `json:"path,omitempty"` // empty: "/"
	Headers []Header `json:"headers,omitempty"`
}

// Header is a line of an HTTP request's head.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// TCPSocket connects and closes.
type TCPSocket struct {
	Host string `json:"host,omitempty"` // empty: the pod's address
	Port uint16 `json:"port"`
}

// GRPC asks grpc.health.v1.Health/Check; SERVING is success.
type GRPC struct {
	Port    uint16 `json:"port"`
	Service string `json:"service,omitempty"`
}

// Probe asks again and again how a container does. Its numbers are never zero
// but for InitialDelay: translate puts in Kubernetes' defaults.
type Probe struct {
	Handler          Handler       `json:"handler"`
	InitialDelay     time.Duration `json:"initialDelay,omitempty"` // after the container's start
	Timeout          time.Duration `json:"timeout"`
	Period           time.Duration `json:"period"`
	SuccessThreshold int           `json:"successThreshold"` // so many successes in a row turn the result
	FailureThreshold int           `json:"failureThreshold"`
	// Grace replaces the pod's TerminationGrace where this probe's failure
	// ends the container.
	Grace *time.Duration `json:"grace,omitempty"`
}

// Lifecycle is what happens to a container beside its process.
type Lifecycle struct {
	Startup   *Probe `json:"startup,omitempty"`
	Liveness  *Probe `json:"liveness,omitempty"`
	Readiness *Probe `json:"readiness,omitempty"`

	PostStart *Handler `json:"postStart,omitempty"` // what starts later waits for it
	PreStop   *Handler `json:"preStop,omitempty"`   // before the stop signal, within the grace

	// MessagePath is where the container writes why it ended; empty:
	// DefaultMessagePath. LogFallback takes the end of its output where a failed
	// container wrote nothing there.
	MessagePath string `json:"messagePath,omitempty"`
	LogFallback bool   `json:"logFallback,omitempty"`

	RestartRules []RestartRule `json:"restartRules,omitempty"` // the first that matches wins over the policy
}

// DefaultMessagePath is where containers write why they ended.
const DefaultMessagePath = "/dev/termination-log"

// RestartRule restarts a container that ended with certain exit codes.
type RestartRule struct {
	All   bool    `json:"all,omitempty"` // every container of the pod, init containers again
	Not   bool    `json:"not,omitempty"` // the codes are those it does not apply to
	Codes []int32 `json:"codes"`
}

// Matches reports whether the rule applies to an exit code.
func (r RestartRule) Matches(code int) bool {
	for _, c := range r.Codes {
		if int(c) == code {
			return !r.Not
		}
	}
	return r.Not
}

// Gated reports whether the container's life is more than that of its process:
// whoever starts it has to keep a Life of it.
func (c *Container) Gated() bool {
	l := &c.Lifecycle
	return l.Startup != nil || l.Liveness != nil || l.Readiness != nil || l.PostStart != nil || c.Healthy() != nil
}

// Life is what a supervisor knows of a running container that no process tells.
// It lies on tmpfs and goes with the container.
type Life struct {
	Container ContainerID `json:"container"` // of another one it says nothing
	PostStart HookState   `json:"postStart,omitempty"`
	Started   bool        `json:"started,omitempty"` // the startup probe passed
	Ready     bool        `json:"ready,omitempty"`   // the readiness probe passes
	ReadyAt   time.Time   `json:"readyAt,omitzero"`  // when Ready last turned
	// Doomed is why the container is being ended; Kubernetes' reason, and a
	// sentence. It holds until the container is another one.
	Doomed *Doom         `json:"doomed,omitempty"`
	Health *HealthStatus `json:"health,omitempty"` // of a health check, nil where there is none
}

// Doom is the decision to end a container, though its pod goes on.
type Doom struct {
	Reason  string        `json:"reason"` // "Unhealthy", "FailedPostStartHook"
	Message string        `json:"message"`
	Grace   time.Duration `json:"grace"`
}

// HookState says how far a hook is.
//
//	HookNone ─▶ HookRunning ─┬▶ HookDone
//	                         └▶ HookFailed
type HookState string

// Hook states. One left running by a process that is gone is run again.
const (
	HookNone    HookState = ""
	HookRunning HookState = "running"
	HookDone    HookState = "done"
	HookFailed  HookState = "failed"
)

// Verdict ends a pod for good, whatever its containers do: evicted, past its
// deadline, refused. Only another object of its name follows.
type Verdict struct {
	Reason  string    `json:"reason"` // "Evicted", "DeadlineExceeded"
	Message string    `json:"message"`
	At      time.Time `json:"at"`
}

// Removal is that a pod is to be taken down and forgotten, whoever does so: the
// end of a pod takes a while, and others see it.
type Removal struct {
	Since   time.Time     `json:"since"`
	Grace   time.Duration `json:"grace"`             // how long its processes get to end
	Volumes bool          `json:"volumes,omitempty"` // those that have no name go, too
}

// ExecResult is how a command ended that was run in a container.
type ExecResult struct {
	ExitCode int
	Output   []byte // of both streams, the first 10 KiB
}
