package cmd

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"log/slog"
	"os"
	"os/user"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"berth/cmd/generator"
	"berth/cmd/settings"
	"berth/engine"
	"berth/internal/hostexec"
	"berth/manifests"
	"berth/quadlet"
	"berth/reconciler"
)

// unitOptions have the loop run the Quadlet units of the folders; nil where there
// are none.
func (a *app) unitOptions(ctx context.Context, e *engine.Engine, s settings.Settings, log *slog.Logger) (*reconciler.UnitOptions, error) {
	if len(s.Folders) == 0 {
		return nil, nil
	}
	source, err := manifests.NewUnits(s.Folders, quadlet.Options{Program: "berth", User: os.Getuid() != 0, Host: generator.Host{}},
		manifests.FolderOptions{Log: log, Rescan: s.Rescan})
	if err != nil {
		return nil, err
	}
	host := a.optionHost(ctx, e)
	host.in, host.regular = strings.NewReader(""), true // units have no standard input, and wait for nobody
	o := &reconciler.UnitOptions{
		Source: source, Host: host, Specifiers: hostSpecifiers(), RunDir: e.Paths().Run, RemoveNetwork: e.Networks().RemoveOwned,
		Call: func(ctx context.Context, unit, folder string, args []string) error {
			return a.callFor(ctx, e, unit, cmp.Or(folder, "/"), args, log)
		},
	}
	if s.HostCommands {
		o.Command = hostCommand
	}
	return o, nil
}

// hostCommand runs a command of the host, in its root folder, as systemd does.
func hostCommand(ctx context.Context, args, env []string) error {
	inherited := slices.DeleteFunc(os.Environ(), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.Contains([]string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}, name) // are ours
	})
	_, err := hostexec.Run(ctx, hostexec.Cmd{Path: args[0], Args: args[1:], Env: append(inherited, env...), Dir: "/", Timeout: -1})
	return err
}

// callFor carries out a command of ours for a unit, in this process, as if that
// worked in the unit's folder.
func (a *app) callFor(ctx context.Context, e *engine.Engine, unit, folder string, args []string, log *slog.Logger) error {
	var out bytes.Buffer
	err := a.callAs(ctx, e, unit, folder, args, &out)
	for line := range strings.Lines(out.String()) {
		if text, is := strings.CutPrefix(strings.TrimSpace(line), "Warning: "); is {
			log.WarnContext(ctx, "unit warns", "unit", unit, "warning", text)
		}
	}
	return err
}

// callAs calls a command of ours in this process, as a unit does in a folder.
func (a *app) callAs(ctx context.Context, e *engine.Engine, unit, folder string, args []string, out io.Writer) error {
	sub := &app{build: a.build, in: strings.NewReader(""), out: out, err: out, now: a.now, opened: e, unit: unit, folder: folder}
	root := sub.root(args...)
	sub.globals = a.globals
	sub.globals.noSupervise = true // a supervisor is there
	root.SetArgs(args)
	root.SetIn(sub.in)
	root.SetOut(out)
	root.SetErr(out)
	return root.ExecuteContext(ctx)
}

// hostSpecifiers are systemd's specifiers that are about the host and who runs
// units on it: systemd.unit(5).
func hostSpecifiers() quadlet.Specifiers {
	s := quadlet.Specifiers{
		't': "/run", 'S': "/var/lib", 'C': "/var/cache", 'L': "/var/log", 'E': "/etc", 'T': "/tmp", 'V': "/var/tmp",
		'h': "/root", 's': "/bin/sh", 'u': "root", 'U': strconv.Itoa(os.Getuid()), 'g': "root", 'G': strconv.Itoa(os.Getgid()),
	}
	if run := os.Getenv("XDG_RUNTIME_DIR"); os.Getuid() != 0 && run != "" {
		s['t'] = run
	}
	if u, err := user.Current(); err == nil {
		s['u'], s['h'] = u.Username, u.HomeDir
	}
	if name, err := os.Hostname(); err == nil {
		s['H'] = name
		s['l'], _, _ = strings.Cut(name, ".")
	}
	var kernel unix.Utsname
	if unix.Uname(&kernel) == nil {
		s['v'] = unix.ByteSliceToString(kernel.Release[:])
	}
	for letter, path := range map[byte]string{'m': "/etc/machine-id", 'b': "/proc/sys/kernel/random/boot_id"} {
		if data, err := os.ReadFile(path); err == nil {
			s[letter] = strings.ReplaceAll(strings.TrimSpace(string(data)), "-", "")
		}
	}
	s['a'] = map[string]string{"amd64": "x86-64", "386": "x86", "arm64": "arm64", "arm": "arm", "riscv64": "riscv64"}[runtime.GOARCH]
	return s
}
