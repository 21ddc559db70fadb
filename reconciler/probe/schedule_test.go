package probe

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/engine/spec"
)

func second(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

// after answers with failure before so many seconds and success then.
func after(s float64) func(time.Duration) Outcome {
	return func(at time.Duration) Outcome {
		if at < second(s) {
			return Failure
		}
		return Success
	}
}

func always(o Outcome) func(time.Duration) Outcome { return func(time.Duration) Outcome { return o } }

// in answers in turn, and with the last for ever.
func in(list ...Outcome) func(time.Duration) Outcome {
	return func(time.Duration) Outcome {
		o := list[0]
		if len(list) > 1 {
			list = list[1:]
		}
		return o
	}
}

// TestSchedule reads: the times a probe is asked at since its gate opened, "+"
// before those out of turn, and what turned.
func TestSchedule(t *testing.T) {
	p := func(initial, period float64, success, failure int) *spec.Probe {
		return &spec.Probe{InitialDelay: second(initial), Period: second(period), SuccessThreshold: success, FailureThreshold: failure, Timeout: time.Second}
	}
	for _, c := range []struct {
		name   string
		kind   Kind
		probe  *spec.Probe
		age    float64 // of the container, when the gate opens
		known  bool    // an earlier supervisor saw it pass
		answer func(time.Duration) Outcome
		until  float64
		want   string
	}{
		{"readiness is asked as the container starts, and then each period", Readiness, p(0, 10, 1, 3), 0, false, always(Success), 32,
			"+0s=success 1s 11s 21s 31s"},
		{"a new container is not waited for a whole period", Readiness, p(0, 10, 1, 3), 0, false, after(0.5), 12,
			"+0s +100ms +300ms +700ms=success 1s 11s"},
		{"out of turn only until a period has gone by, ever less often", Readiness, p(0, 10, 1, 3), 0, false, always(Failure), 32,
			"+0s +100ms +300ms +700ms 1s +1.8s +3.4s +6.6s 11s 21s 31s"},
		{"initialDelay counts from the start", Readiness, p(5, 10, 1, 3), 2, false, always(Success), 14, "3s=success 13s"},
		{"one that is over is none", Readiness, p(5, 10, 1, 3), 7, false, always(Success), 12, "0s=success 10s"},
		{"a clock that was set back makes it no longer", Readiness, p(5, 10, 1, 3), -3600, false, always(Success), 7, "5s=success"},
		{"readiness turns after so many failures in a row", Readiness, p(0, 10, 1, 3), 0, false,
			in(Success, Failure, Failure, Success, Failure, Failure, Failure, Failure, Success), 72, "+0s=success 1s 11s 21s 31s 41s 51s=failure 1m1s 1m11s=success"},
		{"and after so many successes in a row", Readiness, p(0, 10, 3, 3), 0, false,
			in(Success, Success, Failure, Success, Success, Success), 52, "+0s 1s 11s 21s 31s 41s=success 51s"},
		{"an answer that could not be had counts for nothing", Readiness, p(0, 10, 1, 2), 0, false,
			in(Success, Failure, Unknown, Failure), 32, "+0s=success 1s 11s 21s=failure 31s"},
		{"a warning is a success", Readiness, p(0, 10, 1, 2), 0, false, always(Warning), 12, "+0s=success 1s 11s"},

		{"liveness has its first turn when the kubelet would know of the container", Liveness, p(0, 10, 1, 3), 0, false, always(Success), 22, "1s 11s 21s"},
		{"liveness that fails dooms once, and is not asked any more", Liveness, p(0, 10, 1, 3), 0, false, always(Failure), 100, "1s 11s 21s=failure"},
		{"liveness counts afresh after a success", Liveness, p(0, 10, 1, 2), 0, false, in(Failure, Success, Failure, Failure), 100, "1s 11s 21s 31s=failure"},
		{"liveness after a long startup is asked at once", Liveness, p(0, 10, 1, 3), 9, false, always(Success), 12, "0s 10s"},

		{"startup is over with its success", Startup, p(0, 10, 1, 3), 0, false, after(0.2), 100, "+0s +100ms +300ms=success"},
		{"what is asked out of turn fails nothing", Startup, p(0, 1, 1, 3), 0, false, always(Failure), 100,
			"+0s +100ms +300ms +700ms 1s +1.8s 2s 3s=failure"},
		{"one failure is one failure", Startup, p(0, 10, 1, 1), 0, false, always(Failure), 100, "+0s +100ms +300ms +700ms 1s=failure"},
		{"startup that passed before us is not asked", Startup, p(0, 10, 1, 3), 60, true, always(Failure), 100, ""},

		{"adopted and not ready: at once", Readiness, p(0, 10, 1, 3), 60, false, always(Success), 12, "0s=success 10s"},
		{"adopted and ready: some time within a period", Readiness, p(0, 10, 1, 3), 60, true, always(Success), 22, "3s 13s"},
		{"adopted liveness too", Liveness, p(0, 10, 1, 3), 60, false, always(Success), 22, "4.5s 14.5s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSchedule(c.kind, c.probe, c.known)
			begun := time.Unix(1e9, 0)
			now := begun
			if !s.held {
				s.open(now, second(c.age), second(c.age) > c.probe.Period, "0123")
			}
			var got []string
			for !s.held {
				if now = s.at; now.Sub(begun) > second(c.until) {
					break
				}
				line := now.Sub(begun).Round(100 * time.Millisecond).String()
				if s.extra {
					line = "+" + line
				}
				turned, _ := s.note(c.answer(now.Sub(begun)))
				if turned {
					line += fmt.Sprint("=", s.value)
				}
				got = append(got, line)
				s.advance(now)
			}
			if line := strings.Join(got, " "); line != c.want {
				t.Errorf("\n got %s\nwant %s", line, c.want)
			}
		})
	}
}

// TestScheduleOfSlowProbes: turns that were missed are made up for once, and the rhythm stays.
func TestScheduleOfSlowProbes(t *testing.T) {
	s := newSchedule(Liveness, &spec.Probe{Period: time.Second, FailureThreshold: 99, SuccessThreshold: 1}, false)
	begun := time.Unix(1e9, 0)
	s.open(begun, time.Minute, false, "x")
	var got []time.Duration
	for range 4 {
		got = append(got, s.at.Sub(begun))
		s.note(Failure)
		s.advance(s.at.Add(2500 * time.Millisecond)) // the answer takes so long
	}
	if want := []time.Duration{0, second(2), second(4), second(6)}; !slices.Equal(got, want) {
		t.Errorf("asked at %v, want %v", got, want)
	}
}

func TestPhasesAreSpread(t *testing.T) {
	const period = 10 * time.Second
	var seen [10]int
	for i := range 1000 {
		at := phase(spec.ContainerID(fmt.Sprintf("%064x", i)), Readiness, period)
		if at < 0 || at >= period {
			t.Fatal(at)
		}
		seen[at/time.Second]++
	}
	for i, n := range seen {
		if n < 50 || n > 200 {
			t.Errorf("%d of 1000 in second %d: %v", n, i, seen)
		}
	}
}
