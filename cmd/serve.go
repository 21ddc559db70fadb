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
	"golang.org/x/sync/errgroup"

	"berth/cmd/settings"
	"berth/engine"
	"berth/engine/spec"
	"berth/manifests"
	"berth/reconciler"
)

// stopPodsTime bounds stopping all pods at the end, beside what they take themselves.
const stopPodsTime = 2 * time.Minute

type serveFlags struct {
	config, logFormat string
	stopPods          bool
	onDemand          bool
	rescan            time.Duration
}

func (a *app) serve() *cobra.Command {
	var f serveFlags
	preset := settings.Default()
	cmd := &cobra.Command{
		Use:   "serve [flags] [FOLDER...]",
		Short: "Keep what folders say running",
		Long: `Watches folders of Kubernetes YAML and keeps what they say running, and what kube play was given: new files are
played, changed objects made anew one by one, pods of removed files removed (the data of their claims stays).
Containers that end are started again by their restartPolicy.

A broken file changes nothing: what ran goes on, and the error stands in the log and in berth status. Ending
berth serve stops no pod, unless --stop-pods is given; the next one takes over what runs.

Settings stand in /etc/berth/berth.yaml: folders, rescan, stopPods, logLevel, logFormat. Flags go over them.`,
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
	loop := reconciler.NewLoop(reconciler.LoopOptions{
		Engine: e, Source: sources, Translate: translator(), Log: log, SlowPass: s.Rescan,
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
	go feedWatchdog(helpers, loop, log)
	err = supervisor.Run(ctx)
	notify(log, daemon.SdNotifyStopping)
	var other *reconciler.SupervisedError
	if errors.Is(err, reconciler.ErrSteppedDown) || onDemand && errors.As(err, &other) {
		return nil // what was to be supervised is
	}
	if err == nil && s.StopPods {
		return stopPods(context.WithoutCancel(ctx), e, sources.Owners(), log)
	}
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

// stopPods stops the pods of these owners, in parallel. It is no person's wish
// that they stay down: the next supervisor starts them.
func stopPods(ctx context.Context, e *engine.Engine, owners []string, log *slog.Logger) error {
	pods, err := e.Observe(ctx)
	errs := []error{err}
	ours := map[spec.Owner]bool{}
	for _, o := range owners {
		ours[spec.Owner(o)] = true
	}
	results := make([]error, len(pods))
	var g errgroup.Group
	for i, p := range pods {
		if !ours[p.Pod.Owner] || p.Sandbox == spec.SandboxNone {
			continue
		}
		g.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, p.Pod.TerminationGrace+stopPodsTime)
			defer cancel()
			results[i] = stopOne(ctx, e, &p.Pod)
			return nil
		})
	}
	_ = g.Wait() // the errors are in results
	log.Info("pods stopped")
	return errors.Join(append(errs, results...)...)
}

func stopOne(ctx context.Context, e *engine.Engine, pod *spec.Pod) error {
	unlock, err := e.Lock(ctx, pod.Key())
	if err != nil {
		return err
	}
	defer unlock()
	if err := e.StopPod(ctx, pod.ID, pod.TerminationGrace); err != nil {
		return fmt.Errorf("stop pod %s: %w", pod.Key(), err)
	}
	return nil
}
