package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"berth/cmd/generator"
	"berth/internal/hostexec"
	"berth/manifests/unitdir"
	"berth/quadlet"
)

func (a *app) quadlet() *cobra.Command {
	return newGroup("quadlet", "Work with Quadlet unit files",
		`Installs Quadlet unit files (.container, .pod, .kube, .network, .volume, .image, .build, .artifact), turns them into
systemd services, and finds what is wrong with them. Where berth serve runs them without systemd, it starts and stops
them. docs/quadlet.md lists every key.`,
		a.quadletInstall(), a.quadletList(), a.quadletPrint(), a.quadletRm(), a.quadletCheck(), a.quadletStart(), a.quadletStop(), a.quadletRestart(),
		a.quadletReload(), a.quadletReset(), a.quadletGenerator())
}

// quadletGenerator is here for help and completion: main runs the generator
// itself, before there are commands (package generator).
func (a *app) quadletGenerator() *cobra.Command {
	var o generator.Options
	cmd := &cobra.Command{
		Use:   "generator [flags] OUT [EARLY LATE]",
		Short: "Write a systemd service for each unit file",
		Long: `Reads the unit files of this host, or with --user those of the user, and writes their services into the folder
OUT. systemd calls it by the names berth-system-generator and berth-user-generator at boot and at each
daemon-reload, systemd.generator(7). QUADLET_UNIT_DIRS names other folders to read, parted by colons.

A unit file that cannot be used is reported, with file and line, and left out; all others are written, and the
exit code is 1. Flags may begin with one dash, as those of podman's generator.`,
		Example: `  berth quadlet generator --dryrun
  berth quadlet generator --user --dryrun
  berth quadlet generator /run/systemd/generator`,
		Args: cobra.MaximumNArgs(3),
		RunE: func(_ *cobra.Command, args []string) error {
			o.Out = args
			return exit(generator.Run(o, a.build.Version, a.out, a.err))
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.User, "user", false, "generate the services of a user's systemd")
	f.BoolVar(&o.DryRun, "dryrun", false, "print the services, write nothing")
	f.BoolVarP(&o.Verbose, "verbose", "v", false, "say which folders and files were read")
	f.BoolVar(&o.NoKmsg, "no-kmsg-log", false, "report problems on standard error only")
	f.BoolVar(&o.Version, "version", false, "print the version")
	f.SortFlags = false
	return cmd
}

func (a *app) quadletCheck() *cobra.Command {
	var user bool
	cmd := &cobra.Command{
		Use:   "check [flags] [DIR...]",
		Short: "Find everything that is wrong with unit files",
		Long: `Reads the unit files below the folders, or, without one, those the generator reads, and reports every problem with
file and line, also options of containers and pods that no start could honour. Where systemd-analyze is installed, it
looks at the services they stand for, too, and finds keys of [Unit] and [Service] that systemd would leave out.
Nothing is written or started. The exit code is 1 if anything but a warning was found.`,
		Example: `  berth quadlet check
  berth quadlet check ./units
  berth quadlet check --user`,
		RunE: func(cmd *cobra.Command, dirs []string) error {
			return a.checkUnits(cmd.Context(), dirs, user)
		},
	}
	cmd.Flags().BoolVar(&user, "user", asUser(), "check as a user's systemd would read them")
	return cmd
}

func (a *app) checkUnits(ctx context.Context, dirs []string, user bool) error {
	units, err := readUnits(dirs, user)
	if err != nil {
		return err
	}
	results := quadlet.Convert(units.Files, quadlet.Options{Program: generator.Program(), User: user, Host: generator.Host{}})
	bad := 0
	for _, line := range generator.Lines(units.Problems, results) {
		fmt.Fprintln(a.err, line.Text)
		if !line.Warning {
			bad++
		}
	}
	for _, d := range a.wrongArguments(results) {
		fmt.Fprintln(a.err, d)
		bad++
	}
	found, err := verifyServices(ctx, results, user)
	if err != nil {
		return err
	}
	for _, line := range found {
		fmt.Fprintln(a.err, line)
		bad++
	}
	if bad > 0 {
		return exit(1)
	}
	fmt.Fprintf(a.out, "nothing is wrong (unit files read: %d)\n", len(units.Files))
	return nil
}

// readUnits reads the folders, or those the generator reads.
func readUnits(dirs []string, user bool) (unitdir.Units, error) {
	if len(dirs) == 0 {
		return unitdir.Read(generator.Path(user)), nil
	}
	for i, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil {
			return unitdir.Units{}, err
		}
		if !info.IsDir() {
			return unitdir.Units{}, fmt.Errorf("%s is no folder", dir)
		}
		if dirs[i], err = filepath.Abs(dir); err != nil {
			return unitdir.Units{}, err
		}
	}
	return unitdir.Read(dirs), nil
}

// verifyServices has systemd-analyze look at the services, in a folder that is
// gone afterwards.
func verifyServices(ctx context.Context, results []quadlet.Result, user bool) ([]string, error) {
	analyze, err := hostexec.Find("systemd-analyze", nil)
	if missing := (*hostexec.MissingError)(nil); errors.As(err, &missing) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "berth-check-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := generator.Write(dir, results); err != nil {
		return nil, err
	}
	args := []string{"verify", "--man=no"}
	if user {
		args = append([]string{"--user"}, args...)
	}
	n := len(args)
	for _, r := range results {
		if r.Unit != nil && !r.Unit.Name.Abstract() {
			args = append(args, filepath.Join(dir, r.Unit.Service))
		}
	}
	if len(args) == n {
		return nil, nil
	}
	var said bytes.Buffer // also what it only warns of: systemd would leave it out
	_, err = hostexec.Run(ctx, hostexec.Cmd{Path: analyze, Args: args, Env: analyzeEnv(dir), Stderr: &said})
	var failed *hostexec.ExitError
	if err != nil && !errors.As(err, &failed) {
		return nil, err
	}
	return inUnitFiles(said.String(), dir, results), nil
}

// analyzeEnv has systemd-analyze find the services in a folder, and the rest
// where it always is. Its user mode starts only where there is a runtime folder.
func analyzeEnv(dir string) []string {
	env := append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":", "SYSTEMD_LOG_LEVEL=warning")
	if os.Getenv("XDG_RUNTIME_DIR") == "" {
		env = append(env, "XDG_RUNTIME_DIR="+dir)
	}
	return env
}

// inUnitFiles are the lines systemd-analyze wrote of our services, with their
// places in unit files.
func inUnitFiles(said, dir string, results []quadlet.Result) []string {
	units := map[string]*quadlet.Unit{}
	for _, r := range results {
		if r.Unit != nil {
			units[r.Unit.Service] = r.Unit
		}
	}
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSpace(said), "\n") {
		line = strings.ReplaceAll(line, dir+"/", "")
		service, rest, _ := strings.Cut(line, ":")
		number, message, placed := strings.Cut(rest, ":")
		n, err := strconv.Atoi(number)
		u := units[service]
		if u == nil || strings.Contains(message, "'UpheldBy' in section [Install]") {
			continue // of the host's other units, a summary, or what the generator does for an older systemd
		}
		if placed && err == nil {
			lines = append(lines, u.Origin(n).String()+":"+message+" (systemd-analyze)")
		} else {
			lines = append(lines, u.Path+":"+rest+" (systemd-analyze)")
		}
	}
	return lines
}
