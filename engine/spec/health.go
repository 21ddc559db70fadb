package spec

import "time"

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
	Log           []HealthResult `json:"log,omitempty"` // the newest last
}

// HealthResult is one run of a health check.
type HealthResult struct {
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	ExitCode int       `json:"exitCode"`
	Output   string    `json:"output"`
}
