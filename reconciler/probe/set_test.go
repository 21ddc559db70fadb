package probe_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"berth/engine/spec"
	"berth/reconciler/probe"
)

// stage is a Set, a pod whose status the test writes, and what was asked and told.
type stage struct {
	*testing.T
	set    *probe.Set
	status spec.PodStatus
	begun  time.Time

	mu     sync.Mutex
	answer func(ctx context.Context) (spec.ExecResult, error)
	asked  []string // "1s check"
	told   []string // "1s Readiness=success: message"
	then   func(probe.Result)
}

// newStage has one running container "c", id "c1", with the probes given; each
// runs a command of its kind's name.
func newStage(t *testing.T, kinds ...probe.Kind) *stage {
	s := &stage{T: t, begun: time.Now()}
	s.fail(false)
	s.set = probe.NewSet(s, s.tell)
	t.Cleanup(s.set.Close)
	made := spec.Container{Name: "c"}
	for _, kind := range kinds {
		p := &spec.Probe{
			Handler: spec.Handler{Exec: []string{kind.String()}}, Period: 10 * time.Second,
			Timeout: time.Second, SuccessThreshold: 1, FailureThreshold: 3,
		}
		switch kind {
		case probe.Startup:
			made.Lifecycle.Startup = p
		case probe.Liveness:
			made.Lifecycle.Liveness = p
		case probe.Readiness:
			made.Lifecycle.Readiness = p
		}
	}
	s.status = spec.PodStatus{
		Pod: spec.Pod{ID: "pod", Containers: []spec.Container{made}}, Sandbox: spec.SandboxReady, IPs: []string{"10.0.0.2"},
		Containers: []spec.ContainerStatus{{ID: "c1", Name: "c", State: spec.StateRunning, StartedAt: s.begun}},
	}
	return s
}

func (s *stage) c() *spec.ContainerStatus { return &s.status.Containers[0] }

// sync hands a copy of the status over, as a look at the host does.
func (s *stage) sync() {
	copied := s.status
	copied.Containers = slices.Clone(s.status.Containers)
	s.set.Sync(&copied)
}

func (s *stage) since() string { return time.Since(s.begun).Round(100 * time.Millisecond).String() }

func (s *stage) RunInContainer(ctx context.Context, id spec.PodID, name string, command []string) (spec.ExecResult, error) {
	s.mu.Lock()
	s.asked = append(s.asked, s.since()+" "+strings.Join(command, " "))
	answer := s.answer
	s.mu.Unlock()
	if id != "pod" || name != "c" {
		return spec.ExecResult{}, errors.New("another container")
	}
	return answer(ctx)
}

func (s *stage) DialPod(ctx context.Context, _ spec.PodID, _, address string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, s.since()+" "+address)
	client, server := net.Pipe()
	return client, server.Close()
}

func (s *stage) tell(r probe.Result) {
	s.mu.Lock()
	line := s.since() + " " + string(r.ID) + " " + r.Kind.String()
	if r.Turned {
		line += fmt.Sprint("=", r.Value)
	}
	if r.Reason != "" {
		line += fmt.Sprintf(" %s: %s", r.Reason, r.Message)
	}
	if r.Doomed() {
		line += " (doomed)"
	}
	s.told = append(s.told, line)
	then := s.then
	s.mu.Unlock()
	if then != nil {
		then(r)
	}
}

// fail has commands fail, or succeed again.
func (s *stage) fail(fails bool) {
	s.answers(func(context.Context) (spec.ExecResult, error) {
		if fails {
			return spec.ExecResult{ExitCode: 1, Output: []byte("no")}, nil
		}
		return spec.ExecResult{}, nil
	})
}

// clear forgets what was asked and told.
func (s *stage) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked, s.told = nil, nil
}

// sorts puts what was asked at one time into an order.
func (s *stage) sorts() {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.asked)
}

// answers has commands end as f says.
func (s *stage) answers(f func(ctx context.Context) (spec.ExecResult, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

// hears has f called with what is told.
func (s *stage) hears(f func(probe.Result)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.then = f
}

// hang is a command that never ends.
func hang(ctx context.Context) (spec.ExecResult, error) {
	<-ctx.Done()
	return spec.ExecResult{}, ctx.Err()
}

// pass lets time go by, to a little after it.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// wants compares what was asked, or told, since the last time.
func (s *stage) wants(what string, got *[]string, want ...string) {
	s.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(*got, want) {
		s.Errorf("%s\n got %q\nwant %q", what, *got, want)
	}
	*got = nil
}

func play(t *testing.T, f func(t *testing.T)) { synctest.Test(t, f) }

func TestReadinessTurns(t *testing.T) {
	play(t, func(t *testing.T) {
		s := newStage(t, probe.Readiness)
		if _, ok := s.set.Results("pod", "c"); ok {
			t.Error("results of a container nobody has shown")
		}
		s.sync()
		s.wants("it is told that it turned, and no more", &s.told, "0s c1 Readiness=success")
		pass(12 * time.Second)
		s.wants("while nothing turns, nothing is told", &s.told)
		s.wants("each period", &s.asked, "0s Readiness", "1s Readiness", "11s Readiness")
		s.fail(true)
		pass(30 * time.Second)
		s.wants("each failure is an event, the third one turns it", &s.told, "21s c1 Readiness Unhealthy: Readiness probe failed: no",
			"31s c1 Readiness Unhealthy: Readiness probe failed: no", "41s c1 Readiness=failure Unhealthy: Readiness probe failed: no")
		s.fail(false)
		pass(10 * time.Second)
		s.wants("it goes on", &s.told, "51s c1 Readiness=success")
		if r, ok := s.set.Results("pod", "c"); !ok || r != (probe.Results{ID: "c1", Startup: probe.Unknown, Liveness: probe.Success, Readiness: probe.Success}) {
			t.Error(r, ok)
		}
	})
}

func TestInitialResults(t *testing.T) {
	play(t, func(t *testing.T) {
		s := newStage(t, probe.Startup, probe.Liveness, probe.Readiness)
		s.answers(hang)
		s.sync()
		if r, _ := s.set.Results("pod", "c"); r != (probe.Results{ID: "c1", Startup: probe.Unknown, Liveness: probe.Success, Readiness: probe.Failure}) {
			t.Error(r)
		}
	})
}

func TestStartupGatesTheOthers(t *testing.T) {
	play(t, func(t *testing.T) {
		s := newStage(t, probe.Startup, probe.Liveness, probe.Readiness)
		s.fail(true)
		s.sync()
		pass(1500 * time.Millisecond)
		s.wants("only startup is asked", &s.asked, "0s Startup", "100ms Startup", "300ms Startup", "700ms Startup", "1s Startup")
		s.wants("what is asked out of turn is not told", &s.told, "1s c1 Startup Unhealthy: Startup probe failed: no")
		s.fail(false)
		s.hears(func(r probe.Result) { // what a pod's worker does
			if r.Kind == probe.Startup && r.Value == probe.Success {
				s.c().Life = &spec.Life{Container: r.ID, Started: true}
				s.sync()
			}
		})
		pass(time.Second)
		s.sorts()
		s.wants("as soon as it has passed the others begin, and it is not asked again", &s.asked, "1.8s Liveness", "1.8s Readiness", "1.8s Startup")
		s.wants("told", &s.told, "1.8s c1 Startup=success", "1.8s c1 Readiness=success")
		pass(10 * time.Second)
		s.sorts()
		s.wants("on they go", &s.asked, "11.8s Liveness", "11.8s Readiness")
	})
}

func TestPostStartGatesAll(t *testing.T) {
	play(t, func(t *testing.T) {
		s := newStage(t, probe.Startup, probe.Readiness)
		s.status.Pod.Containers[0].Lifecycle.PostStart = &spec.Handler{Exec: []string{"hook"}}
		s.sync()
		for _, state := range []spec.HookState{spec.HookRunning, spec.HookFailed} {
			s.c().Life = &spec.Life{Container: "c1", PostStart: state}
			s.sync()
			pass(20 * time.Second)
		}
		s.wants("nothing before the hook is done", &s.asked)
		s.c().Life = &spec.Life{Container: "c1", PostStart: spec.HookDone}
		s.sync()
		s.wants("then at once", &s.asked, "40s Startup")
	})
}

func TestLivenessFailureHoldsUntilAnotherContainer(t *testing.T) {
	for _, kind := range []probe.Kind{probe.Liveness, probe.Startup} {
		play(t, func(t *testing.T) {
			s := newStage(t, kind)
			s.fail(true)
			s.sync()
			pass(5 * time.Minute)
			name := kind.String()
			text := fmt.Sprintf("c1 %s Unhealthy: %s probe failed: no", name, name)
			s.wants("the third failure dooms it, once", &s.told, "1s "+text, "11s "+text,
				fmt.Sprintf("21s c1 %s=failure Unhealthy: %s probe failed: no (doomed)", name, name))
			s.clear()
			s.sync()
			pass(time.Minute)
			s.wants("held", &s.asked)
			s.fail(false)
			s.c().ID, s.c().StartedAt = "c2", time.Now()
			s.sync()
			pass(2 * time.Second)
			if kind == probe.Startup {
				s.wants("another container is asked", &s.asked, "6m0s Startup")
				s.wants("", &s.told, "6m0s c2 Startup=success")
			} else {
				s.wants("another container is asked", &s.asked, "6m1s Liveness")
			}
		})
	}
}

// TestAdoption: what an earlier supervisor knew goes on.
func TestAdoption(t *testing.T) {
	play(t, func(t *testing.T) {
		s := newStage(t, probe.Startup, probe.Liveness, probe.Readiness)
		s.c().StartedAt = s.begun.Add(-time.Hour)
		s.c().Life = &spec.Life{Container: "c1", Started: true, Ready: true}
		s.sync()
		if r, _ := s.set.Results("pod", "c"); r != (probe.Results{ID: "c1", Startup: probe.Success, Liveness: probe.Success, Readiness: probe.Success}) {
			t.Error(r)
		}
		s.wants("nobody waits for it", &s.asked)
		pass(10 * time.Second)
		s.sorts()
		s.wants("but in its time", &s.asked, "1.9s Readiness", "3.4s Liveness")
		s.wants("nothing turned", &s.told)
	})
	play(t, func(t *testing.T) {
		s := newStage(t, probe.Liveness, probe.Readiness)
		s.c().Life = &spec.Life{Container: "c1", Doomed: &spec.Doom{Reason: "Unhealthy"}}
		s.sync()
		pass(5 * time.Second)
		s.wants("a doomed container is not doomed again", &s.asked, "0s Readiness", "1s Readiness")
	})
	play(t, func(t *testing.T) {
		s := newStage(t, probe.Startup)
		s.c().Life = &spec.Life{Container: "c0", Started: true}
		s.sync()
		s.wants("what was known of the container before is nothing", &s.asked, "0s Startup")
	})
}

func TestEnding(t *testing.T) {
	ways := map[string]func(*stage){
		"said":        func(s *stage) { s.set.Ending("pod") },
		"stopped":     func(s *stage) { s.status.Stopped = true },
		"one stopped": func(s *stage) { s.c().Stopped = true },
		"verdict":     func(s *stage) { s.status.Verdict = &spec.Verdict{Reason: "Evicted"} },
	}
	for name, end := range ways {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T) {
				s := newStage(t, probe.Liveness, probe.Readiness)
				s.sync()
				pass(2 * time.Second)
				s.clear()
				end(s)
				s.sync()
				pass(20 * time.Second)
				s.wants("only readiness goes on", &s.asked, "11s Readiness", "21s Readiness")
			})
		})
	}
	play(t, func(t *testing.T) {
		s := newStage(t, probe.Startup)
		s.fail(true)
		s.sync()
		pass(2 * time.Second)
		s.clear()
		s.set.Ending("pod")
		s.sync()
		pass(time.Minute)
		s.wants("startup does not", &s.asked)
	})
}

func TestNothingIsAskedOf(t *testing.T) {
	for name, change := range map[string]func(*stage){
		"a container that has ended":     func(s *stage) { s.c().State = spec.StateExited },
		"one that is paused":             func(s *stage) { s.c().State = spec.StatePaused },
		"one whose sandbox is lost":      func(s *stage) { s.status.Sandbox = spec.SandboxLost },
		"one that is not in the pod":     func(s *stage) { s.status.Containers = nil },
		"a pod that is gone":             func(s *stage) { s.set.Forget("pod"); s.status.Pod.ID = "other"; s.status.Containers = nil },
		"anything after the Set's close": func(s *stage) { s.set.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T) {
				s := newStage(t, probe.Readiness)
				s.sync()
				pass(2 * time.Second)
				s.clear()
				change(s)
				s.sync()
				pass(time.Minute)
				s.wants("nothing", &s.asked)
			})
		})
	}
}

func TestPausedGoesOnWhenItRuns(t *testing.T) {
	play(t, func(t *testing.T) {
		s := newStage(t, probe.Readiness)
		s.sync()
		pass(2 * time.Second)
		s.c().State = spec.StatePaused
		s.sync()
		pass(33 * time.Second)
		if r, ok := s.set.Results("pod", "c"); !ok || r.Readiness != probe.Success {
			t.Error("a pause is no failure:", r, ok)
		}
		s.clear()
		s.c().State = spec.StateRunning
		s.sync()
		pass(20 * time.Second)
		s.wants("what was missed once, then in its rhythm", &s.asked, "35s Readiness", "41s Readiness", "51s Readiness")
	})
}

// TestGivenUp: nothing is told of a container that is not probed any more, though an answer was on its way.
func TestGivenUp(t *testing.T) {
	for name, change := range map[string]func(*stage){
		"ended":     func(s *stage) { s.c().State = spec.StateExited; s.sync() },
		"replaced":  func(s *stage) { s.c().ID = "c2"; s.sync() },
		"forgotten": func(s *stage) { s.set.Forget("pod") },
		"closed":    func(s *stage) { s.set.Close() },
		"ending":    func(s *stage) { s.set.Ending("pod") },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(t *testing.T) {
				s := newStage(t, probe.Liveness)
				s.status.Pod.Containers[0].Lifecycle.Liveness.FailureThreshold = 1
				s.status.Pod.Containers[0].Lifecycle.Liveness.Timeout = time.Hour
				s.answers(func(ctx context.Context) (spec.ExecResult, error) {
					<-ctx.Done()
					return spec.ExecResult{ExitCode: 1}, nil
				})
				s.sync()
				pass(1500 * time.Millisecond)
				s.wants("it is under way", &s.asked, "1s Liveness")
				change(s)
				synctest.Wait()
				s.wants("nothing is told", &s.told)
			})
		})
	}
}

func TestProbeThatCannotBeMade(t *testing.T) {
	play(t, func(t *testing.T) {
		s := newStage(t, probe.Readiness)
		s.sync()
		pass(2 * time.Second)
		s.answers(func(context.Context) (spec.ExecResult, error) { return spec.ExecResult{}, errGone })
		s.clear()
		pass(10 * time.Second)
		s.wants("three tries", &s.asked, "11s Readiness", "11s Readiness", "11s Readiness")
		s.wants("an event, and no result", &s.told, "11s c1 Readiness Unhealthy: Readiness probe errored and resulted in unknown state: no such container")
		pass(100 * time.Second)
		if r, _ := s.set.Results("pod", "c"); r.Readiness != probe.Success {
			t.Error("errors turned it")
		}
	})
}

func TestProbeSlowerThanItsTimeout(t *testing.T) {
	play(t, func(t *testing.T) {
		s := newStage(t, probe.Liveness)
		s.answers(hang)
		s.sync()
		pass(time.Minute)
		const text = `Unhealthy: Liveness probe failed: command "Liveness" timed out`
		s.wants("it fails by its time-out", &s.told, "2s c1 Liveness "+text, "12s c1 Liveness "+text, "22s c1 Liveness=failure "+text+" (doomed)")
	})
}

func TestWarning(t *testing.T) {
	play(t, func(t *testing.T) {
		s := newStage(t, probe.Readiness)
		s.status.Pod.Containers[0].Lifecycle.Readiness.Handler = spec.Handler{HTTP: &spec.HTTPGet{Port: 80}}
		s.set = probe.NewSet(redirecting{s}, s.tell)
		s.sync()
		const text = "ProbeWarning: Readiness probe warning: Probe terminated redirects, Response body: gone"
		s.wants("a warning is a success with an event", &s.told, "0s c1 Readiness=success "+text)
		s.set.Close()
	})
}

// redirecting is a pod whose server sends to another one.
type redirecting struct{ *stage }

func (redirecting) DialPod(context.Context, spec.PodID, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	go func() { // ends with the answer
		defer server.Close()
		_, _ = server.Read(make([]byte, 1<<10))
		_, _ = server.Write([]byte("HTTP/1.1 302 Found\r\nLocation: http://other/\r\nContent-Length: 4\r\nConnection: close\r\n\r\ngone"))
	}()
	return client, nil
}

func TestAddressOfThePod(t *testing.T) {
	play(t, func(t *testing.T) {
		s := newStage(t, probe.Readiness)
		s.status.Pod.Containers[0].Lifecycle.Readiness.Handler = spec.Handler{TCP: &spec.TCPSocket{Port: 80}}
		s.sync()
		s.wants("the first", &s.asked, "0s 10.0.0.2:80")
		s.status.IPs = []string{"fd00::2", "10.0.0.3"}
		s.sync()
		pass(time.Second)
		s.wants("as it is when it is asked", &s.asked, "1s [fd00::2]:80")
	})
}

func TestSidecarsAreProbed(t *testing.T) {
	play(t, func(t *testing.T) {
		s := newStage(t, probe.Startup)
		s.status.Pod.InitContainers, s.status.Pod.Containers = s.status.Pod.Containers, nil
		s.c().Init = true
		s.sync()
		s.wants("asked", &s.told, "0s c1 Startup=success")
	})
}

func TestSyncIsIdempotent(t *testing.T) {
	play(t, func(t *testing.T) {
		s := newStage(t, probe.Liveness, probe.Readiness)
		for range 100 {
			s.sync()
		}
		pass(5 * time.Second)
		for range 100 {
			s.sync()
		}
		pass(10 * time.Second)
		s.sorts()
		s.wants("as often as once", &s.asked, "0s Readiness", "11s Liveness", "11s Readiness", "1s Liveness", "1s Readiness")
	})
}

// TestTogether has the race detector look at all of it.
func TestTogether(t *testing.T) {
	play(t, func(t *testing.T) {
		s := newStage(t, probe.Liveness, probe.Readiness, probe.Startup)
		s.status.Pod.Containers[0].Lifecycle.Readiness.Period = time.Millisecond
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for n := range 200 {
					mine := s.status
					mine.Containers = slices.Clone(s.status.Containers)
					c := &mine.Containers[0]
					c.ID = spec.ContainerID(fmt.Sprint("c", (n+i)%3))
					c.Life = &spec.Life{Container: c.ID, Started: n%2 == 0}
					s.set.Sync(&mine)
					s.set.Results("pod", "c")
					if n%50 == 49 {
						s.set.Ending("pod")
						s.set.Forget("pod")
					}
					time.Sleep(time.Duration(i+1) * 300 * time.Microsecond)
				}
			})
		}
		wg.Wait()
	})
}
