package generator

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"berth/internal/source"
	"berth/manifests/unitdir"
	"berth/quadlet"
)

// Names the program is linked to in systemd's folders of generators.
const (
	SystemName = "berth-system-generator"
	UserName   = "berth-user-generator"
)

// Called says whether the command line is the generator's, and its arguments.
// The words "quadlet generator" have to come first. Who asks for help gets
// the usual one.
func Called(argv []string) (args []string, ok bool) {
	switch filepath.Base(argv[0]) {
	case SystemName:
		return argv[1:], true
	case UserName:
		return append([]string{"--user"}, argv[1:]...), true
	}
	if len(argv) < 3 || argv[1] != "quadlet" || argv[2] != "generator" {
		return nil, false
	}
	for _, a := range argv[3:] {
		if strings.TrimLeft(a, "-") == "help" || a == "-h" {
			return nil, false
		}
	}
	return argv[3:], true
}

// Options is the command line.
type Options struct {
	User, DryRun, Verbose, NoKmsg, Version bool
	Systemd                                bool     // systemd is calling, by the generator's name
	Out                                    []string // normal, early and late folder; the first is written to
}

// Main runs the generator and returns the exit code.
func Main(version string, argv []string) int {
	args, _ := Called(argv)
	// It is over before it has made garbage worth collecting.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(256 << 20)
	var o Options
	f := flag.NewFlagSet("generator", flag.ContinueOnError) // takes one dash or two, as podman's does
	f.SetOutput(io.Discard)
	f.BoolVar(&o.User, "user", false, "")
	f.BoolVar(&o.DryRun, "dryrun", false, "")
	f.BoolVar(&o.Verbose, "v", false, "")
	f.BoolVar(&o.Verbose, "verbose", false, "")
	f.BoolVar(&o.NoKmsg, "no-kmsg-log", false, "")
	f.BoolVar(&o.Version, "version", false, "")
	if err := f.Parse(args); err != nil {
		fmt.Fprintf(os.Stderr, "Error: %v\nSee 'berth quadlet generator --help'\n", err)
		return 1
	}
	o.Out = f.Args()
	name := filepath.Base(argv[0])
	o.Systemd = !o.DryRun && (name == SystemName || name == UserName)
	return Run(o, version, os.Stdout, os.Stderr)
}

// Run generates the services and returns the exit code.
func Run(o Options, version string, stdout, stderr io.Writer) int {
	if o.Version {
		fmt.Fprintln(stdout, version)
		return 0
	}
	log := newLog(stderr, !o.NoKmsg && o.Systemd)
	defer log.close()
	if !o.DryRun && len(o.Out) == 0 {
		log.error("missing output directory argument")
		return 1
	}
	path := Path(o.User)
	if other := Rival(o.User); o.Systemd && other != "" {
		// Both would write services of the same names, and the last one would win.
		path = slices.DeleteFunc(path, func(dir string) bool { return !unitdir.Own(dir) })
		log.info(other + " is in place: podman's folders are left to it; a link to /dev/null of that name in /etc/systemd leaves them to berth")
	}
	units := unitdir.Read(path)
	if o.Verbose {
		for _, dir := range units.Folders {
			log.info("read " + dir)
		}
	}
	results := quadlet.Convert(units.Files, quadlet.Options{Program: Program(), User: o.User, Host: Host{}})
	failed := report(log, units.Problems, results)
	var err error
	if o.DryRun {
		err = print(stdout, results)
	} else {
		err = Write(o.Out[0], results)
	}
	if err != nil {
		for _, line := range strings.Split(err.Error(), "\n") {
			log.error(line)
		}
		failed = true
	}
	if o.Verbose {
		for _, r := range results {
			if r.Unit != nil {
				log.info(fmt.Sprintf("%s: %s", r.Unit.Path, r.Unit.Service))
			}
		}
	}
	if failed {
		return 1
	}
	return 0
}

// Path is where unit files of this host, or of the user, lie.
func Path(user bool) []string { return unitdir.Path(Who(user)) }

// Who asks for unit files.
func Who(user bool) unitdir.Who {
	home, err := os.UserHomeDir()
	if err != nil {
		home = "" // no folder of the user's, then
	}
	return unitdir.Who{User: user, UID: os.Getuid(), Getenv: os.Getenv, Home: home}
}

// Program is what services call: this binary, wherever it lies.
func Program() string {
	if p := os.Getenv("BERTH"); filepath.IsAbs(p) {
		return p
	}
	if p, err := os.Executable(); err == nil && !strings.HasSuffix(p, " (deleted)") {
		return p
	}
	return "/usr/local/bin/berth"
}

// generatorDirs is where systemd looks for generators: the first of a name
// counts, systemd.generator(7).
func generatorDirs() []string {
	return []string{"/run/systemd", "/etc/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd"}
}

// Rival is podman's generator, if systemd calls that, too.
func Rival(user bool) string { return rival(user, generatorDirs()) }

func rival(user bool, dirs []string) string {
	kind := "system"
	if user {
		kind = "user"
	}
	for _, dir := range dirs {
		path := fmt.Sprintf("%s/%s-generators/podman-%s-generator", dir, kind, kind)
		info, err := os.Stat(path)
		if err == nil && info.Mode().IsRegular() {
			return path
		}
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return "" // masked
		}
	}
	return ""
}

// report says what is wrong, in a line each, and whether something is.
func report(log *log, problems source.Diagnostics, results []quadlet.Result) bool {
	failed := false
	for _, line := range Lines(problems, results) {
		if line.Warning {
			log.warning(line.Text)
		} else {
			log.error(line.Text)
			failed = true
		}
	}
	return failed
}

// Line is a problem as a person reads it.
type Line struct {
	Text    string
	Warning bool
}

// Lines are all problems: those of reading, then those of each unit.
func Lines(problems source.Diagnostics, results []quadlet.Result) []Line {
	var all []Line
	for _, p := range problems {
		all = append(all, Line{p.Error(), p.Warning})
	}
	for _, r := range results {
		for _, p := range r.Problems.Warnings() {
			all = append(all, Line{fmt.Sprintf("%s: Warning: %s", p.Pos, p.Message), true})
		}
		errs, _ := errors.AsType[source.Diagnostics](r.Problems.Err())
		for _, p := range errs {
			all = append(all, Line{fmt.Sprintf("%s: converting %q: %s", p.Pos, r.Name, p.Message), false})
		}
	}
	return all
}
