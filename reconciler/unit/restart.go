package unit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
)

// statuses are ways to end that a unit lists: exit codes and signals.
type statuses []int

// signalBase is what an exit code is above the signal that killed the process.
const signalBase = 128

// parseStatuses reads exit codes and signals. Of a container that a signal kills
// only the exit code is known, so a signal stands for that.
func parseStatuses(text string) (statuses, error) {
	var out statuses
	for word := range strings.FieldsSeq(text) {
		if n, err := strconv.Atoi(word); err == nil && n >= 0 && n <= 255 {
			out = append(out, n)
			continue
		}
		name := word
		if !strings.HasPrefix(name, "SIG") {
			name = "SIG" + name
		}
		sig := unix.SignalNum(name)
		if sig == 0 {
			return nil, fmt.Errorf("%q is no exit code and no signal", word)
		}
		out = append(out, signalBase+int(sig))
	}
	return out, nil
}

// restarting is when a unit that has ended is started again.
type restarting struct {
	on             string // Restart=: no, always, on-failure, …
	delay          time.Duration
	steps          int           // over how many restarts the delay grows
	longest        time.Duration // to this
	success        statuses
	prevent, force statuses
	direct         bool          // RestartMode=: what is bound to it stays up meanwhile
	interval       time.Duration // StartLimitIntervalSec=
	burst          int
}

// restartWords are what Restart= takes.
func restartWords() []string {
	return []string{"no", "always", "on-success", "on-failure", "on-abnormal", "on-abort", "on-watchdog"}
}

// clean reports whether an exit code is one of success.
func (r *restarting) clean(code int) bool { return code == 0 || slices.Contains(r.success, code) }

// again reports whether a unit that came out so is started again:
// systemd.service(5), the table of Restart=.
func (r *restarting) again(result spec.UnitResult, code int) bool {
	ended := result == spec.UnitSuccess || result == spec.UnitExitCode
	switch {
	case ended && slices.Contains(r.prevent, code):
		return false
	case ended && slices.Contains(r.force, code):
		return true
	}
	switch r.on {
	case "always":
		return result != spec.UnitCondition
	case "on-success":
		return result == spec.UnitSuccess
	case "on-failure":
		return result != spec.UnitSuccess
	case "on-abnormal":
		return result == spec.UnitSignal || result == spec.UnitTimeout
	case "on-abort":
		return result == spec.UnitSignal
	}
	return false // no; on-watchdog: there is no watchdog without systemd
}

// wait is how long the n-th restart in a row waits, from 0.
func (r *restarting) wait(n int) time.Duration {
	if r.steps <= 0 || r.longest <= r.delay || r.delay <= 0 {
		return r.delay
	}
	if n >= r.steps {
		return r.longest
	}
	grown := float64(r.longest-r.delay) * float64(n) / float64(r.steps)
	return r.delay + time.Duration(grown)
}

// counted are those of the starts that count against the limit now.
func (r *restarting) counted(starts []time.Time, now time.Time) []time.Time {
	return slices.DeleteFunc(slices.Clone(starts), func(at time.Time) bool { return now.Sub(at) >= r.interval })
}

// tooOften reports whether another start now is one too many.
func (r *restarting) tooOften(starts []time.Time, now time.Time) bool {
	return r.burst > 0 && r.interval > 0 && len(r.counted(starts, now)) >= r.burst
}
