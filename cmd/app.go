package cmd

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/term"

	"berth/cmd/output"
	"berth/engine"
	"berth/reconciler"
)

// app is what all commands share: the streams, the global flags and the engine,
// which is opened when a command first asks for it.
type app struct {
	build   Build
	in      io.Reader
	out     io.Writer
	err     io.Writer
	now     func() time.Time
	globals globals
	opened  *engine.Engine
	unit    string            // the Quadlet unit a supervisor carries this command out for, else ""
	folder  string            // where that unit works, else ""
	seen    reconciler.Events // what this command did to pods, for the supervisor
}

// globals are the flags every command takes.
type globals struct {
	root, runRoot, runtime, cgroupManager string
	storageDriver, networkDir, logLevel   string
	storageOpts, modules                  []string
	noSupervise                           bool
}

// engine opens the engine once.
func (a *app) engine() (*engine.Engine, error) {
	if a.opened != nil {
		return a.opened, nil
	}
	log, err := a.logger("text")
	if err != nil {
		return nil, err
	}
	e, err := engine.Open(a.options(log))
	if err != nil {
		return nil, err
	}
	a.opened = e
	return e, nil
}

func (a *app) options(log *slog.Logger) engine.Options {
	g := a.globals
	return engine.Options{
		Root: g.root, RunRoot: g.runRoot, Runtime: g.runtime, CgroupManager: g.cgroupManager, NetworkDir: g.networkDir,
		StorageDriver: g.storageDriver, StorageOpts: g.storageOpts, Modules: g.modules,
		Progress: a.err, ProgressTTY: isTerminal(a.err), Log: log, Version: a.build.Version,
	}
}

func (a *app) close() {
	if a.opened == nil {
		return
	}
	if err := a.opened.Close(); err != nil {
		fmt.Fprintln(a.err, "Warning: close engine:", err)
	}
}

// logger writes to standard error what --log-level lets through.
func (a *app) logger(format string) (*slog.Logger, error) {
	level, err := parseLevel(a.globals.logLevel)
	if err != nil {
		return nil, err
	}
	quietLibraries(level)
	o := &slog.HandlerOptions{Level: level}
	if format == "json" {
		logrus.SetFormatter(&logrus.JSONFormatter{TimestampFormat: time.RFC3339Nano})
		return slog.New(slog.NewJSONHandler(a.err, o)), nil
	}
	return slog.New(slog.NewTextHandler(a.err, o)), nil
}

// quietLibraries has containers/image and containers/storage, which log by a
// logger of their own, keep to the level.
func quietLibraries(level slog.Level) {
	logrus.SetLevel(logrus.WarnLevel)
	switch {
	case level <= slog.LevelDebug:
		logrus.SetLevel(logrus.DebugLevel)
	case level >= slog.LevelError:
		logrus.SetLevel(logrus.ErrorLevel)
	}
}

// parseLevel reads podman's level names.
func parseLevel(s string) (slog.Level, error) {
	switch strings.ToLower(s) {
	case "trace", "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "", "warn", "warning":
		return slog.LevelWarn, nil
	case "error", "fatal", "panic":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("--log-level %q: want one of debug, info, warn, error", s)
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// warn tells a person something that is no error.
func (a *app) warn(format string, args ...any) {
	fmt.Fprintln(a.err, "Warning: "+output.PrintableLines(fmt.Sprintf(format, args...)))
}

// withEngine is a command's body that needs the engine.
func (a *app) withEngine(ctx context.Context, do func(context.Context, *engine.Engine) error) error {
	e, err := a.engine()
	if err != nil {
		return err
	}
	return do(ctx, e)
}
