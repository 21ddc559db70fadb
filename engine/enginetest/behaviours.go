package enginetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"berth/engine/spec"
)

func (s *suite) lifecycle() {
	p := s.watched(s.pod("life", forever(), forever()), "a", "b")
	s.locked(p, func() {
		s.must(s.Engine.CheckPod(s.ctx, p))
		s.must(s.Engine.EnsurePod(s.ctx, p, []string{"a"}))
	})
	st := s.observe(p)
	s.same("sandbox", st.Sandbox, spec.SandboxReady)
	s.same("sandbox start known", st.StartedAt.IsZero(), false)
	s.same("a", st.Containers[0].State, spec.StateCreated)
	s.same("b", st.Containers[1].State, spec.StateNone)
	s.same("b's ID", st.Containers[1].ID, spec.ContainerID(""))

	s.locked(p, func() {
		s.must(s.Engine.StartContainer(s.ctx, p.ID, "a"))
		s.must(s.Engine.StartContainer(s.ctx, p.ID, "b")) // creates it
	})
	st = s.observe(p)
	for _, c := range st.Containers[:2] {
		s.same(c.Name+" runs", c.Running(), true)
		s.same(c.Name+" has a process", c.Pid > 0, true)
		s.same(c.Name+" attempt", c.Attempt, 0)
		s.same(c.Name+" began after its sandbox", c.StartedAt.Before(st.StartedAt), false)
		s.same(c.Name+"'s sandbox", c.Sandbox, st.Infra.ID)
	}
	all, err := s.Engine.Observe(s.ctx)
	s.must(err)
	s.same("pods", len(all), 1)

	s.ready(p)
	s.locked(p, func() { s.must(s.Engine.StopPod(s.ctx, p.ID, patience)) })
	st = s.observe(p)
	s.same("sandbox", st.Sandbox, spec.SandboxNone)
	for _, c := range st.Containers {
		s.same(c.Name, c.State, spec.StateExited)
		s.same(c.Name+" exit code", c.ExitCode, 0)
	}
	s.locked(p, func() { s.must(s.Engine.RemovePod(s.ctx, p.ID, 0)) })
	_, err = s.Engine.ObservePod(s.ctx, p.ID)
	s.wants(err, spec.ErrNotFound)
}

func (s *suite) idempotence() {
	p := s.watched(s.pod("twice", forever()), "a")
	s.up(p)
	before := s.see(p, "a")
	s.up(p)
	after := s.see(p, "a")
	s.same("container", after.ID, before.ID)
	s.same("process", after.Pid, before.Pid)
	s.ready(p)
	s.locked(p, func() {
		for range 2 {
			s.must(s.Engine.StopContainer(s.ctx, p.ID, "a", patience))
		}
		for range 2 {
			s.must(s.Engine.StopPod(s.ctx, p.ID, 0))
		}
		for range 2 {
			s.must(s.Engine.RemovePod(s.ctx, p.ID, 0))
		}
	})
}

func (s *suite) attempts() {
	p := s.pod("again", shell("exit 0"))
	s.up(p)
	first := s.wait(p, "a")
	s.locked(p, func() { s.must(s.Engine.StartContainer(s.ctx, p.ID, "a")) })
	second := s.wait(p, "a")
	s.same("attempt", second.Attempt, first.Attempt+1)
	s.same("another container", second.ID == first.ID, false)
	s.same("it began later", second.StartedAt.Before(first.FinishedAt), false)
}

func (s *suite) exitCodes() {
	p := s.pod("codes", shell("exit 0"), shell("exit 3"), forever())
	s.up(p)
	s.locked(p, func() { s.must(s.Engine.KillContainer(s.ctx, p.ID, "c", "KILL")) })
	for name, want := range map[string]struct {
		code   int
		reason string
	}{"a": {0, "Completed"}, "b": {3, "Error"}, "c": {137, "Error"}} {
		c := s.wait(p, name)
		s.same(name+" state", c.State, spec.StateExited)
		s.same(name+" exit code", c.ExitCode, want.code)
		s.same(name+" reason", c.Reason, want.reason)
		s.same(name+" end known", c.FinishedAt.Before(c.StartedAt), false)
	}
	s.same("the sandbox lives on", s.observe(p).Sandbox, spec.SandboxReady)
}

func (s *suite) grace() {
	p := s.watched(s.pod("grace", listens(7), shell("sleep 1000")), "a")
	s.up(p)
	s.ready(p)
	s.locked(p, func() {
		s.must(s.Engine.StopContainer(s.ctx, p.ID, "a", patience))
		s.must(s.Engine.StopContainer(s.ctx, p.ID, "b", 100*time.Millisecond)) // ignores the signal
	})
	s.same("one that listens", s.see(p, "a").ExitCode, 7)
	s.same("one that does not", s.see(p, "b").ExitCode, 137)
}

func (s *suite) initContainers() {
	p := s.pod("init", forever())
	p.InitContainers = []spec.Container{{Name: "first", Image: s.Image, PullPolicy: spec.PullMissing, Command: shell("exit 0")}}
	s.locked(p, func() {
		s.must(s.Engine.EnsurePod(s.ctx, p, []string{"first"}))
		s.must(s.Engine.StartContainer(s.ctx, p.ID, "first"))
	})
	s.same("exit code", s.wait(p, "first").ExitCode, 0)
	st := s.observe(p)
	s.same("order", []string{st.Containers[0].Name, st.Containers[1].Name}, []string{"first", "a"})
	s.same("marks", []bool{st.Containers[0].Init, st.Containers[1].Init}, []bool{true, false})
	s.same("the other", st.Containers[1].State, spec.StateNone)
}

func (s *suite) lockNeeded() {
	p := s.pod("unlocked", forever())
	if err := s.Engine.EnsurePod(s.ctx, p, nil); err == nil {
		s.Fatal("a pod was made without its lock")
	}
	s.up(p)
	for verb, call := range map[string]func() error{
		"start":  func() error { return s.Engine.StartContainer(s.ctx, p.ID, "a") },
		"stop":   func() error { return s.Engine.StopPod(s.ctx, p.ID, 0) },
		"remove": func() error { return s.Engine.RemovePod(s.ctx, p.ID, 0) },
	} {
		if call() == nil {
			s.Errorf("%s worked without the lock", verb)
		}
	}
}

func (s *suite) lockExcludes() {
	key := spec.PodKey{Namespace: "default", Name: "locked"}
	other := s.Reopen(s.T)
	unlock, err := s.Engine.Lock(s.ctx, key)
	s.must(err)
	short, cancel := context.WithTimeout(s.ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := other.Lock(short, key); !errors.Is(err, context.DeadlineExceeded) {
		s.Fatalf("second lock: %v, want a time-out", err)
	}
	elsewhere, err := other.Lock(s.ctx, spec.PodKey{Namespace: "default", Name: "another"})
	s.must(err)
	elsewhere()

	got := make(chan error, 1)
	go func() {
		unlock, err := other.Lock(s.ctx, key)
		if err == nil {
			unlock()
		}
		got <- err
	}()
	unlock()
	s.must(<-got)
}

func (s *suite) oneName() {
	p, q := s.pod("name", forever()), s.pod("name", forever())
	s.up(p)
	s.locked(q, func() { s.wants(s.Engine.EnsurePod(s.ctx, q, nil), spec.ErrExists) })
	_, err := s.Engine.ObservePod(s.ctx, q.ID)
	s.wants(err, spec.ErrNotFound)
	s.same("the first runs on", s.see(p, "a").Running(), true)
}

func (s *suite) notThere() {
	id := spec.NewPodID()
	_, err := s.Engine.ObservePod(s.ctx, id)
	s.wants(err, spec.ErrNotFound)
	s.wants(s.Engine.StartContainer(s.ctx, id, "a"), spec.ErrNotFound)
	s.must(s.Engine.RemovePod(s.ctx, id, 0))
	p := s.pod("there", forever())
	s.up(p)
	s.locked(p, func() { s.wants(s.Engine.StartContainer(s.ctx, p.ID, "other"), spec.ErrNotFound) })
	_, err = s.Engine.WaitContainer(s.ctx, p.ID, "other")
	s.wants(err, spec.ErrNotFound)
}

func (s *suite) missingImage() {
	const name = "localhost/no-such-image:1"
	_, err := s.Engine.EnsureImage(s.ctx, spec.ImageRequest{Ref: name, Policy: spec.PullNever})
	s.wants(err, spec.ErrImageMissing)
	image, err := s.Engine.EnsureImage(s.ctx, spec.ImageRequest{Ref: s.Image, Policy: spec.PullMissing})
	s.must(err)
	s.same("image has an ID", image.ID == "", false)

	p := s.pod("noimage", forever())
	p.Containers[0].Image = name
	s.locked(p, func() { s.wants(s.Engine.EnsurePod(s.ctx, p, []string{"a"}), spec.ErrImageMissing) })
}

func (s *suite) volumes() {
	v := &spec.NamedVolume{Volume: "data"}
	ensure := func(made bool) {
		s.Helper()
		got, err := s.Engine.EnsureVolume(s.ctx, v)
		s.must(err)
		s.same("the volume was made", got, made)
	}
	ensure(true)
	ensure(false)
	p := s.pod("user", forever())
	p.Volumes = append(p.Volumes, spec.Volume{Name: "d", Named: v})
	s.up(p)
	ensure(false)
	s.wants(s.Engine.RemoveVolume(s.ctx, "data", false), spec.ErrInUse)
	s.locked(p, func() { s.must(s.Engine.RemovePod(s.ctx, p.ID, time.Second)) })
	ensure(false) // it outlives its pods
	s.must(s.Engine.RemoveVolume(s.ctx, "data", false))
	s.wants(s.Engine.RemoveVolume(s.ctx, "data", false), spec.ErrNotFound)
	p = s.pod("maker", forever())
	p.Volumes = append(p.Volumes, spec.Volume{Name: "d", Named: v})
	p.Containers[0].Mounts = append(p.Containers[0].Mounts, spec.Mount{Volume: "d", Path: "/d"})
	s.up(p)
	s.must(s.Engine.RemoveVolume(s.ctx, "data", true))
	_, err := s.Engine.ObservePod(s.ctx, p.ID)
	s.wants(err, spec.ErrNotFound)
}

func (s *suite) updateFiles() {
	p := s.pod("files", forever())
	p.Volumes = append(p.Volumes, spec.Volume{Name: "conf", Files: &spec.FilesVolume{
		Content: "one", Files: []spec.File{{Path: "f", Mode: 0o644, Data: []byte("1")}},
	}})
	p.Containers[0].Mounts = []spec.Mount{{Volume: "conf", Path: "/conf"}}
	s.up(p)
	before := s.see(p, "a").ID
	next := &spec.FilesVolume{Content: "two", Files: []spec.File{{Path: "f", Mode: 0o644, Data: []byte("2")}}}
	s.locked(p, func() {
		s.must(s.Engine.UpdateFiles(s.ctx, p.ID, "conf", next))
		if err := s.Engine.UpdateFiles(s.ctx, p.ID, "other", next); err == nil {
			s.Error("files of a volume that is not there were swapped")
		}
	})
	st := s.observe(p)
	volume, _ := st.Pod.Volume("conf")
	s.same("content", volume.Files.Content, "two")
	s.same("records hold no files", len(volume.Files.Files), 0)
	s.same("the container", s.see(p, "a").ID, before)

	// A pod that is down has them when it is up again.
	last := &spec.FilesVolume{Content: "three", Files: []spec.File{{Path: "f", Mode: 0o644, Data: []byte("3")}}}
	p.Volumes[len(p.Volumes)-1].Files = last
	s.locked(p, func() {
		s.must(s.Engine.StopPod(s.ctx, p.ID, 0))
		s.must(s.Engine.UpdateFiles(s.ctx, p.ID, "conf", last))
		st = s.observe(p)
		s.must(s.Engine.EnsurePod(s.ctx, st.Pod.WithContents(p), []string{"a"}))
	})
	st = s.observe(p)
	volume, _ = st.Pod.Volume("conf")
	s.same("content", volume.Files.Content, "three")
}

func (s *suite) secrets() {
	p := s.pod("secret", forever())
	p.Containers[0].Env = []spec.EnvVar{{Name: "TOKEN", Value: spec.LateSecret("keys/token")}}
	p.Secrets = map[string]string{"keys/token": "hunter2"}
	s.up(p)
	st := s.observe(p)
	s.same("statuses hold no secrets", len(st.Pod.Secrets), 0)
	s.locked(p, func() {
		s.must(s.Engine.StopContainer(s.ctx, p.ID, "a", 0))
		s.must(s.Engine.StartContainer(s.ctx, p.ID, "a")) // made anew
		s.must(s.Engine.StopPod(s.ctx, p.ID, 0))
		s.wants(s.Engine.EnsurePod(s.ctx, &st.Pod, []string{"a"}), spec.ErrConfig)
		s.must(s.Engine.EnsurePod(s.ctx, st.Pod.WithContents(p), []string{"a"}))
	})
}

func (s *suite) persistence() {
	p := s.pod("kept", forever(), forever())
	s.up(p)
	origin := spec.Origin{Kind: "Deployment", Namespace: "default", Name: "d", Ordinal: 2, File: "/m/d.yaml"}
	described := &spec.Pod{
		Labels: map[string]string{"app": "kept"}, Annotations: map[string]string{"a": "<b>"},
		Manifest: []byte(`{"kind":"Pod","spec":{}}`), RestartOnChange: true,
	}
	history := spec.History{"a": {
		Restarts: 4, Backoff: time.Minute, BackoffAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Last: &spec.Termination{ContainerID: "x", ExitCode: 3, Reason: "Error"},
	}}
	s.locked(p, func() {
		s.must(s.Engine.SetOwner(s.ctx, p.ID, "folder:/m", origin))
		s.must(s.Engine.DescribePod(s.ctx, p.ID, described))
		s.must(s.Engine.SaveHistory(s.ctx, p.ID, history))
		s.must(s.Engine.SetStopped(s.ctx, p.ID, "", true))
		s.must(s.Engine.SetStopped(s.ctx, p.ID, "b", true))
	})
	before := s.observe(p)
	s.Engine = s.Reopen(s.T)
	st := s.observe(p)
	s.same("owner", st.Pod.Owner, spec.Owner("folder:/m"))
	s.same("origin", st.Pod.Origin, origin)
	s.same("labels", st.Pod.Labels, described.Labels)
	s.same("annotations", st.Pod.Annotations, described.Annotations)
	s.same("manifest", st.Pod.SameManifest(described), true)
	s.same("restarts on change", st.Pod.RestartOnChange, true)
	s.same("restarts", st.History["a"].Restarts, 4)
	s.same("back-off", st.History["a"].Backoff, time.Minute)
	s.same("back-off time", st.History["a"].BackoffAt.Equal(history["a"].BackoffAt), true)
	s.same("last exit code", st.History["a"].Last.ExitCode, 3)
	s.same("stopped", st.Stopped, true)
	s.same("containers stopped", []bool{st.Containers[0].Stopped, st.Containers[1].Stopped}, []bool{false, true})
	s.same("the container runs on", st.Containers[0].ID, before.Containers[0].ID)
	s.same("its process too", st.Containers[0].Pid, before.Containers[0].Pid)
	s.locked(p, func() { s.must(s.Engine.SetStopped(s.ctx, p.ID, "", false)) })
	st = s.observe(p)
	s.same("a started pod has nothing stopped", []bool{st.Stopped, st.Containers[1].Stopped}, []bool{false, false})
}

func (s *suite) upAgain() {
	p := s.watched(s.pod("again", forever()), "a")
	s.up(p)
	s.ready(p)
	before := s.see(p, "a")
	s.locked(p, func() { s.must(s.Engine.StopPod(s.ctx, p.ID, patience)) })
	s.up(p)
	st := s.observe(p)
	c := st.Containers[0]
	s.same("sandbox", st.Sandbox, spec.SandboxReady)
	s.same("it runs", c.Running(), true)
	s.same("attempt", c.Attempt, before.Attempt+1)
	s.same("its end before was before the sandbox", before.StartedAt.Before(st.StartedAt), true)
}

func (s *suite) exits() {
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	told, err := s.Engine.Exits(ctx)
	s.must(err)
	p := s.pod("told", forever())
	s.up(p)
	s.until(told, p.ID, "") // its record appeared, perhaps before it could be read
	s.locked(p, func() { s.must(s.Engine.KillContainer(s.ctx, p.ID, "a", "KILL")) })
	s.until(told, p.ID)
	s.same("exit code", s.wait(p, "a").ExitCode, 137)
	cancel()
	for range told { //nolint:revive // drained until it is closed
	}
}

// until reads until one of the pods is named.
func (s *suite) until(told <-chan spec.PodID, ids ...spec.PodID) {
	s.Helper()
	for got := range told {
		if slices.Contains(ids, got) {
			return
		}
	}
	s.Fatal("nothing was told")
}

func (s *suite) waiting() {
	p := s.watched(s.pod("wait", forever()), "a")
	s.up(p)
	s.ready(p)
	short, cancel := context.WithTimeout(s.ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := s.Engine.WaitContainer(short, p.ID, "a"); !errors.Is(err, context.DeadlineExceeded) {
		s.Fatalf("error %v, want a time-out", err)
	}
	done := make(chan int, 1)
	go func() {
		c, err := s.Engine.WaitContainer(s.ctx, p.ID, "a")
		if err != nil {
			s.Error(err)
		}
		done <- c.ExitCode
	}()
	s.locked(p, func() { s.must(s.Engine.StopContainer(s.ctx, p.ID, "a", patience)) })
	s.same("exit code", <-done, 0)
}

func (s *suite) removeContainer() {
	p := s.pod("rmc", forever(), forever())
	s.up(p)
	b := s.see(p, "b")
	s.locked(p, func() {
		for range 2 {
			s.must(s.Engine.RemoveContainer(s.ctx, p.ID, "a"))
		}
		s.same("state", s.see(p, "a").State, spec.StateNone)
		s.must(s.Engine.StartContainer(s.ctx, p.ID, "a"))
	})
	s.same("it runs", s.see(p, "a").Running(), true)
	s.same("the other was left alone", s.see(p, "b").ID, b.ID)
}
