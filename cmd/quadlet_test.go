package cmd

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/tools/txtar"

	"berth/cmd/generator"
	"berth/quadlet"
	"berth/translate/option"
)

// TestServicesCallCommandsThereAre holds that each argument list of a unit file
// is a command line of ours: the command exists and knows every flag.
func TestServicesCallCommandsThereAre(t *testing.T) {
	for _, name := range []string{"container_keys", "kinds_keys", "references"} {
		for _, r := range quadlet.Convert(unitFiles(t, "../quadlet/testdata/"+name+".txtar"), quadlet.Options{Program: "/berth", Host: generator.Host{}}) {
			if r.Unit == nil {
				t.Errorf("%s: %v", r.Name, r.Problems)
				continue
			}
			u := r.Unit
			for _, c := range slices.Concat(u.Pre, u.Start, u.Reload, u.Stop, u.StopPost) {
				checkCall(t, r.Name, c.Args)
			}
		}
	}
}

// TestEachKeyOfAContainerMeansSomething has what run and pod create read taken
// apart: each key alone, with the value of the cases.
func TestEachKeyOfAContainerMeansSomething(t *testing.T) {
	for _, c := range []struct{ archive, file, section, base string }{
		{"container_keys", "all.container", "Container", "[Container]\nImage=localhost/app:1\n"},
		{"kinds_keys", "all.pod", "Pod", "[Pod]\n"},
	} {
		for _, in := range unitFiles(t, "../quadlet/testdata/"+c.archive+".txtar") {
			if in.Name != c.file {
				continue
			}
			f, _ := quadlet.Parse(in.Name, in.Path, in.Data)
			for _, l := range f.Section(c.section).Lines {
				switch l.Key {
				case "", "Image", "GlobalArgs", "ContainersConfModule", "ServiceName", "ReloadCmd":
					continue
				case "Group":
					l.Raw += "User=bin\n"
				case "IP", "IP6", "NetworkAlias":
					l.Raw += "Network=mine\n"
				case "LogOpt":
					l.Raw += "LogDriver=journald\n"
				case "HealthStartupInterval", "HealthStartupRetries", "HealthStartupSuccess", "HealthStartupTimeout":
					l.Raw += "HealthStartupCmd=true\n"
				}
				checkKey(t, in.Name, c.base+l.Raw)
			}
		}
	}
}

func checkKey(t *testing.T, file, text string) {
	t.Helper()
	r := quadlet.Convert([]quadlet.Input{{Name: file, Path: "/q/" + file, Data: []byte(text)}}, quadlet.Options{Program: "/berth", Host: generator.Host{}})[0]
	if r.Unit == nil {
		t.Errorf("%s: %v", text, r.Problems)
		return
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	var err error
	var said []string
	if r.Unit.Name.Kind == quadlet.Container {
		var run option.Run
		run.Register(flags)
		said = resolved(r.Unit, r.Unit.Start[0])[1:]
		if err = flags.Parse(said); err == nil {
			err = run.Check(flags.Args())
		}
	} else {
		var pod option.PodCreate
		pod.Register(flags)
		said = resolved(r.Unit, r.Unit.Pre[0])[2:]
		if err = flags.Parse(said); err == nil {
			err = pod.Check(flags.Args())
		}
	}
	if err != nil {
		t.Errorf("%s%q: %v", text, said, err)
	}
}

// resolved is an argument list as systemd would call it.
func resolved(u *quadlet.Unit, c quadlet.Command) []string {
	s := quadlet.UnitSpecifiers(u.Service)
	s['t'], s['h'] = "/run", "/root"
	var args []string
	for _, a := range quadlet.ExpandVariables(append([]string{"berth"}, c.Args...), func(string) string { return "/x" })[1:] {
		args = append(args, s.Expand(a))
	}
	return args
}

func unitFiles(t *testing.T, archive string) []quadlet.Input {
	t.Helper()
	data, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	var all []quadlet.Input
	for _, f := range txtar.Parse(data).Files {
		if f.Name != "want" {
			// PodmanArgs= of the cases is anything, not flags there are.
			text := strings.NewReplacer("PodmanArgs=--a\n", "", `PodmanArgs=--last "one two"`, "", `"--a b"`, "").Replace(string(f.Data))
			all = append(all, quadlet.Input{Name: f.Name, Path: "/q/" + f.Name, Data: []byte(text)})
		}
	}
	return all
}

func checkCall(t *testing.T, unit string, args []string) {
	t.Helper()
	root := tree()
	found, rest, err := root.Find(args)
	if err != nil || found == root || found.HasSubCommands() {
		t.Errorf("%s: there is no command %q", unit, args)
		return
	}
	if err := found.ParseFlags(rest); err != nil {
		t.Errorf("%s: %s: %v\n%q", unit, found.CommandPath(), err, args)
	}
}

func TestPlannedRemovals(t *testing.T) {
	one := func(u installed) removal { return removal{units: []installed{u}} }
	mine := []removal{
		one(installed{Name: "a.container"}), one(installed{Name: "b.volume"}),
		{app: "shop", units: []installed{{Name: "web.pod", App: "shop"}, {Name: "db.container", App: "shop"}}},
		{app: "old", units: []installed{{Name: "a.container", App: "old", Hidden: true}}}, one(installed{Name: "b.volume", Hidden: true}),
	}
	for _, c := range []struct {
		args  string
		flags quadletRmFlags
		want  string // an application's units are joined by +
		wrong string
	}{
		{"a.container b.volume", quadletRmFlags{}, "a.container b.volume", ""},
		{"shop", quadletRmFlags{recursive: true}, "web.pod+db.container", ""},
		{"web.pod db.container", quadletRmFlags{recursive: true}, "web.pod+db.container", ""},
		{"web.pod", quadletRmFlags{}, "", "web.pod is of the application shop, which is removed as a whole (web.pod, db.container): --recursive does so"},
		{"shop", quadletRmFlags{}, "", "shop is of the application shop"},
		{"a.contaner", quadletRmFlags{}, "", `there is no installed unit file or application a.contaner, did you mean "a.container"?`},
		{"gone.pod a.container", quadletRmFlags{ignore: true}, "a.container", ""},
		{"", quadletRmFlags{all: true}, "a.container b.volume web.pod+db.container a.container b.volume", ""},
		{"old", quadletRmFlags{recursive: true}, "a.container", ""},
		{"old", quadletRmFlags{}, "", "old is of the application old"},
	} {
		removals, err := plannedRemovals(mine, strings.Fields(c.args), c.flags)
		var got []string
		for _, r := range removals {
			got = append(got, strings.Join(unitNames(r.units), "+"))
		}
		said := ""
		if err != nil {
			said = err.Error()
		}
		if strings.Join(got, " ") != c.want || !strings.Contains(said, c.wrong) || (c.wrong == "") != (said == "") {
			t.Errorf("%s %+v: %v, %s", c.args, c.flags, got, said)
		}
	}
}

func TestUnitsAreFoundByPattern(t *testing.T) {
	for _, c := range []struct {
		name, pattern string
		want          bool
	}{
		{"web.container", "web.container", true}, {"web.container", "web", true}, {"web.container", "w*", true}, {"web.container", "*.pod", false}, {"", "*", false},
		{"web.container", "eb.con", true}, {"web.container", "^eb", false}, {"web.container", "^web|pod$", true}, {"", "web", false},
	} {
		if got, err := named(c.name, c.pattern); err != nil || got != c.want {
			t.Errorf("%s matches %s: %v, %v", c.name, c.pattern, got, err)
		}
	}
	for _, broken := range []string{"[", "("} {
		if _, err := named("a", broken); err == nil {
			t.Errorf("%s is a pattern", broken)
		}
	}
}

func TestPlacesOfSystemdAreThoseOfUnitFiles(t *testing.T) {
	results := quadlet.Convert([]quadlet.Input{{Name: "a.volume", Path: "/q/a.volume", Data: []byte("[Volume]\n[Service]\nRestrt=no\n")}},
		quadlet.Options{Program: "/berth", Host: generator.Host{}})
	number := 0
	for i, line := range strings.Split(string(results[0].Unit.Text()), "\n") {
		if line == "Restrt=no" {
			number = i + 1
		}
	}
	said := fmt.Sprintf("/tmp/x/a-volume.service:%d: Unknown key 'Restrt'\na-volume.service: Command x is missing\n/usr/lib/systemd/system/b.service:3: odd\n", number)
	want := []string{"/q/a.volume:3: Unknown key 'Restrt' (systemd-analyze)", "/q/a.volume: Command x is missing (systemd-analyze)"}
	if got := inUnitFiles(said, "/tmp/x", results); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Help comes from the command, what the flags do from the generator, which main
// runs before there are commands.
func TestGeneratorTakesTheFlagsItsHelpShows(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	defer func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) }()
	a := &app{now: time.Now}
	a.quadletGenerator().Flags().VisitAll(func(f *pflag.Flag) {
		for _, flag := range []string{"-" + f.Name, "--" + f.Name, "-" + cmp.Or(f.Shorthand, f.Name)} {
			if code := generator.Main("1", []string{"berth", "quadlet", "generator", "--version", flag}); code != 0 {
				t.Errorf("%s: exit code %d", flag, code)
			}
		}
	})
}

// TestWrongArgumentsOfUnits holds that all that is wrong whatever the host is found,
// at its line, and nothing that only the start can tell.
func TestWrongArgumentsOfUnits(t *testing.T) {
	units := map[string]string{
		"a.container":  "[Container]\nImage=a\nMemory=lots\nStopTimeout=soon\nPidsLimit=few\nPublishPort=${PORT}:80\nGlobalArgs=--log-level debug\n",
		"b@.container": "[Container]\nImage=a\nPublishPort=80%i:80\nContainerName=b-%i\nHostName=%H\nPodmanArgs=--frob\n",
		"c.pod":        "[Pod]\nIP=here\nPodmanArgs=--cpus many\n",
		"d.network":    "[Network]\nPodmanArgs=--frob\n",
		"e.volume":     "[Volume]\nGlobalArgs=--frob\n",
		"f.build":      "[Build]\nImageTag=a\nFile=/a\nPodmanArgs=--frob\n",
		"g.kube":       "[Kube]\nYaml=%h/a.yaml\nConfigMap=b.yaml\n",
	}
	var files []quadlet.Input
	for _, name := range slices.Sorted(maps.Keys(units)) {
		files = append(files, quadlet.Input{Name: name, Path: name, Data: []byte(units[name])})
	}
	a := &app{now: time.Now}
	var got []string
	for _, d := range a.wrongArguments(quadlet.Convert(files, quadlet.Options{Program: "/berth", Host: generator.Host{}})) {
		at, _, _ := strings.Cut(d.Error(), ": ")
		got = append(got, at)
	}
	want := []string{"a.container:5", "a.container:4", "a.container:3", "b@.container:6", "c.pod:2", "c.pod:3", "d.network:2", "e.volume:2"}
	if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("found at %v, want %v", got, want)
	}
}
