package cmd

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	"github.com/coreos/go-systemd/v22/login1"
	"github.com/coreos/go-systemd/v22/util"
	godbus "github.com/godbus/dbus/v5"
)

// What the supervisor itself needs of the time that a host's shutdown is held
// up for.
const shutdownReserve = 500 * time.Millisecond

// hostShutdown holds up the host's shutdown until the pods are stopped.
type hostShutdown struct {
	conn  *login1.Conn
	lock  *os.File      // a delay inhibitor; closing it lets the host go on
	given time.Duration // how long the host waits for us
	begun <-chan *godbus.Signal
	going atomic.Bool // the host is on its way down
}

// inhibitShutdown takes an inhibitor lock of systemd-logind (systemd-inhibit(1)).
func inhibitShutdown() (*hostShutdown, error) {
	conn, err := login1.New()
	if err != nil {
		return nil, fmt.Errorf("connect to logind: %w", err)
	}
	h := &hostShutdown{conn: conn, begun: conn.Subscribe("PrepareForShutdown")}
	if h.lock, err = conn.Inhibit("shutdown", "berth", "pods are stopped in order", "delay"); err != nil {
		conn.Close()
		return nil, fmt.Errorf("take an inhibitor lock: %w", err)
	}
	if h.given, err = inhibitDelay(); err != nil {
		h.release()
		return nil, err
	}
	return h, nil
}

// inhibitDelay is how long logind lets anybody hold up a shutdown.
func inhibitDelay() (time.Duration, error) {
	usec, err := logindProperty[uint64]("InhibitDelayMaxUSec")
	return time.Duration(usec) * time.Microsecond, err
}

// logindProperty asks logind itself for a property of its manager.
func logindProperty[T any](name string) (value T, err error) {
	conn, err := godbus.ConnectSystemBus()
	if err != nil {
		return value, fmt.Errorf("connect to the system bus: %w", err)
	}
	defer conn.Close()
	answer, err := conn.Object("org.freedesktop.login1", "/org/freedesktop/login1").
		GetProperty("org.freedesktop.login1.Manager." + name)
	if err != nil {
		return value, fmt.Errorf("ask logind for its %s: %w", name, err)
	}
	value, ok := answer.Value().(T)
	if !ok {
		return value, fmt.Errorf("ask logind for its %s: it answers %v", name, answer)
	}
	return value, nil
}

// wait reports whether the host's shutdown began before ctx ended. A signal is
// only a reason to ask: anyone on the bus may send one.
func (h *hostShutdown) wait(ctx context.Context) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case _, open := <-h.begun:
			if !open {
				<-ctx.Done()
				return false
			}
			if begins, err := logindProperty[bool]("PreparingForShutdown"); err == nil && begins {
				return true
			}
		}
	}
}

func (h *hostShutdown) release() {
	_ = h.lock.Close() // nothing was written
	h.conn.Close()
}

// watchShutdown calls begun when the host is about to go down. It returns nil
// where there is no systemd, or no logind, to tell of it.
func watchShutdown(ctx context.Context, log *slog.Logger, begun func()) *hostShutdown {
	if !util.IsRunningSystemd() {
		return nil
	}
	h, err := inhibitShutdown()
	if err != nil {
		log.Warn("the host's shutdown is not held up for the pods", "error", err)
		return nil
	}
	go func() { // ends with ctx
		if h.wait(ctx) {
			log.Info("the host goes down: pods are stopped", "within", h.given.String())
			h.going.Store(true)
			begun()
		}
	}()
	return h
}

// hostStops reports whether systemd is on its way down: then a SIGTERM is not
// somebody's wish to end the supervisor alone.
func hostStops(ctx context.Context) bool {
	if !util.IsRunningSystemd() {
		return false
	}
	conn, err := dbus.NewSystemConnectionContext(ctx)
	if err != nil {
		return false
	}
	defer conn.Close()
	state, err := conn.SystemStateContext(ctx)
	return err == nil && state.Value.Value() == "stopping"
}
