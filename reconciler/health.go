package reconciler

import (
	"cmp"
	"time"
	"unicode/utf8"

	"berth/engine/spec"
)

// What is kept of the results of a health check where nobody says otherwise, as
// in podman, and what is kept at most.
const (
	healthLog     = 5
	healthLogMost = 1000
	healthOutput  = 500
)

// withHealth settles the health check of a container made by hand, whose image
// has one of its own, or nil.
func withHealth(h *spec.ByHand, image *spec.Health) *spec.ByHand {
	if h == nil || h.Health == nil && image == nil {
		return h
	}
	out := *h
	out.Health = h.Health.On(image)
	return &out
}

// startingUp reports whether it is the check at the start that is made next.
func startingUp(h *spec.Health, was spec.HealthStatus) bool {
	return h.Startup != nil && !was.StartupPassed
}

// nextCheck is what is run next to find out how a container does, how long it may
// take and how long after the last time; a pause below 0 is until somebody asks.
func nextCheck(h *spec.Health, was spec.HealthStatus) (test []string, limit, pause time.Duration) {
	if startingUp(h, was) {
		return h.Startup.Test, h.Startup.Timeout, h.Startup.Interval
	}
	return h.Test, h.Timeout, h.Interval
}

// checked is how a container does after another result, and what is to become of
// it, as podman has it. It is pure.
//
//	           a success (of the check at the start: so many, then go on)
//	starting ──────────────▶ healthy
//	   │                      ▲    │  Retries failures in a row; those of the
//	   └────▶ unhealthy ──────┘◀───┘  start period do not count
func checked(h *spec.Health, was spec.HealthStatus, r spec.HealthResult, startedAt time.Time) (spec.HealthStatus, spec.HealthAction) {
	now := was
	now.State = cmp.Or(was.State, spec.HealthStarting)
	now.Log = logged(h, was.Log, r)
	passed := r.ExitCode == 0
	switch {
	case startingUp(h, was) && passed:
		if now.Successes++; now.Successes >= max(h.Startup.Successes, 1) {
			now.StartupPassed, now.FailingStreak = true, 0
		}
	case startingUp(h, was):
		now.Successes = 0
		now.FailingStreak++
		if h.Startup.Retries > 0 && now.FailingStreak >= h.Startup.Retries {
			now.FailingStreak = 0
			return now, spec.HealthRestart
		}
	case passed:
		now.State, now.FailingStreak = spec.HealthHealthy, 0
	case now.State == spec.HealthStarting && r.End.Sub(startedAt) < h.StartPeriod:
	default:
		if now.FailingStreak++; now.FailingStreak >= h.Retries {
			now.State = spec.HealthUnhealthy
			return now, h.OnFailure
		}
	}
	return now, spec.HealthNone
}

// logged is the log with another result, as long as it may be.
func logged(h *spec.Health, log []spec.HealthResult, r spec.HealthResult) []spec.HealthResult {
	if most := cmp.Or(h.MaxLog, healthOutput); most > 0 && len(r.Output) > most {
		r.Output = r.Output[:runeStart(r.Output, most)]
	}
	most := cmp.Or(h.MostLog, healthLog)
	if most < 0 {
		most = healthLogMost
	}
	out := append(append([]spec.HealthResult(nil), log...), r)
	return out[max(0, len(out)-most):]
}

// runeStart is the last place up to at where a character begins; in what is no text
// it is at.
func runeStart(s string, at int) int {
	for i := at; i > max(at-utf8.UTFMax, 0); i-- {
		if utf8.RuneStart(s[i]) {
			return i
		}
	}
	return at
}

// healthOf is what is known of how a container does: at first that it starts.
func healthOf(c *spec.ContainerStatus) spec.HealthStatus {
	if h := lifeOf(c).Health; h != nil {
		return *h
	}
	return spec.HealthStatus{State: spec.HealthStarting}
}
