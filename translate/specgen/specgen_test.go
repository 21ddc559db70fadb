package specgen_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"berth/engine/spec"
	"berth/translate/option"
	"berth/translate/specgen"
)

var update = flag.Bool("update", false, "write what is new")

// host has nothing but one container.
type host struct{}

func (host) Abs(path string) string                                { return path }
func (host) ReadFile(path string) ([]byte, error)                  { return nil, os.ErrNotExist }
func (host) Glob(string) ([]string, error)                         { return nil, nil }
func (host) Defaults() option.Defaults                             { return nil }
func (host) Environ() []string                                     { return nil }
func (host) User() (uid, gid uint32)                               { return 0, 0 }
func (host) SubIDs(string, bool) ([]option.IDRange, error)         { return nil, nil }
func (host) VolumesOf(string) ([]spec.Mount, []spec.Volume, error) { return nil, nil, nil }
func (host) Container(name string) (spec.ContainerRef, error) {
	return spec.ContainerRef{Pod: "other", Name: name}, nil
}

func names(ref spec.ContainerRef) string { return "the-" + ref.Name }

// TestGolden runs testdata/*.txtar: each file "NAME.args" holds the arguments of
// `run` or, after "pod", of `pod create`, a word a line; NAME.json is what comes
// of it, NAME.warnings what is left out.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no cases", err)
	}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files := map[string]string{}
		for _, f := range archive.Files {
			files[f.Name] = string(f.Data)
		}
		out := &txtar.Archive{Comment: archive.Comment}
		for _, f := range archive.Files {
			name, ok := strings.CutSuffix(f.Name, ".args")
			if !ok {
				continue
			}
			json, warnings := generate(t, strings.Split(strings.TrimSpace(string(f.Data)), "\n"))
			out.Files = append(out.Files, f, txtar.File{Name: name + ".json", Data: json})
			if warnings != "" {
				out.Files = append(out.Files, txtar.File{Name: name + ".warnings", Data: []byte(warnings)})
			}
			if diff := cmp.Diff(files[name+".json"]+files[name+".warnings"], string(json)+warnings); diff != "" && !*update {
				t.Errorf("%s: %s (-want +got, run with -update if this is right):\n%s", path, name, diff)
			}
		}
		if *update {
			if err := os.WriteFile(path, txtar.Format(out), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func generate(t *testing.T, args []string) ([]byte, string) {
	t.Helper()
	var v any
	var warnings []string
	if args[0] == "pod" {
		made, err := option.ParsePodCreate(args[1:], host{})
		if err != nil {
			t.Fatal(err)
		}
		v, warnings = specgen.Pod(made.Pod, names)
	} else {
		made, err := option.ParseRun(append([]string{"--http-proxy=false"}, args...), host{})
		if err != nil {
			t.Fatal(err)
		}
		v, warnings = specgen.Container(made.Pod, made.Container(), names)
	}
	return encode(t, v), lines(warnings)
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func lines(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return strings.Join(list, "\n") + "\n"
}

func TestAContainerOfYAMLTellsNoSecret(t *testing.T) {
	uid := int64(1000)
	p := &spec.Pod{
		ID: "p", Namespace: "default", Name: "web", Labels: map[string]string{"app": "web"}, RestartPolicy: spec.RestartAlways, TerminationGrace: 30 * time.Second,
		Volumes: []spec.Volume{{Name: "secret", Files: &spec.FilesVolume{}}, {Name: "scratch", Empty: &spec.EmptyVolume{}}},
		Containers: []spec.Container{{
			Name: "main", Image: "localhost/app:1", ImageID: "abc", Args: []string{"--token", spec.LateSecret("token")},
			Env:       []spec.EnvVar{{Name: "PLAIN", Value: "1"}, {Name: "TOKEN", Value: "x" + spec.LateSecret("token")}, {Name: "IP", Value: spec.LatePodIP}},
			User:      spec.User{UID: &uid, NonRoot: true},
			Mounts:    []spec.Mount{{Volume: "secret", Path: "/secret"}, {Volume: "scratch", Path: "/scratch", SubPath: "a"}},
			Lifecycle: spec.Lifecycle{Readiness: &spec.Probe{}},
			Resources: spec.Resources{CPURequest: 250, CPULimit: 500, MemoryLimit: 64 << 20},
		}},
		Secrets: map[string]string{"token": "hush"},
	}
	s, warnings := specgen.Container(p, &p.Containers[0], names)
	out := string(encode(t, s))
	for _, bad := range []string{"hush", "TOKEN", "\\u0000", "default/web"} {
		if strings.Contains(out, bad) {
			t.Errorf("it says %q:\n%s", bad, out)
		}
	}
	for _, want := range []string{
		`"name": "web-main"`, `"pod": "p"`, `"restart_policy": "always"`, `"stop_timeout": 30`, `"user": "1000"`, `"PLAIN": "1"`, `"quota": 50000`, `"shares": 256`,
		`"sdnotifyMode": "ignore"`, `"app": "web"`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %s:\n%s", want, out)
		}
	}
	for _, want := range []string{"probes", "variable TOKEN", "variable IP", "runAsNonRoot", "/secret", "scratch", "in the command"} {
		if !strings.Contains(lines(warnings), want) {
			t.Errorf("no warning of %s: %q", want, warnings)
		}
	}
	if p.Containers[0].Args[1] != spec.LateSecret("token") {
		t.Error("the pod was changed")
	}
}
