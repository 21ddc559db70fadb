package spec

import (
	"cmp"
	"time"
)

// Health is a health check as podman and Docker know it, run in the container.
type Health struct {
	Off  bool     `json:"off,omitempty"`
	Test []string `json:"test,omitempty"` // what runs; empty: the image's, and the next four are where they are 0

	Interval    time.Duration `json:"interval,omitempty"` // negative: only when it is asked for
	Timeout     time.Duration `json:"timeout,omitempty"`
	StartPeriod time.Duration `json:"startPeriod,omitempty"` // failures in it do not count
	Retries     int           `json:"retries,omitempty"`     // so many failures in a row make it unhealthy

	OnFailure HealthAction   `json:"onFailure,omitempty"`
	Startup   *StartupHealth `json:"startup,omitempty"`

	LogDir  string `json:"logDir,omitempty"`  // empty: with the container; HealthLogEvents
	MostLog int    `json:"mostLog,omitempty"` // so many results are kept; 0: 5, -1: any number
	MaxLog  int    `json:"maxLog,omitempty"`  // so many characters of each; 0: 500, -1: any number
}

// HealthLogEvents says in place of a folder that each result is an event, too.
const HealthLogEvents = "events_logger"

// Defaults of a health check, as podman's and Docker's.
const (
	defaultHealthInterval = 30 * time.Second
	defaultHealthTimeout  = 30 * time.Second
	defaultHealthRetries  = 3
)

// On is the check as it is made in a container of an image that has a check of
// its own, or nil: what is not said here is the image's, and else the default.
// It is nil where nothing is to be asked; that something was to become of it all
// the same stays, for whoever refuses that.
func (h *Health) On(image *Health) *Health {
	if h == nil {
		h = &Health{}
	}
	if h.Off {
		return nil
	}
	out := *h
	if len(out.Test) == 0 && image != nil {
		out.Test = image.Test
		out.Interval = cmp.Or(out.Interval, image.Interval)
		out.Timeout = cmp.Or(out.Timeout, image.Timeout)
		out.StartPeriod = cmp.Or(out.StartPeriod, image.StartPeriod)
		out.Retries = cmp.Or(out.Retries, image.Retries)
	}
	if out.Idle() {
		return &out
	}
	if len(out.Test) == 0 {
		return nil
	}
	out.Interval = cmp.Or(out.Interval, defaultHealthInterval)
	out.Timeout = cmp.Or(out.Timeout, defaultHealthTimeout)
	out.Retries = cmp.Or(out.Retries, defaultHealthRetries)
	return &out
}

// Idle reports whether something is to become of a check there is none of.
func (h *Health) Idle() bool {
	return h != nil && !h.Off && len(h.Test) == 0 && (h.OnFailure != HealthNone || h.Startup != nil)
}

// DockerTest is a command as health checks of Docker's form have it.
func DockerTest(command []string) []string {
	if len(command) == 3 && command[0] == "/bin/sh" && command[1] == "-c" {
		return []string{"CMD-SHELL", command[2]}
	}
	return append([]string{"CMD"}, command...)
}

// Healthy is the container's health check; nil: it has none.
func (c *Container) Healthy() *Health {
	if c.ByHand == nil || c.ByHand.Health == nil || c.ByHand.Health.Off || len(c.ByHand.Health.Test) == 0 {
		return nil
	}
	return c.ByHand.Health
}

// StartupHealth is asked until it has passed; only then the other is.
type StartupHealth struct {
	Test      []string      `json:"test"`
	Interval  time.Duration `json:"interval,omitempty"` // negative: only when it is asked for
	Timeout   time.Duration `json:"timeout,omitempty"`
	Retries   int           `json:"retries,omitempty"`   // so many failures restart the container; 0: none does
	Successes int           `json:"successes,omitempty"` // so many in a row it takes; 0: one
}

// HealthAction is what becomes of a container that is not healthy.
type HealthAction string

// What can become of it.
const (
	HealthNone    HealthAction = ""
	HealthKill    HealthAction = "kill"
	HealthRestart HealthAction = "restart"
	HealthStop    HealthAction = "stop"
)

// HealthState is how a container with a health check does.
type HealthState string

// Health states.
const (
	HealthStarting  HealthState = "starting"
	HealthHealthy   HealthState = "healthy"
	HealthUnhealthy HealthState = "unhealthy"
)

// HealthStatus is what its health check has said of a container.
type HealthStatus struct {
	State         HealthState    `json:"state"`
	FailingStreak int            `json:"failingStreak"`
	StartupPassed bool           `json:"startupPassed,omitempty"`
	Successes     int            `json:"successes,omitempty"` // in a row, of the check at the start
	Log           []HealthResult `json:"log,omitempty"`       // the newest last
}

// HealthResult is one run of a health check.
type HealthResult struct {
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	ExitCode int       `json:"exitCode"`
	Output   string    `json:"output"`
}
