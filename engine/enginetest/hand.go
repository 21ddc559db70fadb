package enginetest

import (
	"time"

	"berth/engine/spec"
)

// hand is a container made by hand, in a pod of its own.
func (s *suite) hand(name string, command []string) *spec.Pod {
	p := s.pod(name, command)
	p.Bare, p.PlainNames, p.Owner = true, true, spec.OwnerRun
	p.Containers[0].Name = name
	p.Containers[0].Env[0].Value = name
	p.Containers[0].ByHand = &spec.ByHand{ID: spec.NewContainerID()}
	return p
}

func (s *suite) bare() {
	p := s.hand("alone", forever())
	s.up(p)
	st := s.observe(p)
	s.same("sandbox", st.Sandbox, spec.SandboxReady)
	s.same("infra container", st.Infra.ID, spec.ContainerID(""))
	s.same("its state", st.Infra.State, spec.StateNone)
	c := st.Containers[0]
	s.same("it runs", c.Running(), true)
	s.same("ID", c.ID, p.Containers[0].ByHand.ID)
	s.same("its sandbox", c.Sandbox, spec.ContainerID(""))
	s.same("it began after its sandbox", c.StartedAt.Before(st.StartedAt), false)

	s.locked(p, func() { s.must(s.Engine.StopContainer(s.ctx, p.ID, "alone", 0)) })
	s.same("the sandbox outlives it", s.observe(p).Sandbox, spec.SandboxReady)
	s.locked(p, func() { s.must(s.Engine.StartContainer(s.ctx, p.ID, "alone")) })
	s.same("it runs again", s.see(p, "alone").Running(), true)
	s.locked(p, func() { s.must(s.Engine.StopPod(s.ctx, p.ID, 0)) })
	st = s.observe(p)
	s.same("sandbox", st.Sandbox, spec.SandboxNone)
	s.same("it has ended", st.Containers[0].State, spec.StateExited)
}

func (s *suite) byHand() {
	p := s.hand("same", shell("exit 3"))
	s.up(p)
	first := s.wait(p, "same")
	s.same("exit code", first.ExitCode, 3)
	for attempt := 1; attempt < 4; attempt++ {
		s.locked(p, func() {
			if attempt == 3 { // also over the sandbox's end
				s.must(s.Engine.StopPod(s.ctx, p.ID, 0))
				s.must(s.Engine.EnsurePod(s.ctx, p, nil))
			}
			s.must(s.Engine.StartContainer(s.ctx, p.ID, "same"))
		})
		again := s.wait(p, "same")
		s.same("ID", again.ID, first.ID)
		s.same("attempt", again.Attempt, attempt)
		s.same("when it was created", again.CreatedAt.Equal(first.CreatedAt), true)
		s.same("it began later", again.StartedAt.Before(first.FinishedAt), false)
		s.same("log", again.LogPath, first.LogPath)
		s.same("exit code", again.ExitCode, 3)
	}
}

func (s *suite) recorded() {
	p := s.hand("later", forever())
	s.locked(p, func() {
		s.must(s.Engine.RecordPod(s.ctx, p, nil))
		s.must(s.Engine.RecordPod(s.ctx, p, nil))
	})
	st := s.observe(p)
	s.same("sandbox", st.Sandbox, spec.SandboxNone)
	s.same("state", st.Containers[0].State, spec.StateCreated)
	s.same("ID", st.Containers[0].ID, p.Containers[0].ByHand.ID)
	s.same("process", st.Containers[0].Pid, 0)
	s.locked(p, func() {
		s.must(s.Engine.EnsurePod(s.ctx, p, nil))
		s.must(s.Engine.StartContainer(s.ctx, p.ID, "later"))
	})
	c := s.see(p, "later")
	s.same("it runs", c.Running(), true)
	s.same("attempt", c.Attempt, 0)
	r := s.hand("rests", forever())
	s.locked(r, func() { s.must(s.Engine.RecordPod(s.ctx, r, []string{""})) })
	s.same("one that is to stay down", s.observe(r).Stopped, true)
	h := s.pod("half", forever(), forever())
	s.locked(h, func() {
		s.must(s.Engine.RecordPod(s.ctx, h, []string{"b"}))
		s.must(s.Engine.EnsurePod(s.ctx, h, []string{"a", "b"}))
	})
	st = s.observe(h)
	s.same("one of which half is", []bool{st.Stopped, st.Containers[0].Stopped, st.Containers[1].Stopped}, []bool{false, false, true})
	q := s.hand("later", forever())
	s.locked(q, func() { s.wants(s.Engine.RecordPod(s.ctx, q, nil), spec.ErrExists) })
}

func (s *suite) comeAndGo() {
	p := s.pod("house")
	p.ByHand, p.PlainNames, p.Owner = true, true, spec.OwnerRun
	p.Volumes = nil
	s.locked(p, func() { s.must(s.Engine.EnsurePod(s.ctx, p, nil)) })
	st := s.observe(p)
	s.same("sandbox", st.Sandbox, spec.SandboxReady)
	s.same("containers", len(st.Containers), 0)
	s.same("it has an infra container", st.Infra.ID == "", false)

	ready := []spec.Volume{{Name: "ready", Empty: &spec.EmptyVolume{}}}
	guest := s.container("guest", forever())
	s.locked(p, func() { s.wants(s.Engine.AddContainer(s.ctx, p.ID, guest, ready, false), spec.ErrConfig) })
	guest.ByHand = &spec.ByHand{ID: spec.NewContainerID()}
	other := s.container("other", shell("exit 0"))
	other.ByHand, other.Mounts = &spec.ByHand{ID: spec.NewContainerID()}, nil
	s.locked(p, func() {
		s.must(s.Engine.AddContainer(s.ctx, p.ID, guest, ready, false))
		s.wants(s.Engine.AddContainer(s.ctx, p.ID, guest, ready, false), spec.ErrExists)
		s.must(s.Engine.AddContainer(s.ctx, p.ID, other, nil, true))
	})
	s.same("which is to stay down", []bool{s.see(p, "guest").Stopped, s.see(p, "other").Stopped}, []bool{false, true})
	s.same("state", s.see(p, "guest").State, spec.StateCreated)
	s.locked(p, func() { s.must(s.Engine.StartContainer(s.ctx, p.ID, "guest")) })
	c := s.see(p, "guest")
	s.same("it runs", c.Running(), true)
	s.same("ID", c.ID, guest.ByHand.ID)
	s.same("its sandbox", c.Sandbox, s.observe(p).Infra.ID)

	s.locked(p, func() {
		s.must(s.Engine.RemoveContainer(s.ctx, p.ID, "guest"))
		s.must(s.Engine.RemoveContainer(s.ctx, p.ID, "guest"))
	})
	st = s.observe(p)
	first := s.container("first", shell("exit 0"))
	first.ByHand, first.Mounts = &spec.ByHand{ID: spec.NewContainerID(), InitKind: spec.InitOnce}, nil
	s.locked(p, func() {
		s.must(s.Engine.AddContainer(s.ctx, p.ID, first, nil, true))
		s.same("an init container", []bool{s.see(p, "first").Init, s.see(p, "other").Init}, []bool{true, false})
		s.same("is not among the others", len(s.observe(p).Pod.Containers), 1)
		s.must(s.Engine.RemoveContainer(s.ctx, p.ID, "first"))
		s.same("and goes like them", len(s.observe(p).Containers), 1)
	})
	guest.ByHand = &spec.ByHand{ID: spec.NewContainerID()}
	s.locked(p, func() {
		s.must(s.Engine.SetStopped(s.ctx, p.ID, "guest", true)) // a wish of before, say
		s.must(s.Engine.AddContainer(s.ctx, p.ID, guest, ready, false))
		s.same("a new wish", s.see(p, "guest").Stopped, false)
		s.must(s.Engine.RemoveContainer(s.ctx, p.ID, "guest"))
	})
	s.same("what is left", []string{st.Containers[0].Name}, []string{"other"})
	s.same("volumes", len(st.Pod.Volumes), 0)
	s.same("sandbox", st.Sandbox, spec.SandboxReady)
	s.locked(p, func() { s.must(s.Engine.StopPod(s.ctx, p.ID, time.Second)) })
	s.same("the one never started waits on", s.see(p, "other").State, spec.StateCreated)
}

func (s *suite) rename() {
	p, taken := s.hand("before", forever()), s.hand("taken", forever())
	s.up(p)
	s.up(taken)
	other := s.Reopen(s.T)
	_, err := other.ObservePod(s.ctx, p.ID)
	s.must(err)
	after := *p
	after.Name = "after"
	s.locked(p, func() {
		if err := s.Engine.RenameContainer(s.ctx, p.ID, "before", "after"); err == nil {
			s.Error("renamed without the lock of the new name")
		}
		s.locked(taken, func() { s.wants(s.Engine.RenameContainer(s.ctx, p.ID, "before", "taken"), spec.ErrExists) })
		s.locked(&after, func() {
			s.wants(s.Engine.RenameContainer(s.ctx, p.ID, "nobody", "after"), spec.ErrNotFound)
			s.must(s.Engine.RenameContainer(s.ctx, p.ID, "before", "after"))
		})
	})
	p.Name = "after" // for the clean-up
	st := s.observe(p)
	s.same("the pod's name", st.Pod.Name, "after")
	s.same("its name", st.Pod.ContainerName("before"), "after")
	s.same("it runs on", s.see(p, "before").Running(), true)

	again := s.hand("before", forever()) // the name is free, also to who knew it as taken
	unlock, err := other.Lock(s.ctx, again.Key())
	s.must(err)
	defer unlock()
	s.must(other.RecordPod(s.ctx, again, nil))
	s.must(other.RemovePod(s.ctx, again.ID, 0))
	s.locked(p, func() { s.must(s.Engine.StopPod(s.ctx, p.ID, 0)) })

	house := s.pod("inn")
	house.ByHand, house.PlainNames, house.Owner, house.Volumes = true, true, spec.OwnerRun, nil
	guest := s.container("guest", shell("exit 0"))
	guest.ByHand, guest.Mounts = &spec.ByHand{ID: spec.NewContainerID()}, nil
	s.locked(house, func() {
		s.must(s.Engine.EnsurePod(s.ctx, house, nil))
		s.must(s.Engine.AddContainer(s.ctx, house.ID, guest, nil, false))
		s.must(s.Engine.RenameContainer(s.ctx, house.ID, "guest", "lodger"))
		s.must(s.Engine.StartContainer(s.ctx, house.ID, "guest"))
	})
	st = s.observe(house)
	s.same("the pod's name", st.Pod.Name, "inn")
	s.same("the container's", st.Pod.ContainerName("guest"), "lodger")

	after = *house
	after.Name = "hotel"
	s.locked(house, func() {
		if err := s.Engine.RenamePod(s.ctx, house.ID, "hotel"); err == nil {
			s.Error("renamed without the lock of the new name")
		}
		s.locked(p, func() { s.wants(s.Engine.RenamePod(s.ctx, house.ID, p.Name), spec.ErrExists) })
		s.locked(&after, func() { s.must(s.Engine.RenamePod(s.ctx, house.ID, "hotel")) })
	})
	house.Name = "hotel" // for the clean-up
	st = s.observe(house)
	s.same("the pod's name", st.Pod.Name, "hotel")
	s.same("it is up", st.Sandbox, spec.SandboxReady)
	s.locked(p, func() { s.wants(s.Engine.RenamePod(s.ctx, p.ID, "any"), spec.ErrConfig) })
}
