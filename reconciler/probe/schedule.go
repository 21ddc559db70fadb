package probe

import (
	"hash/fnv"
	"time"

	"berth/engine/spec"
)

const (
	// settle is how old a container is before a failure counts: the kubelet
	// does not know of a new one sooner, since it looks once a second.
	settle = time.Second
	// hurry is the pause before the first try out of turn.
	hurry = 100 * time.Millisecond
)

// schedule says when one probe of one container is asked, and what its answers
// come to. It neither waits nor asks, and reads no clock.
//
// A probe is asked at its turns, a period apart, and only those count towards a
// failure. What a person waits for, that a new container has started or is
// ready, is also asked out of turn, ever less often, until a period has gone by:
//
//	start                      first turn                        second turn
//	  ├─·──·────·───────·──────────┼───────·──────·────────────·──────┼───
//	  initialDelay                 initialDelay, at least settle
//
// Those tries tell of success only.
type schedule struct {
	kind  Kind
	probe *spec.Probe

	at    time.Time // when it is asked next; zero before the gate opens
	turn  time.Time // the next turn
	extra bool      // at is out of turn
	pause time.Duration
	asked bool // there was a turn

	value Outcome
	last  Outcome // of the latest answer that counts
	run   int     // so many in a row were like the last
	held  bool    // there is nothing more to ask until the container is another one
}

// newSchedule is the schedule of a probe that waits for its gate. known says
// that a supervisor before this one saw it pass.
func newSchedule(kind Kind, probe *spec.Probe, known bool) schedule {
	s := schedule{kind: kind, probe: probe}
	switch {
	case known || kind == Liveness:
		s.value = Success
	case kind == Readiness:
		s.value = Failure
	}
	s.held = known && kind == Startup
	return s
}

// open begins asking. age is the container's; an adopted one has run for long
// without us, and what nobody waits for then is spread over a period, lest all
// pods be asked at a time.
func (s *schedule) open(now time.Time, age time.Duration, adopted bool, id spec.ContainerID) {
	left := func(delay time.Duration) time.Duration {
		return min(max(delay-age, 0), delay) // a clock that was set back makes no wait longer
	}
	s.turn = now.Add(left(max(s.probe.InitialDelay, settle)))
	s.at = s.turn
	switch {
	case adopted && s.value == Success:
		s.turn = s.turn.Add(phase(id, s.kind, s.probe.Period))
		s.at = s.turn
	case !adopted && s.kind != Liveness:
		s.pause = hurry
		s.at = now.Add(left(s.probe.InitialDelay))
		s.extra = s.at.Before(s.turn)
	}
}

// phase is where in a period a probe has its turns: anywhere, and always there.
func phase(id spec.ContainerID, kind Kind, period time.Duration) time.Duration {
	if period <= 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write(append([]byte(id), byte(kind))) // a hash takes everything
	return time.Duration(h.Sum64() % uint64(period))
}

// note takes an answer in: what turned, and whether an event is due. Where the
// probe could not be made, outcome is Unknown.
func (s *schedule) note(outcome Outcome) (turned, worth bool) {
	worth = outcome != Success
	if outcome == Warning {
		outcome = Success
	}
	switch {
	case s.extra && outcome != Success:
		return false, false
	case outcome == Unknown:
		return false, true
	}
	if s.last != outcome {
		s.last, s.run = outcome, 0
	}
	s.run++
	threshold := s.probe.SuccessThreshold
	if outcome == Failure {
		threshold = s.probe.FailureThreshold
	}
	if s.run < threshold {
		return false, worth
	}
	turned = s.value != outcome
	s.value = outcome
	s.held = s.kind == Startup || s.kind == Liveness && outcome == Failure
	return turned, worth
}

// advance finds the next time to ask.
func (s *schedule) advance(now time.Time) {
	if !s.extra {
		s.asked = true
		s.turn = s.turn.Add(s.probe.Period)
		s.skip(now)
	}
	if s.last == Success {
		s.pause = 0
	}
	s.at, s.extra = s.turn, false
	if s.pause == 0 {
		return
	}
	if at := now.Add(s.pause); at.Before(s.turn) {
		s.at, s.extra = at, true
		s.pause *= 2
	} else if s.asked {
		s.pause = 0
	}
}

// skip passes over turns that were missed, but for the last one: that is made up for.
func (s *schedule) skip(now time.Time) {
	if late := now.Sub(s.turn); late > 0 && s.probe.Period > 0 {
		s.turn = s.turn.Add(late.Truncate(s.probe.Period))
	}
}
