package option

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
		"vars":   "# a comment\nA=1\n\n  B=two words \nHOSTED\nE*\nQ=\"quoted\"\r\n",
		"bad":    "A=1\n=2\n",
		"binary": "A=\x00",
		"labels": "# comment\na=b\nempty\n",
		"pod.id": "abc123\n",
		"empty":  "\n",
	}
	if s, ok := files[name]; ok {
		return []byte(s), nil
	}
	return nil, errors.New("no such file")
}

func (fakeHost) Environ() []string {
	return []string{"HOSTED=here", "E1=one", "E2=two", "http_proxy=http://proxy:3128", "PATH=/bin"}
}

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
	stop := 10 * time.Second
	return &Made{
		Pod: &spec.Pod{
			Namespace: "default", Bare: true, RestartPolicy: spec.RestartNever, TerminationGrace: stop,
			Networks: []spec.NetworkAttachment{{Network: "berth"}},
			Containers: []spec.Container{{
				Image: "img", PullPolicy: spec.PullMissing,
				ByHand: &spec.ByHand{StopTimeout: &stop, Umask: "0022"},
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

func TestRunPlain(t *testing.T) {
	runs(t, "img", func(*Made, *spec.Container, *spec.ByHand) {})
	runs(t, "-d img sh -c true", func(m *Made, c *spec.Container, _ *spec.ByHand) {
		c.Args = []string{"sh", "-c", "true"}
		m.Attach = Attach{Detach: true, ProxySignals: true, Keys: "ctrl-p,ctrl-q"}
	})
	runs(t, "-it --name=web -e A=1 -e HOSTED -p 8080:80 -v data:/d:ro,Z --restart on-failure:3 img", func(m *Made, c *spec.Container, h *spec.ByHand) {
		c.Name, m.Pod.Name = "web", "web"
		c.TTY, c.Stdin, m.Attach.Stdin = true, true, true
		c.Env = []spec.EnvVar{{Name: "A", Value: "1"}, {Name: "HOSTED", Value: "here"}}
		m.Pod.Ports = []spec.PortMapping{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}}
		m.Pod.Volumes = []spec.Volume{{Name: "v0", Named: &spec.NamedVolume{Volume: "data"}}}
		c.Mounts = []spec.Mount{{Volume: "v0", Path: "/d", ReadOnly: true, Options: []string{"Z"}}}
		m.Pod.RestartPolicy, h.MostRestarts = spec.RestartOnFailure, 3
	})
	refuses(t, "", "the image is missing")
	refuses(t, "--nam x img", `unknown flag: --nam, did you mean "--name"?`)
}
