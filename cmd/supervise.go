package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	"github.com/coreos/go-systemd/v22/util"
	godbus "github.com/godbus/dbus/v5"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"berth/engine"
	"berth/internal/hostexec"
	"berth/reconciler"
)

// supervisorLog is where a supervisor writes that was started without systemd,
// in the run folder.
const supervisorLog = "supervisor.log"

// handOver leaves what runs now to a supervisor: the one that is awake is told
// to look, else one is started in the background, which ends by itself when
// nothing is left. That none could be started is a warning, since what was
// asked for is done. It reports whether there is one.
func (a *app) handOver(cmd *cobra.Command, e *engine.Engine) bool {
	ctx := context.WithoutCancel(cmd.Context())
	a.tell(ctx, e)
	if reconciler.NewClient(e.Paths().Run).Wake(ctx) == nil {
		return true
	}
	if a.globals.noSupervise {
		return false
	}
	if err := a.startSupervisor(ctx, cmd, e); err != nil {
		a.warn("no supervisor could be started, so containers that end stay down: %v", err)
		return false
	}
	return true
}

// afterwards hands over what was started, or else merely tells a supervisor that
// is awake that something changed.
func (a *app) afterwards(cmd *cobra.Command, e *engine.Engine, started bool) {
	if started {
		a.handOver(cmd, e)
		return
	}
	a.wake(cmd.Context(), e)
}

// startSupervisor starts `berth serve --on-demand` with the global flags of this
// command: as a transient unit where systemd runs, so that it outlives the
// session, else detached.
func (a *app) startSupervisor(ctx context.Context, cmd *cobra.Command, e *engine.Engine) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := append(globalArgs(cmd), "serve", "--on-demand")
	if util.IsRunningSystemd() {
		err := startUnit(ctx, unitName(e.Paths().Run), append([]string{self}, args...))
		if err == nil || errors.Is(err, errUnitExists) {
			return nil
		}
		a.warn("no unit for a supervisor: %v: it is started without one", err)
	}
	log, err := os.OpenFile(filepath.Join(e.Paths().Run, supervisorLog), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	process, err := hostexec.Start(hostexec.Cmd{
		Path: self, Args: args, Dir: "/", Session: true, Env: supervisorEnv(), Stdout: log, Stderr: log,
	})
	if err != nil {
		return err
	}
	return process.Process.Release()
}

// dismissTime is how long a supervisor in the background may take to end.
const dismissTime = 15 * time.Second

// dismissSupervisor ends a supervisor in the background; it would bring back
// what is about to be removed. One that was started by hand or by systemd at
// boot is not ours to end.
func dismissSupervisor(ctx context.Context, e *engine.Engine) error {
	client := reconciler.NewClient(e.Paths().Run)
	who, err := client.Version(ctx)
	if err != nil {
		return nil // nobody answers: there is none
	}
	if !who.OnDemand {
		return fmt.Errorf("berth serve is running (process %d): stop it first, as by systemctl stop berth.service", who.PID)
	}
	if err := client.StepDown(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, dismissTime)
	defer cancel()
	return reconciler.AwaitEnd(ctx, e.Paths().Run)
}

// globalArgs are the global flags that this command was given.
func globalArgs(cmd *cobra.Command) []string {
	var args []string
	cmd.Root().PersistentFlags().Visit(func(f *pflag.Flag) {
		if f.Name == "no-supervise" {
			return
		}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			for _, value := range list.GetSlice() {
				args = append(args, "--"+f.Name+"="+value)
			}
			return
		}
		args = append(args, "--"+f.Name+"="+f.Value.String())
	})
	return args
}

// supervisorEnv is our environment without what is meant for this process only.
func supervisorEnv() []string {
	var env []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		case "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_USEC", "WATCHDOG_PID", "INVOCATION_ID":
		default:
			env = append(env, v)
		}
	}
	return env
}

// errUnitExists: another command was quicker.
var errUnitExists = errors.New("the unit exists")

// unitName is the transient unit of an engine root's supervisor.
func unitName(runDir string) string {
	if runDir == "/run/berth" {
		return "berth-supervisor.service"
	}
	return "berth-supervisor-" + dbus.PathBusEscape(runDir) + ".service"
}

// unitTime is how long systemd may take to start a unit.
const unitTime = 10 * time.Second

// startUnit has systemd start a program in a transient unit, which is started
// again when it fails and forgotten when it ends.
func startUnit(ctx context.Context, name string, command []string) error {
	ctx, cancel := context.WithTimeout(ctx, unitTime)
	defer cancel()
	conn, err := dbus.NewSystemConnectionContext(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	property := func(name string, value any) dbus.Property {
		return dbus.Property{Name: name, Value: godbus.MakeVariant(value)}
	}
	done := make(chan string, 1)
	_, err = conn.StartTransientUnitContext(ctx, name, "fail", []dbus.Property{
		dbus.PropDescription("berth: supervisor of what commands left running"),
		dbus.PropExecStart(command, false),
		property("Type", "exec"),
		property("KillMode", "process"), // the containers are not the unit's
		property("Restart", "on-failure"),
		property("CollectMode", "inactive-or-failed"),
		property("Environment", supervisorSettings()),
	}, done)
	var failed godbus.Error
	if errors.As(err, &failed) && failed.Name == "org.freedesktop.systemd1.UnitExists" {
		return errUnitExists
	}
	if err != nil {
		return err
	}
	select {
	case result := <-done:
		if result != "done" {
			return fmt.Errorf("start %s: %s", name, result)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("start %s: %w", name, ctx.Err())
	}
}

// supervisorSettings are the variables of ours that a unit does not inherit.
func supervisorSettings() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "REGISTRY_AUTH_FILE", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "CONTAINERS_REGISTRIES_CONF"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
