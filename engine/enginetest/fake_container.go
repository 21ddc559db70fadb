package enginetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/engine/spec"
)

// create makes a container where none lives; one that ended is made anew.
func (p *pod) create(h *Host, name string) error {
	c, ok := p.spec.Container(name)
	if !ok {
		return fmt.Errorf("container %q: %w", name, spec.ErrNotFound)
	}
	if c.Lacks != "" {
		return fmt.Errorf("create container %q: %w: %s", name, spec.ErrConfig, c.Lacks)
	}
	attempt, id, createdAt := 0, spec.NewContainerID(), time.Now()
	if c.ByHand != nil {
		id = c.ByHand.ID
	}
	old := p.containers[name]
	if old != nil && old.status.State == spec.StateCreated {
		return nil
	}
	if old != nil && old.status.State != spec.StateNone {
		if !old.status.Finished() {
			return nil
		}
		attempt = old.status.Attempt + 1
		if c.ByHand != nil {
			createdAt = old.status.CreatedAt
		}
	}
	image, ok := h.images[c.Image]
	if !ok && (c.ByHand == nil || c.ByHand.Rootfs == nil) {
		return fmt.Errorf("create container %q: image %q: %w", name, c.Image, spec.ErrImageMissing)
	}
	prog := parse(append(slices.Clone(c.Command), c.Args...))
	if prog.bad {
		return fmt.Errorf("create container %q: the fake cannot run %q: %w", name, c.Command, spec.ErrConfig)
	}
	if (c.User.Name == NoUser || prog.denied && !h.programs[c.Command[0]]) && c.ByHand == nil {
		if old == nil {
			old = &container{status: spec.ContainerStatus{Name: name, Init: p.spec.IsInit(name), State: spec.StateNone, Image: c.Image}}
			p.containers[name] = old
		}
		return old.fail(name, "CreateContainerConfigError", fmt.Errorf("user %q cannot be found in the image: %w", NoUser, spec.ErrConfig))
	}
	made := *c
	p.containers[name] = &container{spec: &made, prog: prog, done: make(chan struct{}), status: spec.ContainerStatus{
		ID: id, Name: name, Init: p.spec.IsInit(name), State: spec.StateCreated, Attempt: attempt,
		Image: c.Image, ImageID: image.ID, ImageDigest: image.Digest, Command: c.Command, CreatedAt: createdAt, Sandbox: p.infra.ID,
	}}
	return nil
}

// fail records that a container cannot be made, or one made by hand not started.
func (c *container) fail(name, reason string, why error) error {
	tries := 1
	if c.status.Failed != nil {
		tries += c.status.Failed.Tries
	}
	c.status.Failed = &spec.Failure{Reason: reason, Message: why.Error(), At: time.Now(), Tries: tries}
	return &spec.StartError{Container: name, Err: fmt.Errorf("container %q: %w", name, why)}
}

// refuse has a container end without that it ran, as where the runtime cannot
// start it.
func (c *container) refuse() error {
	why := fmt.Errorf("executable %q not found in the image's $PATH: %w", c.spec.Command[0], spec.ErrCommand)
	if c.spec.ByHand != nil {
		return c.fail(c.spec.Name, "RunContainerError", why)
	}
	c.status.State, c.status.ExitCode, c.status.Reason, c.status.Message = spec.StateExited, spec.ExitStart, spec.ReasonStart, why.Error()
	c.status.FinishedAt = time.Now()
	close(c.done)
	return &spec.StartError{Container: c.spec.Name, Err: fmt.Errorf("start container %q: %w", c.spec.Name, why)}
}

// StartContainer has a container running.
func (f *Fake) StartContainer(_ context.Context, id spec.PodID, name string) error {
	p, after, err := f.change("StartContainer", id)
	if err != nil {
		return err
	}
	if p.sandbox != spec.SandboxReady {
		return after(fmt.Errorf("start container %q: the pod's sandbox is not up", name))
	}
	if err := p.create(f.Host, name); err != nil {
		return after(err)
	}
	c := p.containers[name]
	if c.status.Running() {
		return after(nil)
	}
	if c.prog.missing && !f.programs[c.spec.Command[0]] {
		return after(c.refuse())
	}
	c.status.Failed = nil
	c.status.State, c.status.StartedAt, c.status.Pid = spec.StateRunning, time.Now(), 1000
	c.status.Sandbox = p.infra.ID
	host := f.Host
	// Not at once, even for a program that does nothing: a timer that is due when
	// it is made crashes the race detector inside a synctest bubble (Go 1.26).
	c.timer = time.AfterFunc(max(c.prog.sleep, time.Nanosecond), func() {
		host.mu.Lock()
		defer host.mu.Unlock()
		if c.end(c.prog.code, "") {
			host.notify(id)
		}
	})
	return after(nil)
}

// end ends a running container and reports whether it ran. The host's mutex is
// held. An empty reason is what the code says.
func (c *container) end(code int, reason string) bool {
	if !c.status.Running() {
		return false
	}
	if reason == "" {
		reason = "Completed"
		if code != 0 {
			reason = "Error"
		}
	}
	c.timer.Stop()
	c.status.State, c.status.ExitCode, c.status.Reason = spec.StateExited, code, reason
	c.status.FinishedAt, c.status.Pid = time.Now(), 0
	c.status.Message = c.message()
	if reason == "ContainerStatusUnknown" {
		c.status.State, c.status.Message = spec.StateUnknown, "the container's exit code is lost"
	}
	close(c.done)
	return true
}

// message is why the container says that it ended.
func (c *container) message() string {
	l := c.spec.Lifecycle
	said := c.prog.written[cmp.Or(l.MessagePath, spec.DefaultMessagePath)]
	if said == "" && l.LogFallback && c.status.ExitCode != 0 {
		said = c.prog.output
	}
	return said
}

// signalEnd sends a container its stop signal and returns how to wait for its
// end. The host's mutex is held now, and not while waiting.
func (f *Fake) signalEnd(ctx context.Context, p *pod, c *container, grace time.Duration) (wait func() error) {
	id, done := p.spec.ID, c.done
	if !c.status.Running() {
		return func() error { return nil }
	}
	if c.prog.onTerm >= 0 && grace > 0 {
		c.end(c.prog.onTerm, "")
		f.notify(id)
		return func() error { return nil }
	}
	return func() error {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		f.Host.mu.Lock()
		defer f.Host.mu.Unlock()
		if c.end(137, "") {
			f.notify(id)
		}
		return nil
	}
}

// StopContainer ends a container.
func (f *Fake) StopContainer(ctx context.Context, id spec.PodID, name string, grace time.Duration) error {
	p, after, err := f.change("StopContainer", id)
	if err != nil {
		return err
	}
	c := p.containers[name]
	if c == nil {
		return after(nil)
	}
	wait := f.signalEnd(ctx, p, c, grace)
	f.Host.mu.Unlock()
	err = wait()
	f.Host.mu.Lock()
	c.life = nil // it lies in the bundle, which is cleared away
	return after(err)
}

// KillContainer sends a signal. The fake knows KILL and TERM.
func (f *Fake) KillContainer(_ context.Context, id spec.PodID, name, signal string) error {
	p, after, err := f.change("KillContainer", id)
	if err != nil {
		return err
	}
	c := p.containers[name]
	if c == nil || !c.status.Running() {
		return after(fmt.Errorf("kill container %q: it is not running", name))
	}
	switch strings.TrimPrefix(strings.ToUpper(signal), "SIG") {
	case "KILL", "9":
		c.end(137, "")
		f.notify(id)
	case "TERM", "15":
		if c.prog.onTerm >= 0 {
			c.end(c.prog.onTerm, "")
			f.notify(id)
		}
	}
	return after(nil)
}

// RemoveContainer ends a container at once and forgets it; in a pod that takes
// containers one by one that it was ever part of it, too.
func (f *Fake) RemoveContainer(_ context.Context, id spec.PodID, name string) error {
	p, after, err := f.change("RemoveContainer", id)
	if err != nil {
		return err
	}
	if c := p.containers[name]; c != nil {
		if c.end(137, "") {
			f.notify(id)
		}
		delete(p.containers, name)
	}
	if p.spec.ByHand {
		p.forget(name)
	}
	return after(nil)
}

// WaitContainer waits until a container does not run.
func (f *Fake) WaitContainer(ctx context.Context, id spec.PodID, name string) (spec.ContainerStatus, error) {
	if _, err := f.begin("WaitContainer"); err != nil {
		return spec.ContainerStatus{}, err
	}
	for ended := false; ; ended = true {
		f.Host.mu.Lock()
		p, err := f.find(id)
		if err != nil {
			f.Host.mu.Unlock()
			return spec.ContainerStatus{}, err
		}
		st := p.status()
		status, ok := st.Container(name)
		c := p.containers[name]
		f.Host.mu.Unlock()
		switch {
		case !ok:
			return spec.ContainerStatus{}, fmt.Errorf("container %q: %w", name, spec.ErrNotFound)
		case ended || c == nil || status.Finished(): // it may be another one by now
			return *status, nil
		}
		select {
		case <-c.done:
		case <-ctx.Done():
			return *status, ctx.Err()
		}
	}
}
