package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"berth/engine/spec"
	"berth/internal/source"
)

// result is what a command line did.
type result struct {
	out, err string
	code     int
}

// run runs a command line in an engine root of its own.
func run(t *testing.T, dir, in string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	a := &app{
		build: Build{Version: "1.2.3"}, in: strings.NewReader(in), out: &out, err: &errs,
		now: func() time.Time { return time.Date(2025, 3, 4, 12, 0, 0, 0, time.UTC) },
	}
	args = append([]string{"--root", dir + "/root", "--runroot", dir + "/run"}, args...)
	code := exitCode(a.err, a.execute(t.Context(), args))
	return result{out.String(), errs.String(), code}
}

func tree() *cobra.Command {
	return (&app{in: strings.NewReader(""), out: &bytes.Buffer{}, err: &bytes.Buffer{}, now: time.Now}).root()
}

func walk(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, sub := range c.Commands() {
		walk(sub, visit)
	}
}

func TestEveryCommandIsDescribed(t *testing.T) {
	walk(tree(), func(c *cobra.Command) {
		path := c.CommandPath()
		c.InitDefaultHelpFlag() // panics where -h is something else's
		if c.Short == "" || c.Long == "" || c.Example == "" {
			t.Errorf("%s: short, long or example is missing", path)
		}
		if strings.HasSuffix(c.Short, ".") || len(c.Short) > 80 {
			t.Errorf("%s: short help is to be a phrase: %q", path, c.Short)
		}
		if c.RunE == nil {
			t.Errorf("%s does nothing", path)
		}
		if c.HasParent() && !c.HasSubCommands() && c.Name() != "help" && !strings.Contains(c.Example, path) {
			t.Errorf("%s: its example is of another command:\n%s", path, c.Example)
		}
		for line := range strings.SplitSeq(c.Long, "\n") {
			if len([]rune(line)) > 120 {
				t.Errorf("%s: help is wider than 120 characters: %s", path, line)
			}
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s has no help", path, f.Name)
			}
		})
	})
}

// For a command line that names a command no other is made.
func TestACommandIsMadeByItsName(t *testing.T) {
	whole := tree()
	a := &app{in: strings.NewReader(""), out: &bytes.Buffer{}, err: &bytes.Buffer{}, now: time.Now}
	for _, c := range a.commands() {
		for _, args := range [][]string{{c.name, "x"}, {"--root", "x", "--no-supervise", "--log-level=debug", c.name, "--root"}} {
			found := a.root(args...).Commands()
			if len(found) != 1 || found[0].Name() != c.name {
				t.Errorf("berth %s: %d commands are made, the first is %s", strings.Join(args, " "), len(found), found[0].Name())
			}
		}
	}
	for _, args := range [][]string{nil, {"--root", "ps"}, {"--help", "ps"}, {"--rot", "ps"}, {"help", "ps"}, {"__complete", "ps"}, {"pss"}} {
		if n := len(a.root(args...).Commands()); n != len(whole.Commands()) {
			t.Errorf("berth %s: %d of %d commands are made", strings.Join(args, " "), n, len(whole.Commands()))
		}
	}
}

func TestExamplesParse(t *testing.T) {
	walk(tree(), func(c *cobra.Command) {
		for line := range strings.SplitSeq(c.Example, "\n") {
			_, call, ok := strings.Cut(line, "berth ")
			if !ok || strings.ContainsAny(line, "|>") || strings.Contains(line, "&&") {
				continue
			}
			words := fields(call)
			found, rest, err := tree().Find(words)
			if err != nil || found.HasSubCommands() {
				t.Errorf("%s: %q is no command: %v", c.CommandPath(), line, err)
				continue
			}
			if err := found.ParseFlags(rest); err != nil {
				t.Errorf("%s: %q: %v", c.CommandPath(), line, err)
				continue
			}
			if found.Args != nil {
				if err := found.Args(found, found.Flags().Args()); err != nil {
					t.Errorf("%s: %q: %v", c.CommandPath(), line, err)
				}
			}
		}
	})
}

// fields splits at blanks, but not within double quotes.
func fields(s string) []string {
	var words []string
	for i, part := range strings.Split(s, `"`) {
		if i%2 == 1 {
			words = append(words, part)
			continue
		}
		words = append(words, strings.Fields(part)...)
	}
	return words
}

func TestHelp(t *testing.T) {
	for args, want := range map[string]string{
		"--help":           "Available Commands:",
		"help kube play":   "berth kube play web.yaml",
		"pod ps --help":    "--ctr-names",
		"":                 "Available Commands:",
		"play kube --help": "berth play kube web.yaml",
		"build --help":     "berth builds no images",
		"artifact --help":  "berth keeps no OCI artifacts",
	} {
		r := run(t, t.TempDir(), "", strings.Fields(args)...)
		if r.code != 0 || !strings.Contains(r.out, want) {
			t.Errorf("berth %s: code %d, %s%s", args, r.code, r.out, r.err)
		}
	}
	r := run(t, t.TempDir(), "", "--help")
	if strings.Contains(r.out, "\n  play ") {
		t.Error("the older name of kube play is listed")
	}
}

func TestMistakesOnTheCommandLine(t *testing.T) {
	for args, want := range map[string]string{
		"pss":                                `unrecognized command 'berth pss', did you mean "ps"?`,
		"pod strat":                          `unrecognized command 'berth pod strat', did you mean "start"?`,
		"image frobnicate":                   "Try 'berth image --help'",
		"help pod strat":                     `did you mean "start"?`,
		"pod":                                "missing command 'berth pod COMMAND'",
		"ps --al":                            "unknown flag: --al, did you mean --all?",
		"kube play --replce x.yaml":          "unknown flag: --replce, did you mean --replace?",
		"ps extra":                           "'berth ps' takes no arguments",
		"ps --sort siez":                     "want one of command, created",
		"ps --filter running":                "want key=value",
		"ps --filter statsu=x":               `did you mean "status"?`,
		"ps --last 2 --latest":               "--last and --latest cannot be used together",
		"pod ps -q --format json":            "--quiet and --format cannot be used together",
		"stop":                               "'berth stop' needs the name or ID of a container",
		"stop --all web":                     "no names can be given together with --all",
		"stop --all --latest":                "--all and --latest cannot be used together",
		"stop -t soon web":                   "want a number of seconds",
		"exec web":                           "'berth exec' needs a container and a command",
		"exec --env =x web true":             `--env "=x": the name is missing: write NAME=value`,
		"exec --detach-keys ctrl-- w t":      "detach keys",
		"kube play":                          "'berth kube play' needs a file, a folder, a URL or -",
		"kube play --force x.yaml":           "--force is only for --down",
		"kube play --publish x x.yaml":       "--publish",
		"kube play /nowhere/x.yaml":          "/nowhere/x.yaml",
		"kube down /nowhere/x.yaml":          "/nowhere/x.yaml",
		"logs --since x web":                 "is not a time",
		"wait --condition gone web":          "want one of",
		"tag one":                            "'berth tag' needs an image and a name for it",
		"volume create --label =x":           `--label "=x": want key=value`,
		"network create --subnet x n":        "want an address range",
		"network create --gateway 1.1.1.1 n": "need a --subnet each",
		"network create --subnet 10.1.0.0/24 --ip-range 9 n": "--ip-range",
		"network create --route 10.2.0.0/16 n":               "want destination,gateway[,metric]",
		"network create --route 10.2.0.0/16,::1 n":           "of the same family",
		"network create --route 10.2.0.0/16,10.1.0.2,x n":    "want a number as metric",
		"network create --opt parent=eth0 n":                 "is not for the driver bridge",
		"network create podman":                              "takes that word for something else",
		"network create host":                                "takes that word for something else",
		"network create --ipam-driver dhcp n":                "DHCP proxy",
		"network update n":                                   "nothing to change",
		"pull --retry-delay soon x":                          "invalid duration",
		"system prune --filter name=x":                       "filters are label, label!, until",
		"container prune --filter x=y":                       "no filter",
		"build -t x --squash .":                              "'podman build' or 'buildah build'",
		"image build .":                                      "'podman build' or 'buildah build'",
		"artifact pull --quiet quay.io/x":                    "use 'podman artifact pull' or oras",
		"artifact frob":                                      "unrecognized command",
		"commit":                                             "needs a container",
		"commit a b c":                                       "needs a container",
		"commit web":                                         "no such object",
		"commit --format tar web":                            "want one of oci, docker",
		"import":                                             "needs an archive",
		"import /nowhere.tar":                                "no such file",
		"import --change RUN=x -":                            "cannot be changed by RUN",
		"network reload":                                     "needs the name or ID of a container",
		"completion tcsh":                                    "there is no completion",
		"--log-level loud ps":                                "--log-level",
		"inspect --type thing x":                             "want one of all, container",
		"pull --platform linux/arm64 --arch arm64 x":         "cannot be used together",
		"save --format oci-dir x":                            "needs --output",
		"serve --config /nowhere.yaml":                       "read settings",
		"serve --rescan 1ms":                                 "want a second or more",
		"serve --log-format yaml":                            "want one of text, json",
		"ps --format {{.Nothing":                             "--format",
	} {
		r := run(t, t.TempDir(), "", strings.Fields(args)...)
		if r.code != 125 || !strings.HasPrefix(r.err, "Error: ") || !strings.Contains(r.err, want) {
			t.Errorf("berth %s: code %d\n%swant %s", args, r.code, r.err, want)
		}
		if r.out != "" {
			t.Errorf("berth %s printed %s", args, r.out)
		}
	}
}

func TestWhatIsNotThere(t *testing.T) {
	for args, want := range map[string]int{
		"pod exists web":        1,
		"container exists web":  1,
		"volume exists data":    1,
		"network exists back":   1,
		"pod rm web":            1,
		"pod rm --ignore web":   0,
		"pod rm --force web":    0,
		"rm web":                1,
		"rm --force web":        0,
		"volume rm data":        1,
		"volume rm -f data":     0,
		"network rm back":       1,
		"network rm -f back":    0,
		"stop web":              125,
		"stop --ignore web":     0,
		"stop --all":            0,
		"pod stop web":          125,
		"start web":             125,
		"kill web":              125,
		"wait web":              125,
		"logs web":              125,
		"exec web true":         125,
		"attach web":            125,
		"pod inspect web":       125,
		"volume inspect data":   125,
		"network inspect other": 125,
		"status":                1,
	} {
		r := run(t, t.TempDir(), "", strings.Fields(args)...)
		if r.code != want {
			t.Errorf("berth %s: code %d, want %d\n%s", args, r.code, want, r.err)
		}
		silent := want == 0 || strings.Contains(args, "exists")
		if silent != (r.err == "") {
			t.Errorf("berth %s: said %q", args, r.err)
		}
	}
}

func TestEmptyHost(t *testing.T) {
	for args, want := range map[string]string{
		"ps":                                   "CONTAINER ID  IMAGE       COMMAND     CREATED     STATUS      PORTS       NAMES\n",
		"ps --noheading":                       "",
		"ps -q":                                "",
		"ps --format json":                     "[]\n",
		"ps -a -p":                             "CONTAINER ID  IMAGE       COMMAND     CREATED     STATUS      PORTS       NAMES       POD ID      PODNAME\n",
		"ps --ns":                              "CONTAINER ID  NAMES       PID         CGROUPNS    IPC         MNT         NET         PIDNS       USERNS      UTS\n",
		"ps -n 3":                              "CONTAINER ID  IMAGE       COMMAND     CREATED     STATUS      PORTS       NAMES\n",
		"container ls -q":                      "",
		"pod ps":                               "POD ID      NAME        STATUS      CREATED     INFRA ID    # OF CONTAINERS\n",
		"pod ls --ctr-names":                   "POD ID      NAME        STATUS      CREATED     INFRA ID    NAMES\n",
		"pod list --format json":               "[]\n",
		"volume ls":                            "DRIVER      VOLUME NAME\n",
		"network ls":                           "NETWORK ID  NAME        DRIVER\n",
		"version --format {{.Client.Version}}": "1.2.3\n",
		"--version":                            "berth version 1.2.3\n",
	} {
		r := run(t, t.TempDir(), "", strings.Fields(args)...)
		if r.code != 0 || r.out != want || r.err != "" {
			t.Errorf("berth %s: code %d\n%q\nwant\n%q\n%s", args, r.code, r.out, want, r.err)
		}
	}
}

func TestVolumes(t *testing.T) {
	dir := t.TempDir()
	steps := []struct {
		args, out, err string
		code           int
	}{
		{"volume create --label app=web data", "data\n", "", 0},
		{"volume create data", "", "already exists", 125},
		{"volume create --ignore data", "data\n", "", 0},
		{"volume create other", "other\n", "", 0},
		{"volume ls", "DRIVER      VOLUME NAME\nlocal       data\nlocal       other\n", "", 0},
		{"volume ls -q --filter label=app=web", "data\n", "", 0},
		{"volume ls --format {{.Name}}={{.Labels}} --filter name=data", "data=map[app:web]\n", "", 0},
		{"volume inspect --format {{.Name}}:{{.Driver}} data", "data:local\n", "", 0},
		{"inspect --type volume --format {{.Scope}} data nothing", "local\n", "no such object", 125},
		{"volume exists data", "", "", 0},
		{"volume rm data nothing", "data\n", "no such object", 1},
		{"volume prune", "WARNING! This removes volumes that no pod uses, and their data: other.\nAre you sure you want to continue? [y/N] \n", "nobody answers", 125},
		{"volume prune --force", "other\n", "", 0},
		{"volume ls -q", "", "", 0},
	}
	for _, s := range steps {
		r := run(t, dir, "", strings.Fields(s.args)...)
		if r.code != s.code || r.out != s.out || (s.err == "") != (r.err == "") || !strings.Contains(r.err, s.err) {
			t.Errorf("berth %s: code %d\n%q\n%s", s.args, r.code, r.out, r.err)
		}
	}
}

func TestNetworks(t *testing.T) {
	dir := t.TempDir()
	for _, s := range []struct {
		args, out string
		code      int
	}{
		{"network create --subnet 10.90.0.0/24 --ip-range 10.90.0.128/25 --opt mtu=1400 --label a=b backend", "backend\n", 0},
		{"network create backend", "", 125},
		{"network create --ignore backend", "backend\n", 0},
		{"network ls --format {{.Name}}/{{.Driver}}/{{.Labels}}", "backend/bridge/a=b\n", 0},
		{"network inspect --format {{range.Subnets}}{{.Subnet}},{{.Gateway}},{{.LeaseRange.StartIP}}-{{.LeaseRange.EndIP}}{{end}} backend", "10.90.0.0/24,10.90.0.1,10.90.0.128-10.90.0.255\n", 0},
		{"network create --subnet 10.91.0.0/24 --route 10.200.0.0/16,10.91.0.9,50 --dns 9.9.9.9,1.1.1.1 --opt com.docker.network.bridge.name=mine0", "berth1\n", 0},
		{"network create --ipam-driver none", "berth2\n", 0},
		{"network inspect --format {{range.Routes}}{{.Destination}},{{.Gateway}},{{.Metric}}{{end}}|{{.Interface}}|{{.DNSServers}} berth1", "10.200.0.0/16,10.91.0.9,50|mine0|[9.9.9.9 1.1.1.1]\n", 0},
		{"network update --dns-add 8.8.8.8 --dns-drop 1.1.1.1,9.9.9.9 berth1", "berth1\n", 0},
		{"network update --dns-drop 1.1.1.1 berth1", "berth1\n", 0}, // it is gone, as was wanted
		{"network inspect --format {{.NetworkDNSServers}} berth1", "[8.8.8.8]\n", 0},
		{"network inspect --format {{.IPAMOptions}}{{.Subnets}}{{.DNSEnabled}} berth2", "map[driver:none][]false\n", 0},
		{"network prune --filter label=a=b --force", "backend\n", 0},
		{"network prune", "WARNING! This removes networks that no pod has joined: berth1, berth2.\nAre you sure you want to continue? [y/N] \n", 125},
		{"network rm berth1", "berth1\n", 0},
		{"network prune -f", "berth2\n", 0},
		{"network prune", "", 0},
		{"network reload --all", "", 0},
		{"network ls -q", "", 0},
	} {
		r := run(t, dir, "", strings.Fields(s.args)...)
		if r.code != s.code || r.out != s.out {
			t.Errorf("berth %s: code %d\n%q\n%s", s.args, r.code, r.out, r.err)
		}
	}
}

func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		r := run(t, t.TempDir(), "", "completion", shell)
		if r.code != 0 || !strings.Contains(r.out, "berth") || len(r.out) < 1000 {
			t.Errorf("%s: code %d, %d bytes, %s", shell, r.code, len(r.out), r.err)
		}
	}
}

func TestCompletionOfNames(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"data", "data2", "logs"} {
		run(t, dir, "", "volume", "create", name)
	}
	// Fixed words are left to the shell to choose from.
	for args, want := range map[string]string{
		"volume rm da":             "data\ndata2\n",
		"volume rm data da":        "data2\n",
		"ps --sort st":             "command\ncreated\nid\nimage\nnames\npod\nrunningfor\nsize\nstatus\n",
		"kube play --log-driver k": "k8s-file\njournald\nnone\npassthrough\n",
		"pod stop x":               "",
		"inspect lo":               "logs\n",
	} {
		r := run(t, dir, "", append([]string{"__completeNoDesc"}, strings.Fields(args)...)...)
		lines, _, _ := strings.Cut(r.out, ":")
		if lines != want {
			t.Errorf("%s: %q, want %q", args, lines, want)
		}
	}
}

func TestExitCodes(t *testing.T) {
	notFound := fmt.Errorf("volume %q: %w", "x", spec.ErrNotFound)
	inUse := fmt.Errorf("volume %q: %w", "y", spec.ErrInUse)
	for _, test := range []struct {
		err  error
		code int
		text string
	}{
		{nil, 0, ""},
		{errors.New("odd"), 125, "Error: odd\n"},
		{exit(3), 3, ""},
		{&exitError{127, errors.New("no such command")}, 127, "Error: no such command\n"},
		{removalError(notFound), 1, "Error: volume \"x\": no such object\n"},
		{removalError(errors.Join(notFound, inUse)), 2, "Error: volume \"x\": no such object\nError: volume \"y\": in use\n"},
		{removalError(errors.Join(inUse, errors.New("odd"))), 125, "Error: volume \"y\": in use\nError: odd\n"},
		{source.Diagnostics{{Pos: source.Pos{File: "a.yaml", Line: 1}, Message: "bad"}, {Message: "worse"}}, 125, "Error: a.yaml:1: bad\nError: worse\n"},
		{fmt.Errorf("%w: %w", spec.ErrConfig, errors.New("no such user")), 125, "Error: configuration cannot be honoured: no such user\n"},
		{fmt.Errorf("pod: %w", errors.Join(notFound, inUse)), 125, "Error: pod: volume \"x\": no such object\nvolume \"y\": in use\n"},
	} {
		var b strings.Builder
		if code := exitCode(&b, test.err); code != test.code || b.String() != test.text {
			t.Errorf("%v: code %d, %q", test.err, code, b.String())
		}
	}
}

func BenchmarkTree(b *testing.B) {
	for b.Loop() {
		tree()
	}
}
