package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
)

// stopTime is how long a service may take to end before a command gives up
// waiting: systemd's own limit is 90 seconds.
const stopTime = 2 * time.Minute

// systemdConn is the systemd that runs the services of unit files, nil where
// the host was not booted with it.
func systemdConn(ctx context.Context, user bool) (*dbus.Conn, error) {
	// sd_booted(3)
	if _, err := os.Stat("/run/systemd/system"); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if user {
		return dbus.NewUserConnectionContext(ctx)
	}
	return dbus.NewSystemConnectionContext(ctx)
}

// reloadSystemd has systemd call the generators again.
func reloadSystemd(ctx context.Context, user bool) error {
	conn, err := systemdConn(ctx, user)
	if conn == nil || err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.ReloadContext(ctx); err != nil {
		return fmt.Errorf("reload systemd: %w", err)
	}
	return nil
}

// unitStates are the states of services, as "active/running", by name. What
// systemd does not know is left out.
func unitStates(ctx context.Context, conn *dbus.Conn, names []string) (map[string]string, error) {
	states := map[string]string{}
	names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return strings.HasSuffix(n, "@.service") }) // no service itself
	if conn == nil || len(names) == 0 {
		return states, nil
	}
	units, err := conn.ListUnitsByNamesContext(ctx, names)
	if err != nil {
		return nil, fmt.Errorf("ask systemd for services: %w", err)
	}
	for _, u := range units {
		if u.LoadState != "not-found" {
			states[u.Name] = u.ActiveState + "/" + u.SubState
		}
	}
	return states, nil
}

// instances are the services of a template that systemd knows, in the given states
// or, without one, in any.
func instances(ctx context.Context, conn *dbus.Conn, template string, states ...string) ([]dbus.UnitStatus, error) {
	if conn == nil {
		return nil, nil
	}
	units, err := conn.ListUnitsByPatternsContext(ctx, states, []string{strings.TrimSuffix(template, ".service") + "*.service"})
	if err != nil {
		return nil, fmt.Errorf("ask systemd for instances of %s: %w", template, err)
	}
	return units, nil
}

// stopService stops a service and waits until it is down.
func stopService(ctx context.Context, conn *dbus.Conn, name string) error {
	ctx, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	done := make(chan string, 1)
	_, err := conn.StopUnitContext(ctx, name, "replace", done)
	var failed godbus.Error
	if errors.As(err, &failed) && failed.Name == "org.freedesktop.systemd1.NoSuchUnit" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("stop %s: %w", name, err)
	}
	select {
	case result := <-done:
		if result != "done" {
			return fmt.Errorf("stop %s: %s", name, result)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop %s: %w", name, ctx.Err())
	}
}
