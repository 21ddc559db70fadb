package probe

import (
	"context"
	"sync"
	"time"

	"berth/engine/spec"
)

// tries is how often a probe that cannot be made is tried before its turn is
// given up, as in the kubelet.
const tries = 3

// Set runs the probes of all pods. Its zero value is of no use.
//
// Each probe goes through the same states, all under the Set's lock:
//
//	          Sync: wanted                    its time comes
//	at rest ───────────────▶ timer is set ────────────────────▶ asked
//	   ▲                       │      ▲                         │   │
//	   ├── Sync: not wanted ───┘      └───── answer, told ──────┘   │
//	   └── Sync: not wanted (given up), the answer held it ─────────┘
type Set struct {
	reach Reach
	tell  func(Result)

	mu     sync.Mutex
	pods   map[spec.PodID]map[string]*container
	closed bool
	asking sync.WaitGroup
}

// container is one whose probes are known here, until it is another one.
type container struct {
	id     spec.ContainerID
	ending bool
	probes [kinds]*prober
}

// prober is one probe of it.
type prober struct {
	schedule
	target  Target
	id      spec.ContainerID
	adopted bool     // the container had run for longer than a period when it was first seen
	attempt *attempt // nil: at rest
}

// attempt is one wait, and what follows it. Of two that cross, the prober's
// field says which one counts.
type attempt struct {
	timer *time.Timer
	stop  context.CancelFunc // nil: it waits yet
}

// NewSet makes a Set that tells news to tell, from several goroutines, but of
// one probe never two at a time. tell may call the Set, all but Close. News may
// cross with a Sync, so it names the container it is of; Results say how it is.
func NewSet(reach Reach, tell func(Result)) *Set {
	return &Set{reach: reach, tell: tell, pods: map[spec.PodID]map[string]*container{}}
}

// Sync has the pod's containers probed as its status says. It is to be called
// whenever somebody has looked at the pod: it is cheap, and the same status
// twice changes nothing.
//
// A probe is asked while its container runs and is not paused: Startup once the
// postStart hook is done and until it has passed; the others once the container
// is Started. In a pod or container that is being ended only Readiness is.
func (s *Set) Sync(p *spec.PodStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	known := s.pods[p.Pod.ID]
	for name, c := range known {
		if now, ok := p.Container(name); !ok || now.ID != c.id || !now.Running() {
			c.rest()
			delete(known, name)
		}
	}
	for i := range p.Containers {
		status := &p.Containers[i]
		made, ok := p.Pod.Container(status.Name)
		if !ok || !status.Running() || !probed(&made.Lifecycle) {
			continue
		}
		c := known[status.Name]
		if c == nil {
			if known == nil {
				known = map[string]*container{}
				s.pods[p.Pod.ID] = known
			}
			c = s.adopt(p, status, &made.Lifecycle)
			known[status.Name] = c
		}
		s.syncContainer(p, status, &made.Lifecycle, c)
	}
	if known != nil && len(known) == 0 {
		delete(s.pods, p.Pod.ID)
	}
}

// probed reports whether there is anything to ask.
func probed(l *spec.Lifecycle) bool {
	return l.Startup != nil || l.Liveness != nil || l.Readiness != nil
}

// adopt begins with a container, from what an earlier supervisor knew of it.
func (s *Set) adopt(p *spec.PodStatus, status *spec.ContainerStatus, l *spec.Lifecycle) *container {
	c := &container{id: status.ID}
	life := lifeOf(status)
	age := time.Since(status.StartedAt)
	for kind, probe := range [kinds]*spec.Probe{l.Startup, l.Liveness, l.Readiness} {
		if probe == nil {
			continue
		}
		passed := Kind(kind) == Startup && life.Started || Kind(kind) == Readiness && life.Ready
		c.probes[kind] = &prober{
			schedule: newSchedule(Kind(kind), probe, passed), id: status.ID,
			target:  Target{Reach: s.reach, Pod: p.Pod.ID, Container: status.Name},
			adopted: age > probe.Period,
		}
	}
	return c
}

// lifeOf is what is recorded of a container, and not of the one before it.
func lifeOf(status *spec.ContainerStatus) spec.Life {
	if status.Life == nil || status.Life.Container != status.ID {
		return spec.Life{}
	}
	return *status.Life
}

// syncContainer lets each probe of a running container wait for its time, or rest.
func (s *Set) syncContainer(p *spec.PodStatus, status *spec.ContainerStatus, l *spec.Lifecycle, c *container) {
	life := lifeOf(status)
	up := status.State == spec.StateRunning && p.Sandbox == spec.SandboxReady
	ending := c.ending || p.Stopped || p.Removal != nil || p.Verdict != nil || status.Stopped || life.Doomed != nil
	started := p.Started(status)
	now := time.Now()
	for kind, probe := range c.probes {
		if probe == nil {
			continue
		}
		wanted := up && started
		switch Kind(kind) {
		case Startup:
			wanted = up && !ending && !life.Started && (l.PostStart == nil || life.PostStart == spec.HookDone)
		case Liveness:
			wanted = wanted && !ending
		}
		if !wanted || probe.held {
			probe.rest()
			continue
		}
		probe.target.IP = ""
		if len(p.IPs) > 0 {
			probe.target.IP = p.IPs[0]
		}
		if probe.at.IsZero() {
			probe.open(now, now.Sub(status.StartedAt), probe.adopted, c.id)
		}
		s.wait(probe, now)
	}
}

// Ending has liveness and startup probes of the pod's present containers rest,
// since the pod is being terminated; readiness probes go on.
func (s *Set) Ending(id spec.PodID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.pods[id] {
		c.ending = true
		for _, kind := range []Kind{Startup, Liveness} {
			if probe := c.probes[kind]; probe != nil {
				probe.rest()
			}
		}
	}
}

// Forget ends the probes of a pod that is gone.
func (s *Set) Forget(id spec.PodID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.pods[id] {
		c.rest()
	}
	delete(s.pods, id)
}

// Results are the present values of a container's probes; ok is false for one
// that has none, or does not run.
func (s *Set) Results(id spec.PodID, name string) (r Results, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.pods[id][name]
	if !ok {
		return Results{}, false
	}
	r = Results{ID: c.id, Startup: Unknown, Liveness: Success, Readiness: Failure}
	for kind, value := range [kinds]*Outcome{&r.Startup, &r.Liveness, &r.Readiness} {
		if probe := c.probes[kind]; probe != nil {
			*value = probe.value
		}
	}
	return r, true
}

// Close ends all probes and waits for those under way. Nothing is told after it.
func (s *Set) Close() {
	s.mu.Lock()
	s.closed = true
	for _, pod := range s.pods {
		for _, c := range pod {
			c.rest()
		}
	}
	clear(s.pods)
	s.mu.Unlock()
	s.asking.Wait()
}

func (c *container) rest() {
	for _, probe := range c.probes {
		if probe != nil {
			probe.rest()
		}
	}
}

// rest ends the wait for the next turn, and gives up what is being asked.
func (p *prober) rest() {
	if p.attempt == nil {
		return
	}
	if p.attempt.timer != nil {
		p.attempt.timer.Stop()
	}
	if p.attempt.stop != nil {
		p.attempt.stop()
	}
	p.attempt = nil
}

// wait has the probe asked when its time comes, unless that is seen to already.
// Nothing is left of it once rest is called.
func (s *Set) wait(p *prober, now time.Time) {
	if p.attempt != nil {
		return
	}
	p.skip(now) // it may have rested for long
	a := &attempt{}
	p.attempt = a
	if wait := p.at.Sub(now); wait > 0 {
		a.timer = time.AfterFunc(wait, func() { s.ask(p, a) })
	} else {
		go s.ask(p, a) // ends with the answer, or by rest
	}
}

// ask makes the probe, takes in the answer and tells of it.
func (s *Set) ask(p *prober, a *attempt) {
	s.mu.Lock()
	if p.attempt != a {
		s.mu.Unlock()
		return
	}
	s.asking.Add(1)
	defer s.asking.Done()
	ctx, stop := context.WithCancel(context.Background()) // rest ends it
	defer stop()
	a.timer, a.stop = nil, stop
	target := p.target
	s.mu.Unlock()

	outcome, message, err := retried(ctx, target, p.probe)

	s.mu.Lock()
	if p.attempt != a {
		s.mu.Unlock()
		return
	}
	result, worth := p.answered(outcome, message, err)
	s.mu.Unlock()
	if worth {
		s.tell(result)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.attempt != a {
		return
	}
	p.attempt = nil
	if !p.held {
		s.wait(p, time.Now())
	}
}

// answered takes an answer in; worth says whether it is news.
func (p *prober) answered(outcome Outcome, message string, err error) (r Result, worth bool) {
	counted := outcome
	if err != nil {
		counted = Unknown
	}
	turned, eventful := p.note(counted)
	p.advance(time.Now())
	r = Result{Pod: p.target.Pod, Container: p.target.Container, ID: p.id, Kind: p.kind, Value: p.value, Turned: turned}
	if eventful {
		r.Reason, r.Message = event(p.kind, outcome, message, err)
	}
	return r, turned || eventful
}

// retried makes a probe, and tries again where it cannot be made.
func retried(ctx context.Context, t Target, p *spec.Probe) (outcome Outcome, message string, err error) {
	for range tries {
		outcome, message, err = Once(ctx, t, &p.Handler, p.Timeout)
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	return outcome, message, err
}
