package enginetest

import (
	"time"

	"berth/engine/spec"
)

// startErrors: b's program is not there, c's user neither.
func (s *suite) startErrors() {
	p := s.pod("fails", forever(), []string{Absent + "program"}, forever())
	p.Containers[2].User.Name = NoUser
	all := []string{"a", "b", "c"}
	began := time.Now().Add(-time.Second)
	s.locked(p, func() {
		s.onlyStartErrors(s.Engine.EnsurePod(s.ctx, p, all))
		s.must(s.Engine.StartContainer(s.ctx, p.ID, "a"))
		for range 2 {
			s.wants(s.startError(p, "b"), spec.ErrCommand)
			s.wants(s.startError(p, "c"), spec.ErrConfig)
		}
		s.onlyStartErrors(s.Engine.EnsurePod(s.ctx, p, []string{"a", "c"}))
	})
	st := s.observe(p)
	s.same("sandbox", st.Sandbox, spec.SandboxReady)
	a, b, c := st.Containers[0], st.Containers[1], st.Containers[2]
	s.same("a runs", a.Running(), true)
	s.same("b's state", b.State, spec.StateExited)
	s.same("b's exit code", b.ExitCode, spec.ExitStart)
	s.same("b's reason", b.Reason, spec.ReasonStart)
	s.same("b says why", b.Message == "", false)
	s.same("b's end is known", b.FinishedAt.Before(began), false)
	s.same("b never ran", b.StartedAt.IsZero(), true)
	s.same("b's sandbox", b.Sandbox, st.Infra.ID)
	s.same("b was tried again", b.Attempt > 0, true)
	s.same("c's state", c.State, spec.StateNone)
	s.same("c's ID", c.ID, spec.ContainerID(""))
	s.same("c's failure", c.Failed != nil, true)
	s.same("its reason", c.Failed.Reason, "CreateContainerConfigError")
	s.same("it says why", c.Failed.Message == "", false)
	s.same("its time", c.Failed.At.Before(began), false)
	s.same("its tries", c.Failed.Tries > 1, true)

	again := s.Reopen(s.T)
	seen, err := again.ObservePod(s.ctx, p.ID)
	s.must(err)
	s.same("others see it", seen.Containers[2].Failed.Tries, c.Failed.Tries)
	s.locked(p, func() { s.must(s.Engine.StopPod(s.ctx, p.ID, 0)) })
	s.same("b's exit code", s.see(p, "b").ExitCode, spec.ExitStart)
}

func (s *suite) startError(p *spec.Pod, name string) error {
	s.Helper()
	err := s.Engine.StartContainer(s.ctx, p.ID, name)
	s.onlyStartErrors(err)
	s.same("whose", spec.StartErrors(err)[0].Container, name)
	return err
}

// onlyStartErrors fails unless containers could not start for reasons of their
// own, and nothing else is wrong.
func (s *suite) onlyStartErrors(err error) {
	s.Helper()
	if err != nil && spec.StartErrors(err) == nil {
		s.Fatalf("error %v, want only containers that cannot start", err)
	}
}

func (s *suite) handStartErrors() {
	p := s.hand("fails", []string{Absent + "program"})
	s.locked(p, func() {
		s.onlyStartErrors(s.Engine.EnsurePod(s.ctx, p, []string{"fails"}))
		for range 2 {
			s.wants(s.startError(p, "fails"), spec.ErrCommand)
		}
	})
	c := s.see(p, "fails")
	s.same("state", c.State, spec.StateCreated)
	s.same("ID", c.ID, p.Containers[0].ByHand.ID)
	s.same("failure", c.Failed != nil, true)
	s.same("its reason", c.Failed.Reason, "RunContainerError")
	s.same("its tries", c.Failed.Tries > 1, true)
}

func (s *suite) failures() {
	p := s.pod("failing", shell("exit 3"), forever())
	s.up(p)
	s.wait(p, "a")
	image, err := s.Engine.EnsureImage(s.ctx, spec.ImageRequest{Ref: s.Image, Policy: spec.PullMissing})
	s.must(err)
	why := spec.Failure{Reason: "ErrImagePull", Message: "no", At: time.Now().UTC().Truncate(time.Second), Tries: 2}
	s.locked(p, func() {
		s.must(s.Engine.SaveFailure(s.ctx, p.ID, "a", why))
		s.must(s.Engine.SaveFailure(s.ctx, p.ID, "b", why)) // runs
		s.wants(s.Engine.SaveFailure(s.ctx, p.ID, "other", why), spec.ErrNotFound)
		s.must(s.Engine.TakeImage(s.ctx, p.ID, "a", image))
		s.wants(s.Engine.TakeImage(s.ctx, p.ID, "other", image), spec.ErrNotFound)
	})
	s.Engine = s.Reopen(s.T)
	st := s.observe(p)
	a, b := st.Containers[0], st.Containers[1]
	s.same("how it ended", a.ExitCode, 3)
	s.same("the failure", a.Failed != nil && a.Failed.Message == "no" && a.Failed.Tries == 2 && a.Failed.At.Equal(why.At), true)
	s.same("the one that runs", b.Failed == nil && b.Running(), true)
	s.same("image", st.Pod.Containers[0].ImageID, image.ID)
	s.locked(p, func() { s.must(s.Engine.StartContainer(s.ctx, p.ID, "a")) })
	s.same("once it is made again", s.see(p, "a").Failed == nil, true)
}
