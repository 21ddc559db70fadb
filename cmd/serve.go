package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"berth/cmd/settings"
	"berth/engine"
	"berth/engine/spec"
	"berth/manifests"
	"berth/reconciler"
)

type serveFlags struct {
	config, logFormat string
	stopPods          bool
	onDemand          bool
	noEviction        bool
	hostCommands      bool
	rescan            time.Duration
}

func (a *app) serve() *cobra.Command {
	var f serveFlags
	preset := settings.Default()
	cmd := &cobra.Command{
		Use:   "serve [flags] [FOLDER...]",
		Short: "Keep what folders say running",
		Long: `Watches folders of Kubernetes YAML and Quadlet units and keeps what they say running, and what kube play was
given: new files are played, changed objects made anew one by one, what removed files made is removed (the data of
volumes stays). Containers that end are started again by their restartPolicy, or by Restart= of their unit.

Quadlet units (*.container, *.pod, *.kube, *.volume, *.network, *.image) need no systemd: they are started in their
order if [Install] says WantedBy= a target that is reached at boot, such as default.target, or if another unit wants
them, and started again as Restart=, RestartSec= and StartLimitBurst= say. "berth get quadlets" shows them. What only
systemd can do is refused by file and line.

A broken file changes nothing: what ran goes on, and the error stands in the log and in berth status. Ending
berth serve stops no pod, unless --stop-pods is given; the next one takes over what runs.

Where the host runs short of memory or disk, garbage is removed and then one pod after another ended, as the
kubelet does; --no-eviction leaves pods alone.

Settings stand in /etc/berth/berth.yaml: folders, rescan, stopPods, allowHostCommands, logLevel, logFormat, eviction,
and when there is too little of what. Flags go over them.`,
		Example: `  berth serve /etc/berth/manifests
  berth serve --log-level debug --log-format json ./manifests
  berth serve --stop-pods ./manifests`,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := f.settings(cmd, args)
			if err != nil {
				return err
			}
			debug.SetGCPercent(100) // it stays: what it keeps counts more than what it spends
			return a.runServe(cmd.Context(), s, f.onDemand)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.config, "config", settings.Path, "read the settings from this `file`")
	flags.BoolVar(&f.stopPods, "stop-pods", preset.StopPods, "stop the pods at the end")
	flags.BoolVar(&f.onDemand, "on-demand", false, "watch no folder, end when nothing is left to supervise, and give way to a berth serve without this flag")
	flags.BoolVar(&f.noEviction, "no-eviction", !preset.Eviction, "end no pod because memory or disk run short")
	flags.BoolVar(&f.hostCommands, "allow-host-commands", preset.HostCommands, "run the host's commands that Quadlet units name in ExecStartPre= and its kin")
	flags.DurationVar(&f.rescan, "rescan", preset.Rescan, "read everything again after this `time`, though nothing seems to have changed")
	flags.StringVar(&f.logFormat, "log-format", preset.LogFormat, "write the log as `text` or json")
	complete(cmd, "log-format", settings.Formats()...)
	return cmd
}

// settings are those of the file, with what the command line says over them.
func (f *serveFlags) settings(cmd *cobra.Command, args []string) (settings.Settings, error) {
	if cmd.Flags().Changed("config") {
		if _, err := os.Stat(f.config); err != nil {
			return settings.Settings{}, fmt.Errorf("read settings: %w", err)
		}
	}
	s, err := settings.Read(f.config)
	if err != nil {
		return s, err
	}
	s.Folders = append(s.Folders, args...)
	if f.onDemand {
		if len(args) > 0 {
			return s, usageError(cmd, "--on-demand watches no folder")
		}
		s.Folders, s.StopPods = nil, false
	}
	changed := cmd.Flags().Changed
	if changed("stop-pods") {
		s.StopPods = f.stopPods
	}
	if changed("no-eviction") {
		s.Eviction = !f.noEviction
	}
	if changed("allow-host-commands") {
		s.HostCommands = f.hostCommands
	}
	if changed("rescan") {
		s.Rescan = f.rescan
	}
	if changed("log-format") {
		s.LogFormat = f.logFormat
	}
	if level := cmd.Flag("log-level"); level.Changed {
		s.LogLevel = level.Value.String()
	}
	return s, s.Check()
}

func (a *app) runServe(ctx context.Context, s settings.Settings, onDemand bool) error {
	a.globals.logLevel = s.LogLevel
	log, err := a.logger(s.LogFormat)
	if err != nil {
		return err
	}
	options := a.options(log)
	options.Progress = nil // the log says what is fetched
	e, err := engine.Open(options)
	if err != nil {
		return err
	}
	a.opened = e
	sources, err := a.sources(e, s, log)
	if err != nil {
		return err
	}
	units, err := a.unitOptions(ctx, e, s, log)
	if err != nil {
		return err
	}
	loop := reconciler.NewLoop(reconciler.LoopOptions{
		Engine: e, Source: sources, Translate: translator(), Log: log, SlowPass: s.Rescan,
		Pressure: pressureOptions(e, s), Units: units,
	})
	supervisor := &reconciler.Supervisor{
		Loop: loop, RunDir: e.Paths().Run, Version: a.build.Version, Log: log, OnDemand: onDemand,
		Ready: func() {
			log.Info("supervising", "version", a.build.Version, "folders", s.Folders)
			notify(log, daemon.SdNotifyReady)
		},
	}
	helpers, cancel := context.WithCancel(ctx)
	defer cancel()
	go wakeOnHangup(helpers, loop)
	go wakeOnClockSet(helpers, loop, log)
	go feedWatchdog(helpers, loop, log)
	go freeMemory(helpers)
	if !onDemand { // one that starts at boot
		go sweep(helpers, e, log)
	}
	working, end := context.WithCancel(ctx)
	defer end()
	shutdown := watchShutdown(working, log, end)
	if shutdown != nil {
		defer shutdown.release()
	}
	err = supervisor.Run(working)
	notify(log, daemon.SdNotifyStopping)
	var other *reconciler.SupervisedError
	if errors.Is(err, reconciler.ErrSteppedDown) || onDemand && errors.As(err, &other) {
		return nil // what was to be supervised is
	}
	if err != nil {
		return err
	}
	return a.stopPods(ctx, e, s, loop, shutdown, log)
}

// pressureOptions are what the settings say of memory and disk that run short.
func pressureOptions(e *engine.Engine, s settings.Settings) *reconciler.PressureOptions {
	o := &reconciler.PressureOptions{Engine: e, ImageHigh: s.ImageHigh, ImageLow: s.ImageLow, ImageAge: s.ImageAge}
	if s.Eviction {
		o.Thresholds = s.Thresholds
	}
	if o.Node, _ = os.Hostname(); o.Node == "" {
		o.Node = "localhost"
	}
	return o
}

// stopPods stops pods at the supervisor's end: all of them if the host goes
// down, else those of the sources, and only if the settings say so.
func (a *app) stopPods(ctx context.Context, e *engine.Engine, s settings.Settings, loop *reconciler.Loop, shutdown *hostShutdown, log *slog.Logger) error {
	hostEnds := shutdown != nil && shutdown.going.Load()
	var within time.Duration
	if hostEnds {
		within = max(shutdown.given-shutdownReserve, shutdown.given/2)
	}
	ctx = context.WithoutCancel(ctx)
	hostEnds = hostEnds || hostStops(ctx)
	if !hostEnds && !s.StopPods {
		return nil
	}
	ours := func(o spec.Owner) bool { return hostEnds || loop.Owns(o) }
	applier := a.applier(e)
	applier.Log = log
	err := errors.Join(applier.Shutdown(ctx, ours, within), loop.ForgetUnits(ctx))
	log.Info("pods stopped")
	return err
}

// sources are the folders, then what kube play was given.
func (a *app) sources(e *engine.Engine, s settings.Settings, log *slog.Logger) (*manifests.Merged, error) {
	o := manifests.FolderOptions{Log: log, Rescan: s.Rescan}
	var list []manifests.Source
	for _, dir := range s.Folders {
		folder, err := manifests.NewFolder(dir, o)
		if err != nil {
			return nil, err
		}
		list = append(list, folder)
	}
	store, err := manifests.NewStore(e.Paths().Objects(), o)
	if err != nil {
		return nil, err
	}
	return manifests.Merge(append(list, store)...), nil
}

// sweep clears away what a power cut left, once; it ends by itself, or with ctx.
func sweep(ctx context.Context, e *engine.Engine, log *slog.Logger) {
	started, err := engine.MachineStart()
	if err == nil {
		err = e.SweepLayers(ctx, started)
	}
	if err != nil && ctx.Err() == nil {
		log.Warn("what the machine's end left is not cleared away: see system check", "error", err)
	}
}

// notify tells systemd, where it started us, how we do.
func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("systemd could not be told", "state", state, "error", err)
	}
}

// wakeOnHangup looks at everything anew on SIGHUP, until ctx ends.
func wakeOnHangup(ctx context.Context, loop *reconciler.Loop) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			loop.Wake()
		}
	}
}

// feedWatchdog tells systemd's watchdog, where it is set, that the loop still
// answers, until ctx ends.
func feedWatchdog(ctx context.Context, loop *reconciler.Loop, log *slog.Logger) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		return
	}
	tick := time.NewTicker(interval / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = loop.Status() // does not return if the loop is stuck
			notify(log, daemon.SdNotifyWatchdog)
		}
	}
}
