package cmd

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"berth/engine"
	"berth/engine/oci"
	"berth/engine/spec"
	"berth/translate/option"
)

// attachment says how our terminal is connected to a container.
type attachment struct {
	streams      oci.Streams
	terminal     bool
	proxySignals bool
	passed       bool // the container has our streams themselves
}

// attachment reads what the flags say of our terminal.
func (a *app) attachment(pod *spec.Pod, c *spec.Container, f option.Attach) (attachment, error) {
	with := attachment{terminal: c.TTY, proxySignals: f.ProxySignals, passed: oci.IsPassthrough(pod.LogOf(c.Name).Driver)}
	if f.Keys != "" {
		keys, err := oci.ParseDetachKeys(f.Keys)
		if err != nil {
			return with, err
		}
		with.streams.DetachKeys = keys
	}
	if f.Stdin && c.Stdin {
		with.streams.Stdin = a.in
	}
	if f.Stdout {
		with.streams.Stdout = a.out
	}
	if f.Stderr {
		with.streams.Stderr = a.err
	}
	return with, nil
}

// session is our being with a container from before it starts until it ends.
type session struct {
	e    *engine.Engine
	with attachment

	done  chan error // what attaching came to
	ended chan outcome
	undo  []func()
}

type outcome struct {
	status spec.ContainerStatus
	err    error
}

func newSession(e *engine.Engine, with attachment) *session {
	return &session{e: e, with: with, done: make(chan error, 1), ended: make(chan outcome, 1)}
}

// connect connects our streams to a container that was made and does not run
// yet. From then on signals are its own.
func (a *app) connect(ctx context.Context, s *session, id spec.PodID, name string) error {
	if s.with.terminal {
		leave, err := a.takeTerminal(context.WithoutCancel(ctx), &s.with.streams, s.with.streams.Stdin != nil, nil)
		if err != nil {
			return err
		}
		s.undo = append(s.undo, leave)
	}
	if s.with.proxySignals {
		ctx = context.WithoutCancel(ctx)
	}
	if !s.with.passed {
		connected := make(chan struct{})
		go func() { // ends with the container, or ctx
			s.done <- s.e.Attach(ctx, id, name, s.with.streams, func() error {
				close(connected)
				return nil
			})
		}()
		select {
		case <-connected:
		case err := <-s.done:
			return err
		}
	}
	go func() { // likewise
		status, err := s.e.WaitContainer(ctx, id, name)
		s.ended <- outcome{status, err}
		if s.with.passed {
			s.done <- nil // there is nothing else to wait for
		}
	}()
	if s.with.proxySignals {
		s.undo = append(s.undo, forwardSignals(ctx, s.e, id, name))
	}
	return nil
}

// wait waits until the streams end.
func (s *session) wait() error { return <-s.done }

// exit waits for the container's end, and says how it ended.
func (s *session) exit() (spec.ContainerStatus, error) {
	e := <-s.ended
	return e.status, e.err
}

// close gives back what connect took.
func (s *session) close() {
	for _, undo := range s.undo {
		undo()
	}
	s.undo = nil
}

// forwardSignals passes signals on to a container until stop is called. It waits for
// nobody who is just at work on the pod.
func forwardSignals(ctx context.Context, e *engine.Engine, id spec.PodID, name string) (stop func()) {
	ch := make(chan os.Signal, 8)
	signal.Notify(ch, forwarded()...)
	done := make(chan struct{})
	go func() { // ends with stop
		defer close(done)
		for sig := range ch {
			// An error means that the container has ended, which Attach will say.
			_ = e.KillContainer(ctx, id, name, fmt.Sprint(int(sig.(syscall.Signal))))
		}
	}()
	return sync.OnceFunc(func() {
		signal.Stop(ch)
		close(ch)
		<-done
	})
}

// forwarded are the signals that are passed on.
func forwarded() []os.Signal {
	return []os.Signal{
		syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGCONT, syscall.SIGALRM,
	}
}
