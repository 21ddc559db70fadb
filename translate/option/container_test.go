package option

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"berth/engine/spec"
)

// fakeHost is a host with a few files, variables and containers.
type fakeHost struct{ nowhere }

func (fakeHost) Abs(p string) string {
	if strings.HasPrefix(p, "/") {
		return p
	}
	return "/home/me/" + strings.TrimPrefix(p, "./")
}

func (fakeHost) ReadFile(name string) ([]byte, error) {
	files := map[string]string{
		"vars":      "# a comment\nA=1\n\n  B=two words \nHOSTED\nE*\nQ=\"quoted\"\r\n",
		"bad":       "A=1\n=2\n",
		"binary":    "A=\x00",
		"labels":    "# comment\na=b\nempty\n",
		"long":      "A=1\nB=" + strings.Repeat("x", 128<<10) + "\n",
		"blanks":    "a b=c\n",
		"badlabels": "a=b\n=c\n",
		"pod.id":    "abc123\n",
		"empty":     "\n",
	}
	if s, ok := files[name]; ok {
		return []byte(s), nil
	}
	return nil, fmt.Errorf("no such file: %w", fs.ErrNotExist)
}

func (fakeHost) Environ() []string {
	return []string{"HOSTED=here", "E1=one", "E2=two", "http_proxy=http://proxy:3128", "PATH=/bin"}
}

func (fakeHost) Glob(pattern string) ([]string, error) {
	if pattern == "/usr/lib/libfoo*" {
		return []string{"/usr/lib/libfoo.so", "/usr/lib/libfoo2.so"}, nil
	}
	return nil, nil
}

func (fakeHost) SubIDs(name string, _ bool) ([]IDRange, error) {
	switch name {
	case "gone":
		return nil, errors.New("no such user")
	case "none":
		return nil, nil
	}
	return []IDRange{{1 << 16, 1 << 16}}, nil
}

func cmpDiff(want, got any) string { return cmp.Diff(want, got) }

func (fakeHost) Container(name string) (spec.ContainerRef, error) {
	if name == "gone" {
		return spec.ContainerRef{}, errors.New("there is no such container")
	}
	return spec.ContainerRef{Pod: "id-of-" + spec.PodID(name), Name: name}, nil
}

func (fakeHost) VolumesOf(name string) ([]spec.Mount, []spec.Volume, error) {
	if name == "gone" {
		return nil, nil, errors.New("there is no such container")
	}
	return []spec.Mount{{Volume: "v3", Path: "/data"}, {Volume: "v4", Path: "/etc/x", ReadOnly: true}},
		[]spec.Volume{{Name: "v3", Named: &spec.NamedVolume{Volume: "data"}}, {Name: "v4", Host: &spec.HostVolume{Path: "/x"}}}, nil
}

// plain is what `run --http-proxy=false img` makes.
func plain() *Made {
	stop, three := 10*time.Second, uint(3)
	return &Made{
		Pull: spec.PullOptions{Retries: &three},
		Pod: &spec.Pod{
			Namespace: "default", Bare: true, RestartPolicy: spec.RestartNever, TerminationGrace: stop,
			Networks: []spec.NetworkAttachment{{Network: "berth"}},
			Containers: []spec.Container{{
				Image: "img", PullPolicy: spec.PullMissing,
				ByHand: &spec.ByHand{StopTimeout: &stop, Umask: "0022", Notify: spec.NotifyContainer},
			}},
		},
		Attach: Attach{Stdout: true, Stderr: true, ProxySignals: true, Keys: "ctrl-p,ctrl-q"},
	}
}

// edit is what flags change of what is made.
type edit func(m *Made, c *spec.Container, h *spec.ByHand)

// words splits a command line at blanks; ~ stands for one in a word.
func words(args string) []string {
	list := strings.Fields(args)
	for i := range list {
		list[i] = strings.ReplaceAll(list[i], "~", " ")
	}
	return list
}

func runs(t *testing.T, args string, change edit) {
	t.Helper()
	got, err := ParseRun(append([]string{"--http-proxy=false"}, words(args)...), fakeHost{})
	if err != nil {
		t.Errorf("%s: %v", args, err)
		return
	}
	want := plain()
	c := want.Container()
	change(want, c, c.ByHand)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s:\n%s", args, diff)
	}
	if err := new(Run).checked(words(args)); err != nil {
		t.Errorf("%s: the check says %v", args, err)
	}
}

// checked parses and checks without a host.
func (r *Run) checked(argv []string) error {
	flags := quietSet("run")
	r.Register(flags)
	if err := parseFlags(flags, argv); err != nil {
		return err
	}
	return r.Check(flags.Args())
}

func refuses(t *testing.T, args, want string) {
	t.Helper()
	_, err := ParseRun(words(args), fakeHost{})
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v, want an error with %q", args, err, want)
	}
}

// good is a command line, and what it changes of what is made.
type good struct {
	args   string
	change edit
}

// bad maps a command line to a part of the error.
type bad map[string]string

func TestRun(t *testing.T) {
	for _, list := range allGood() {
		for _, c := range list {
			runs(t, c.args, c.change)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	for _, list := range allBad() {
		for args, want := range list {
			refuses(t, args, want)
		}
	}
}

func allGood() [][]good {
	return [][]good{
		plainGood(), identityGood(), imageGood(), envGood(), processGood(), volumeGood(), mountGood(), networkGood(), namespaceGood(), usersGood(),
		securityGood(), deviceGood(), resourceGood(), healthGood(), secretGood(), logGood(),
	}
}

func allBad() []bad {
	return []bad{
		plainBad(), identityBad(), imageBad(), envBad(), processBad(), volumeBad(), mountBad(), networkBad(), namespaceBad(), usersBad(),
		securityBad(), deviceBad(), resourceBad(), healthBad(), secretBad(), logBad(),
	}
}

// TestEveryFlagHasCases fails on a flag that no table above has: in a good case
// unless it is refused, and in a bad one unless every value will do.
func TestEveryFlagHasCases(t *testing.T) {
	var run Run
	flags := quietSet("run")
	run.Register(flags)
	seen := func(each func(yield func(args string))) map[string]bool {
		out := map[string]bool{}
		each(func(args string) {
			for _, w := range strings.Fields(args) {
				name, _, _ := strings.Cut(w, "=")
				if f := flags.Lookup(strings.TrimPrefix(name, "--")); f != nil && strings.HasPrefix(name, "--") {
					out[f.Name] = true
				}
			}
		})
		return out
	}
	inGood := seen(func(yield func(string)) {
		for _, list := range allGood() {
			for _, c := range list {
				yield(c.args)
			}
		}
	})
	inBad := seen(func(yield func(string)) {
		for _, list := range allBad() {
			for args := range list {
				yield(args)
			}
		}
	})
	refused := strings.Fields("init-ctr kernel-memory link-local-ip")
	any := strings.Fields(`authfile decryption-key cert-dir cidfile pidfile conmon-pidfile os arch variant rdt-class detach-keys
		health-startup-retries health-startup-success health-max-log-count health-max-log-size timeout stop-timeout retry`)
	flags.VisitAll(func(f *pflag.Flag) {
		if !inGood[f.Name] && !slices.Contains(refused, f.Name) {
			t.Errorf("--%s is in no good case", f.Name)
		}
		if !inBad[f.Name] && f.Value.Type() != "bool" && !slices.Contains(any, f.Name) {
			t.Errorf("--%s is in no bad case", f.Name)
		}
		if f.Usage == "" || strings.HasSuffix(f.Usage, ".") {
			t.Errorf("--%s: usage %q", f.Name, f.Usage)
		}
	})
}

func plainGood() []good {
	return []good{
		{"img", func(*Made, *spec.Container, *spec.ByHand) {}},
		{"--detach img sh -c true --name x", func(m *Made, c *spec.Container, _ *spec.ByHand) {
			c.Args = []string{"sh", "-c", "true", "--name", "x"}
			m.Attach = Attach{Detach: true, ProxySignals: true, Keys: "ctrl-p,ctrl-q"}
		}},
		{"-it --name=web -e A=1 -e HOSTED -p 8080:80 -v data:/d:ro,Z --restart on-failure:3 img", func(m *Made, c *spec.Container, h *spec.ByHand) {
			c.Name, m.Pod.Name = "web", "web"
			c.TTY, c.Stdin, m.Attach.Stdin = true, true, true
			c.Env = []spec.EnvVar{{Name: "A", Value: "1"}, {Name: "HOSTED", Value: "here"}}
			m.Pod.Ports = []spec.PortMapping{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}}
			m.Pod.Volumes = []spec.Volume{{Name: "v0", Named: &spec.NamedVolume{Volume: "data"}}}
			c.Mounts = []spec.Mount{{Volume: "v0", Path: "/d", ReadOnly: true, Options: []string{"Z"}}}
			m.Pod.RestartPolicy, h.MostRestarts = spec.RestartOnFailure, 3
		}},
		{"--attach stdin -a STDERR --sig-proxy=false --detach-keys=ctrl-a,d img", func(m *Made, _ *spec.Container, h *spec.ByHand) {
			h.Attach = []string{"stdin", "stderr"}
			m.Attach = Attach{Stdin: true, Stderr: true, Keys: "ctrl-a,d"}
		}},
		{"--disable-content-trust img", func(*Made, *spec.Container, *spec.ByHand) {}},
	}
}

func plainBad() bad {
	return bad{
		"":                       "the image is missing",
		"--nam x img":            `unknown flag: --nam, did you mean "--name"?`,
		"--attach= img":          `--attach "": the stream is missing: use one of stdin, stdout, stderr`,
		"--attach stdot img":     `--attach "stdot": unknown stream, did you mean "stdout"?`,
		"-d -a stdin img":        "--attach and --detach exclude each other",
		"-d --detach-keys a img": "--detach-keys says nothing with --detach",
		"--memory x --cpus y --publish z --mount q --userns w img": "--publish",
	}
}

func TestAllMistakesOfRunAtOnce(t *testing.T) {
	_, err := ParseRun(strings.Fields("--memory x --cpus y --publish z --mount q --userns w --attach v --restart u img"), fakeHost{})
	if err == nil {
		t.Fatal("no error")
	}
	for _, flag := range []string{"--memory", "--cpus", "--publish", "--mount", "--userns", "--attach", "--restart"} {
		if strings.Count(err.Error(), flag+" ") != 1 {
			t.Errorf("%s is not in it once:\n%v", flag, err)
		}
	}
}

func TestCreateStartsNothing(t *testing.T) {
	for flag, value := range map[string]string{"preserve-fds": "1", "preserve-fd": "3", "rmi": "true"} {
		var c Container
		flags := quietSet("create")
		c.Register(flags)
		if err := parseFlags(flags, []string{"--" + flag + "=" + value, "img"}); err != nil {
			t.Fatal(err)
		}
		if err := c.Check(flags.Args()); err == nil || !strings.Contains(err.Error(), "--"+flag+" is for run") {
			t.Errorf("--%s: %v", flag, err)
		}
	}
}

func TestOneMistakeIsToldOnce(t *testing.T) {
	for _, args := range []string{"--pod a --pod-id-file pod.id img", "--network host --network host img", "--network none --network lan --network none img"} {
		if err := new(Run).checked(words(args)); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one line", args, err)
		}
	}
}
