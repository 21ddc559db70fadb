package enginetest

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"syscall"
	"time"

	"berth/engine/spec"
	"berth/internal/deadline"
)

// RunFunc runs a command in a container of the pod key, "namespace/name".
type RunFunc func(ctx context.Context, key, container string, command []string) (spec.ExecResult, error)

// OnRun has commands in containers run by f, in place of what the fake knows
// (see parse); nil: again by the fake.
func (h *Host) OnRun(f RunFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.run = f
}

// Serve has f answer connections to a port of the pod key, on any address;
// nil: nobody does any more.
func (h *Host) Serve(key, port string, f func(net.Conn)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if f == nil {
		delete(h.servers, key+" "+port)
		return
	}
	h.servers[key+" "+port] = f
}

// begun begins a verb that needs no lock: it may fail as told, and needs the
// pod. The host's mutex is held when it returns without error.
func (f *Fake) begun(verb string, id spec.PodID) (p *pod, late, err error) {
	if late, err = f.begin(verb); err != nil {
		return nil, nil, err
	}
	f.Host.mu.Lock()
	if p, err = f.find(id); err != nil {
		f.Host.mu.Unlock()
	}
	return p, late, err
}

// SignalContainer sends the stop signal.
func (f *Fake) SignalContainer(_ context.Context, id spec.PodID, name string) error {
	p, late, err := f.begun("SignalContainer", id)
	if err != nil {
		return err
	}
	defer f.Host.mu.Unlock()
	if c := p.containers[name]; c != nil && c.prog.onTerm >= 0 && c.end(c.prog.onTerm, "") {
		f.notify(id)
	}
	return late
}

// UpdateContainer records other resources and another restart policy.
func (f *Fake) UpdateContainer(_ context.Context, id spec.PodID, to *spec.Container) error {
	p, after, err := f.change("UpdateContainer", id)
	if err != nil {
		return err
	}
	p.spec.InitContainers, p.spec.Containers = slices.Clone(p.spec.InitContainers), slices.Clone(p.spec.Containers)
	c, ok := p.spec.Container(to.Name)
	if !ok {
		return after(fmt.Errorf("container %q: %w", to.Name, spec.ErrNotFound))
	}
	c.Update(to)
	return after(nil)
}

// SaveLife records what is known of a container; of one that is gone, nothing.
func (f *Fake) SaveLife(_ context.Context, id spec.PodID, name string, life spec.Life) error {
	p, late, err := f.begun("SaveLife", id)
	if err != nil {
		return err
	}
	defer f.Host.mu.Unlock()
	if c := p.containers[name]; c != nil && c.status.ID == life.Container {
		c.life = &life
		f.writes++
	}
	return late
}

// SaveVerdict records that the pod is over.
func (f *Fake) SaveVerdict(_ context.Context, id spec.PodID, verdict *spec.Verdict) error {
	p, after, err := f.change("SaveVerdict", id)
	if err != nil {
		return err
	}
	p.verdict = nil
	if verdict != nil {
		v := *verdict
		p.verdict = &v
	}
	return after(nil)
}

// SaveRemoval records that the pod is to be forgotten.
func (f *Fake) SaveRemoval(_ context.Context, id spec.PodID, removal *spec.Removal) error {
	p, late, err := f.begun("SaveRemoval", id)
	if err != nil {
		return err
	}
	defer f.Host.mu.Unlock()
	p.removal = nil
	if removal != nil {
		r := *removal
		p.removal = &r
	}
	f.notify(id)
	return late
}

// RunInContainer runs a command, as OnRun says or else as parse does.
func (f *Fake) RunInContainer(ctx context.Context, id spec.PodID, name string, command []string) (spec.ExecResult, error) {
	p, late, err := f.begun("RunInContainer", id)
	if err != nil {
		return spec.ExecResult{}, err
	}
	c, run, key := p.containers[name], f.Host.run, p.spec.Key().String()
	facts := spec.Facts{PodIPs: []string{fakeIP}, PodUID: p.spec.ID.UID(), Secrets: p.secrets}
	running := c != nil && c.status.Running()
	f.Host.mu.Unlock()
	if !running {
		return spec.ExecResult{}, fmt.Errorf("container %q: %w", name, spec.ErrNotRunning)
	}
	filled := make([]string, len(command))
	for i := range command {
		filled[i] = facts.Fill(command[i])
	}
	if run != nil {
		result, err := run(ctx, key, name, filled)
		if err == nil {
			err = late
		}
		return result, err
	}
	prog := parse(filled)
	if prog.bad {
		return spec.ExecResult{}, fmt.Errorf("the fake cannot run %q: %w", command, spec.ErrConfig)
	}
	timer := time.NewTimer(max(prog.sleep, time.Nanosecond))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return spec.ExecResult{}, ctx.Err()
	case <-c.done:
		return spec.ExecResult{ExitCode: 137}, late
	case <-timer.C:
	}
	return spec.ExecResult{ExitCode: prog.code, Output: []byte(prog.output)}, late
}

// fakeIP is the address of every pod.
const fakeIP = "10.0.0.1"

// DialPod connects to what Serve says, or else to a running program that
// listens on the port and says nothing.
func (f *Fake) DialPod(ctx context.Context, id spec.PodID, network, address string) (net.Conn, error) {
	p, late, err := f.begun("DialPod", id)
	if err != nil {
		return nil, err
	}
	defer f.Host.mu.Unlock()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if p.sandbox != spec.SandboxReady {
		return nil, fmt.Errorf("the sandbox of pod %s is not up", p.spec.Key())
	}
	serve := f.servers[p.spec.Key().String()+" "+port]
	for _, c := range p.containers {
		if serve == nil && c.status.Running() && c.prog.port == port {
			serve = func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }
		}
	}
	switch {
	case late != nil:
		return nil, late
	case serve == nil:
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	ours, theirs := net.Pipe()
	go func() { // ends with the connection
		defer theirs.Close()
		serve(theirs)
	}()
	return ours, nil
}

// ending is what is ended under a name, "" being the pod; none of it is up where
// that is "".
func (p *pod) ending(name string) spec.ContainerID {
	c := p.containers[name]
	switch {
	case p.sandbox == spec.SandboxNone || name != "" && c == nil:
		return ""
	case name == "":
		return p.infra.ID
	}
	return c.status.ID + spec.ContainerID("/"+strconv.Itoa(c.status.Attempt)) // one made by hand keeps its ID
}

// Terminating is a context that Hasten can end sooner.
func (f *Fake) Terminating(ctx context.Context, id spec.PodID, name string, at time.Time) (context.Context, context.CancelFunc, error) {
	p, late, err := f.begun("Terminating", id)
	if err != nil {
		return nil, nil, err
	}
	defer f.Host.mu.Unlock()
	if late != nil {
		return nil, nil, late
	}
	what := p.ending(name)
	ctx, d := deadline.With(ctx, at)
	if by, said := p.hastened[what]; said {
		d.Sooner(by)
	}
	p.terminations[d] = what
	return ctx, func() {
		f.Host.mu.Lock()
		delete(p.terminations, d)
		f.Host.mu.Unlock()
		d.Stop()
	}, nil
}

// Hasten shortens what waits for the end of a container or the pod, and what will.
func (f *Fake) Hasten(_ context.Context, id spec.PodID, name string, at time.Time) error {
	p, late, err := f.begun("Hasten", id)
	if err != nil {
		return err
	}
	defer f.Host.mu.Unlock()
	what := p.ending(name)
	if by, said := p.hastened[what]; what == "" || said && !at.Before(by) {
		return late // nothing to end, or that will be over before
	}
	p.hastened[what] = at
	for d, c := range p.terminations {
		if c == what {
			d.Sooner(at)
		}
	}
	return late
}
