package enginetest

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"time"

	"berth/engine/spec"
)

// probed is a pod whose container a has a life to keep.
func (s *suite) probed(name string, command []string) *spec.Pod {
	p := s.pod(name, command)
	p.Containers[0].Lifecycle.Readiness = &spec.Probe{
		Handler: spec.Handler{Exec: []string{"true"}}, Timeout: time.Second, Period: time.Second, SuccessThreshold: 1, FailureThreshold: 3,
	}
	return p
}

func (s *suite) lives() {
	p := s.probed("alive", forever())
	p.Containers = append(p.Containers, s.container("b", forever()))
	s.up(p)
	a, b := s.see(p, "a"), s.see(p, "b")
	s.same("nobody has looked", a.Life, (*spec.Life)(nil))
	life := spec.Life{
		Container: a.ID, PostStart: spec.HookDone, Started: true, Ready: true, ReadyAt: time.Now().UTC().Truncate(time.Second),
		Doomed: &spec.Doom{Reason: "Unhealthy", Message: "it does not answer", Grace: time.Second},
	}
	s.must(s.Engine.SaveLife(s.ctx, p.ID, "a", life)) // the lock is not needed
	s.must(s.Engine.SaveLife(s.ctx, p.ID, "b", spec.Life{Container: b.ID}))
	s.Engine = s.Reopen(s.T)
	s.same("life", *s.see(p, "a").Life, life)
	s.same("ready", s.isReady(p, "a"), true)
	s.same("the life of one that has none to keep", s.see(p, "b").Life, (*spec.Life)(nil))

	s.must(s.Engine.SaveLife(s.ctx, p.ID, "a", spec.Life{Container: b.ID}))
	s.same("what is said of another one", *s.see(p, "a").Life, life)
	s.locked(p, func() {
		s.must(s.Engine.KillContainer(s.ctx, p.ID, "a", "KILL"))
		s.wait(p, "a")
		s.must(s.Engine.StartContainer(s.ctx, p.ID, "a"))
	})
	s.same("of the next one nobody knows", s.see(p, "a").Life, (*spec.Life)(nil))
	s.must(s.Engine.SaveLife(s.ctx, p.ID, "a", life)) // by one that has not seen the change
	s.same("nor tells who speaks of the last", s.see(p, "a").Life, (*spec.Life)(nil))

	life.Container = s.see(p, "a").ID
	s.must(s.Engine.SaveLife(s.ctx, p.ID, "a", life))
	s.locked(p, func() { s.must(s.Engine.StopContainer(s.ctx, p.ID, "a", 0)) })
	s.same("a stopped one has none", s.see(p, "a").Life, (*spec.Life)(nil))
	s.wants(s.Engine.SaveLife(s.ctx, spec.NewPodID(), "a", life), spec.ErrNotFound)
}

func (s *suite) isReady(p *spec.Pod, name string) bool {
	st := s.observe(p)
	c, ok := st.Container(name)
	return ok && st.Ready(c)
}

func (s *suite) verdicts() {
	p := s.pod("over", forever())
	s.up(p)
	s.same("verdict", s.observe(p).Verdict, (*spec.Verdict)(nil))
	verdict := &spec.Verdict{Reason: "Evicted", Message: "no memory is left", At: time.Now().UTC().Truncate(time.Second)}
	if s.Engine.SaveVerdict(s.ctx, p.ID, verdict) == nil {
		s.Error("a verdict was recorded without the lock")
	}
	s.locked(p, func() {
		s.must(s.Engine.SetStopped(s.ctx, p.ID, "a", true))
		s.must(s.Engine.SaveVerdict(s.ctx, p.ID, verdict))
		s.must(s.Engine.SetStopped(s.ctx, p.ID, "", false)) // another matter
		s.must(s.Engine.StopPod(s.ctx, p.ID, 0))
	})
	s.Engine = s.Reopen(s.T)
	s.same("verdict", s.observe(p).Verdict, verdict)
	s.locked(p, func() { s.must(s.Engine.SaveVerdict(s.ctx, p.ID, nil)) })
	s.same("verdict taken back", s.observe(p).Verdict, (*spec.Verdict)(nil))
}

func (s *suite) removals() {
	p := s.pod("leaving", forever())
	s.up(p)
	s.same("removal", s.observe(p).Removal, (*spec.Removal)(nil))
	removal := &spec.Removal{Since: time.Now().UTC().Truncate(time.Second), Grace: time.Minute, Volumes: true}
	elsewhere := s.Reopen(s.T)
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	told, err := elsewhere.Exits(ctx)
	s.must(err)
	s.must(s.Engine.SaveRemoval(s.ctx, p.ID, removal))
	s.until(told, p.ID)
	st, err := elsewhere.ObservePod(s.ctx, p.ID)
	s.must(err)
	s.same("removal", st.Removal, removal)
	s.must(s.Engine.SaveRemoval(s.ctx, p.ID, nil))
	s.must(s.Engine.SaveRemoval(s.ctx, p.ID, nil))
	s.same("removal taken back", s.observe(p).Removal, (*spec.Removal)(nil))
	s.wants(s.Engine.SaveRemoval(s.ctx, spec.NewPodID(), removal), spec.ErrNotFound)
	cancel()
	for range told { //nolint:revive // drained until it is closed
	}
}

func (s *suite) commands() {
	p := s.pod("asked", forever(), shell("exit 0"))
	p.Containers[0].Env = append(p.Containers[0].Env, spec.EnvVar{Name: "TOKEN", Value: spec.LateSecret("keys/token")})
	p.Secrets = map[string]string{"keys/token": "hunter2"}
	s.up(p)
	result, err := s.Engine.RunInContainer(s.ctx, p.ID, "a", shell("echo so; echo or so >&2; exit 3"))
	s.must(err)
	s.same("exit code", result.ExitCode, 3)
	for _, said := range []string{"so\n", "or so\n"} { // which comes first, nobody knows
		s.same("output has "+said, strings.Contains(string(result.Output), said), true)
	}
	result, err = s.Engine.RunInContainer(s.ctx, p.ID, "a", []string{"echo", spec.LatePodUID, spec.LateSecret("keys/token")})
	s.must(err)
	s.same("late values", string(result.Output), p.ID.UID()+" hunter2\n")
	result, err = s.Engine.RunInContainer(s.ctx, p.ID, "a", []string{"true"})
	s.must(err)
	s.same("exit code", result.ExitCode, 0)
	s.same("output", string(result.Output), "")

	short, cancel := context.WithTimeout(s.ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := s.Engine.RunInContainer(short, p.ID, "a", shell("sleep 1000")); !errors.Is(err, context.DeadlineExceeded) {
		s.Fatalf("error %v, want a time-out", err)
	}
	s.wait(p, "b")
	_, err = s.Engine.RunInContainer(s.ctx, p.ID, "b", []string{"true"})
	s.wants(err, spec.ErrNotRunning)
	_, err = s.Engine.RunInContainer(s.ctx, p.ID, "c", []string{"true"})
	if err == nil {
		s.Error("a command was run in a container that is not there")
	}
}

func (s *suite) dials() {
	p := s.watched(s.pod("server", shell("httpd -p 8080; touch /ready/a; sleep 1000")), "a")
	s.up(p)
	s.ready(p)
	conn, err := s.Engine.DialPod(s.ctx, p.ID, "tcp", "127.0.0.1:8080")
	s.must(err)
	s.must(conn.Close())
	for _, address := range []string{"127.0.0.1:8081", "[::1]:8081"} {
		_, err = s.Engine.DialPod(s.ctx, p.ID, "tcp", address)
		s.wants(err, syscall.ECONNREFUSED)
		var op *net.OpError
		s.same("its kind", errors.As(err, &op), true)
	}
	over, cancel := context.WithCancel(s.ctx)
	cancel()
	_, err = s.Engine.DialPod(over, p.ID, "tcp", "127.0.0.1:8080")
	s.wants(err, context.Canceled)
	s.locked(p, func() { s.must(s.Engine.StopPod(s.ctx, p.ID, 0)) })
	if _, err := s.Engine.DialPod(s.ctx, p.ID, "tcp", "127.0.0.1:8080"); err == nil {
		s.Error("a pod answers that is down")
	}
}

func (s *suite) signals() {
	p := s.watched(s.pod("told", listens(7), shell("sleep 1000")), "a")
	s.up(p)
	s.ready(p)
	s.must(s.Engine.SignalContainer(s.ctx, p.ID, "a")) // the lock is not needed
	s.same("one that listens", s.wait(p, "a").ExitCode, 7)
	s.must(s.Engine.SignalContainer(s.ctx, p.ID, "a"))
	s.must(s.Engine.SignalContainer(s.ctx, p.ID, "b"))
	s.same("one that does not runs on", s.see(p, "b").Running(), true)
	s.must(s.Engine.SignalContainer(s.ctx, p.ID, "no-such"))
	s.wants(s.Engine.SignalContainer(s.ctx, spec.NewPodID(), "a"), spec.ErrNotFound)
}

// ends waits for a context that is to end by its deadline.
func (s *suite) ends(ctx context.Context) {
	s.Helper()
	select {
	case <-ctx.Done():
		s.wants(context.Cause(ctx), context.DeadlineExceeded)
	case <-time.After(patience):
		s.Fatal("the termination goes on")
	}
}

func (s *suite) hastening() {
	p, other := s.pod("ending", forever()), s.pod("staying", forever())
	s.up(p)
	s.up(other)
	late := time.Now().Add(time.Hour)
	terminating := func(p *spec.Pod) context.Context {
		ctx, stop, err := s.Engine.Terminating(s.ctx, p.ID, "", late)
		s.must(err)
		s.Cleanup(stop)
		return ctx
	}
	first, second, others := terminating(p), terminating(p), terminating(other)
	elsewhere := s.Reopen(s.T)
	s.must(elsewhere.Hasten(s.ctx, p.ID, "", late.Add(time.Hour))) // is no sooner
	s.must(elsewhere.Hasten(s.ctx, p.ID, "", time.Now().Add(time.Minute)))
	if err := first.Err(); err != nil {
		s.Fatalf("it ended before its time: %v", err)
	}
	s.must(elsewhere.Hasten(s.ctx, p.ID, "", time.Now()))
	s.ends(first)
	s.ends(second)
	s.must(elsewhere.Hasten(s.ctx, p.ID, "", late)) // does not make it longer
	s.ends(terminating(p))
	s.same("another pod's goes on", others.Err(), nil)

	s.locked(p, func() { s.must(s.Engine.StopPod(s.ctx, p.ID, 0)) })
	s.must(elsewhere.Hasten(s.ctx, p.ID, "", time.Now())) // there is nothing to end
	s.up(p)
	s.same("of another sandbox nothing was said", terminating(p).Err(), nil)

	short, stop, err := s.Engine.Terminating(s.ctx, p.ID, "", time.Now().Add(time.Millisecond))
	s.must(err)
	defer stop()
	s.ends(short)
	s.hasteningOne(p, elsewhere)
	again := s.hand("again", forever()) // it keeps its ID
	s.up(again)
	s.hasteningOne(again, elsewhere)
	stopped, stop, err := s.Engine.Terminating(s.ctx, p.ID, "", late)
	s.must(err)
	stop()
	<-stopped.Done()
	_, _, err = s.Engine.Terminating(s.ctx, spec.NewPodID(), "", late)
	s.wants(err, spec.ErrNotFound)
	s.wants(s.Engine.Hasten(s.ctx, spec.NewPodID(), "", late), spec.ErrNotFound)
}

// hasteningOne: a container's end is one thing, its pod's another.
func (s *suite) hasteningOne(p *spec.Pod, elsewhere Engine) {
	late := time.Now().Add(time.Hour)
	terminating := func(name string) context.Context {
		ctx, stop, err := s.Engine.Terminating(s.ctx, p.ID, name, late)
		s.must(err)
		s.Cleanup(stop)
		return ctx
	}
	name := p.Containers[0].Name
	one, all := terminating(name), terminating("")
	s.must(elsewhere.Hasten(s.ctx, p.ID, name, time.Now()))
	s.ends(one)
	s.ends(terminating(name))
	s.same("the pod's goes on", all.Err(), nil)
	s.must(elsewhere.Hasten(s.ctx, p.ID, "no-such", time.Now())) // there is nothing to end
	s.locked(p, func() {
		s.must(s.Engine.StopContainer(s.ctx, p.ID, name, 0))
		s.must(s.Engine.StartContainer(s.ctx, p.ID, name))
	})
	s.same("of another container nothing was said", terminating(name).Err(), nil)
}

func (s *suite) waits() {
	w := spec.Wait{Key: spec.PodKey{Namespace: "default", Name: "late"}, Hash: "h", Tries: 2, Delay: time.Minute, Reason: "ErrImagePull", Message: "no"}
	s.must(s.Engine.SaveWait(s.ctx, spec.Wait{Key: w.Key, Hash: "another"}))
	s.must(s.Engine.SaveWait(s.ctx, w))
	elsewhere := s.Reopen(s.T)
	got, ok, err := elsewhere.ReadWait(s.ctx, w.Key)
	s.must(err)
	s.same("it is known", ok, true)
	s.same("the wait", got, w)
	_, ok, err = elsewhere.ReadWait(s.ctx, spec.PodKey{Namespace: "other", Name: "late"})
	s.must(err)
	s.same("of another it is not", ok, false)
	list, err := elsewhere.ListWaits(s.ctx)
	s.must(err)
	s.same("waits", len(list), 1)
	s.must(elsewhere.RemoveWait(s.ctx, w.Key))
	s.must(s.Engine.RemoveWait(s.ctx, w.Key))
	list, err = s.Engine.ListWaits(s.ctx)
	s.must(err)
	s.same("waits", len(list), 0)
}

func (s *suite) units() {
	u := spec.UnitState{Name: "web@blue.service", File: "/m/web@.container", Owner: spec.FolderOwner("/m"), Phase: spec.UnitActive, Restarts: 2}
	s.must(s.Engine.SaveUnit(s.ctx, spec.UnitState{Name: u.Name, Phase: spec.UnitStarting}))
	s.must(s.Engine.SaveUnit(s.ctx, u))
	elsewhere := s.Reopen(s.T)
	list, err := elsewhere.ListUnits(s.ctx)
	s.must(err)
	s.same("units", list, []spec.UnitState{u})
	s.must(elsewhere.RemoveUnit(s.ctx, u.Name))
	s.must(s.Engine.RemoveUnit(s.ctx, u.Name))
	list, err = s.Engine.ListUnits(s.ctx)
	s.must(err)
	s.same("units", len(list), 0)
}

func (s *suite) resizes() {
	p := s.watched(s.pod("grows", forever()), "a")
	p.AllowUnenforcedLimits = true // whether limits are enforced, depends on the host
	p.Containers[0].Resources = spec.Resources{CPURequest: 100, MemoryLimit: 64 << 20, PidsLimit: 100}
	s.up(p)
	s.ready(p)
	before := s.see(p, "a")
	score := 500
	to := p.Containers[0].Override(spec.Resources{
		CPURequest: 200, CPULimit: 500, MemoryRequest: 32 << 20, MemoryLimit: 128 << 20, PidsLimit: 50, OOMScoreAdj: &score,
	}, spec.RestartNever)
	if s.Engine.UpdateContainer(s.ctx, p.ID, &to) == nil {
		s.Error("a container was resized without the lock")
	}
	s.locked(p, func() {
		s.must(s.Engine.UpdateContainer(s.ctx, p.ID, &to))
		s.wants(s.Engine.UpdateContainer(s.ctx, p.ID, &spec.Container{Name: "no-such"}), spec.ErrNotFound)
	})
	s.Engine = s.Reopen(s.T)
	recorded := s.observe(p).Pod.Containers[0]
	s.same("recorded", recorded.Resources, to.Resources)
	s.same("policy", recorded.RestartPolicy, spec.RestartNever)
	s.same("what the object says", recorded.Declared, to.Declared)
	s.same("it runs on", s.see(p, "a").ID, before.ID)
	to.Resources = spec.Resources{MemoryLimit: 96 << 20} // no limits but this
	s.locked(p, func() {
		s.must(s.Engine.UpdateContainer(s.ctx, p.ID, &to))
		s.must(s.Engine.StopContainer(s.ctx, p.ID, "a", 0))
		to.Resources.PidsLimit = 60
		s.must(s.Engine.UpdateContainer(s.ctx, p.ID, &to)) // one that does not run
		s.must(s.Engine.StartContainer(s.ctx, p.ID, "a"))
	})
	s.same("it runs", s.see(p, "a").Running(), true)
}

func (s *suite) messages() {
	p := s.pod("says",
		shell("echo because > /dev/termination-log; exit 3"), shell("echo because > /why; exit 0"),
		shell("echo last words; exit 1"), shell("echo all is well; exit 0"), shell("echo last words; exit 1"))
	p.Containers[1].Lifecycle.MessagePath = "/why"
	for i := range 4 {
		p.Containers[i].Lifecycle.LogFallback = true
	}
	s.up(p)
	for name, want := range map[string]string{
		"a": "because\n", "b": "because\n", "c": "last words\n", "d": "", "e": ""} {
		s.same(name+"'s message", s.wait(p, name).Message, want)
	}
	s.locked(p, func() { s.must(s.Engine.StopPod(s.ctx, p.ID, 0)) })
	s.Engine = s.Reopen(s.T)
	s.same("kept", s.see(p, "a").Message, "because\n")
	s.same("kept", s.see(p, "c").Message, "last words\n")
}
