package cmd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/cmd/report"
	"berth/engine/image"
	"berth/engine/oci"
	"berth/engine/spec"
	"berth/internal/source"
	"berth/reconciler"
)

func newTestApp(in string) (a *app, out, errs *bytes.Buffer) {
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	return &app{
		build: Build{Version: "1.2.3"}, in: strings.NewReader(in), out: out, err: errs,
		now: func() time.Time { return time.Date(2025, 3, 4, 12, 0, 0, 0, time.UTC) },
	}, out, errs
}

func TestPlayPrintsAsPodman(t *testing.T) {
	a, out, errs := newTestApp("")
	c := func(ids ...spec.ContainerID) (list []reconciler.ContainerResult) {
		for _, id := range ids {
			list = append(list, reconciler.ContainerResult{ID: id})
		}
		return list
	}
	a.printPlay(reconciler.ApplyResult{Volumes: []string{"data", "more"}, Secrets: []string{"keys"}, Pods: []reconciler.PodResult{
		{ID: "p1", Action: reconciler.ActionCreate, Reason: "it is not there", Containers: c("c1", "c2")},
		{ID: "p2", Action: reconciler.ActionKeep, Containers: c("c3")},
		{ID: "p3", Action: reconciler.ActionReplace, Containers: c("")}, // not made yet: an init container is at work
		{ID: "p4", Action: reconciler.ActionRemove},
	}}, false)
	const want = "Volumes:\ndata\nmore\nSecrets:\nkeys\n" +
		"Pod:\np1\nContainers:\nc1\nc2\n\n" +
		"Pod:\np2\nunchanged\nContainer:\nc3\n\n" +
		"Pod:\np3\n\n" +
		"Pods removed:\np4\n"
	if out.String() != want || errs.String() != "" {
		t.Errorf("%q\nwant\n%q\nsaid %s", out, want, errs)
	}
}

func TestStatusPrints(t *testing.T) {
	a, out, _ := newTestApp("")
	now := a.now()
	err := a.printStatus(reconciler.Status{
		Version: "1.2.3", PID: 7, Since: now.Add(-3 * time.Minute),
		Sources: []reconciler.SourceStatus{
			{Owner: "folder:/etc/berth/manifests", Objects: 3}, {Owner: "play", Unknown: true},
		},
		Diagnostics: source.Diagnostics{
			{Pos: source.Pos{File: "web.yaml", Line: 3, Col: 5}, Field: "spec.x", Message: "unknown field"},
			{Pos: source.Pos{File: "web.yaml", Line: 4}, Message: "only partly", Warning: true},
			{Pos: source.Pos{File: "web.yaml", Line: 5}, Message: "without effect", Warning: true, Harmless: true},
		},
		Pods: []reconciler.PodReport{
			{Namespace: "default", Name: "web", Phase: "Running", Owner: "play", Restarts: 2},
			{
				Namespace: "shop", Name: "db", Phase: "Pending", Owner: "play", Reason: "CrashLoopBackOff",
				Message: "container db", NextTry: now.Add(40 * time.Second),
			},
			{Namespace: "shop", Name: "old", Phase: "Running", Owner: "play", Stopped: true, Reason: "Stopped", Message: "by hand"},
		},
		Events: []reconciler.Event{{
			Pod: spec.PodKey{Namespace: "shop", Name: "db"}, Type: "Warning", Reason: "Restarted", Message: "m", Count: 3, Last: now.Add(-time.Minute),
		}},
	}, true, false)
	if err != nil {
		t.Fatal(err)
	}
	const want = `Supervisor: berth 1.2.3, process 7, up 3 minutes

SOURCE                       OBJECTS  STATE
folder:/etc/berth/manifests  3        read
play                         0        cannot be read wholly: what runs of it stays

PROBLEMS
error: web.yaml:3:5: spec.x: unknown field
warning: web.yaml:4: only partly

NAMESPACE  POD  PHASE    RESTARTS  OWNER  REASON
default    web  Running  2         play
shop       db   Pending  0         play   CrashLoopBackOff: container db (next try in 40 seconds)
shop       old  Running  0         play   Stopped: by hand

LAST                TYPE     POD      REASON     COUNT  MESSAGE
About a minute ago  Warning  shop/db  Restarted  3      m
`
	if got := trimLines(out.String()); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestWhatMerelyHasNoEffectIsToldToThoseWhoAsk(t *testing.T) {
	at := source.Pos{File: "claim.yaml", Line: 5}
	harmless := source.Diagnostic{Pos: at, Message: "without effect", Warning: true, Harmless: true}
	partly := source.Diagnostic{Pos: at, Message: "only partly", Warning: true}
	for _, test := range []struct {
		verbose        bool
		problems       source.Diagnostics
		played, status string
	}{
		{false, source.Diagnostics{harmless}, "", ""},
		{true, source.Diagnostics{harmless}, "Warning: claim.yaml:5: without effect\n", "\nPROBLEMS\nnote: claim.yaml:5: without effect\n"},
		{false, source.Diagnostics{harmless, partly}, "Warning: claim.yaml:5: only partly\n", "\nPROBLEMS\nwarning: claim.yaml:5: only partly\n"},
	} {
		a, out, errs := newTestApp("")
		a.tellWarnings(reconciler.ApplyResult{Warnings: test.problems}, test.verbose)
		a.printProblems(test.problems, test.verbose)
		if errs.String() != test.played || out.String() != test.status {
			t.Errorf("verbose %v, %v: play says %q, status %q", test.verbose, test.problems, errs, out)
		}
	}
}

func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func logTarget(pod, container string) target {
	return target{
		pod:    spec.PodStatus{Pod: spec.Pod{Name: pod}, Infra: spec.ContainerStatus{ID: "infra"}},
		status: spec.ContainerStatus{Name: container, ID: "x"},
	}
}

func TestLogLines(t *testing.T) {
	at := time.Date(2025, 3, 4, 11, 0, 0, 5e6, time.UTC)
	lines := []oci.Line{
		{Time: at, Stream: "stdout", Text: []byte("one")},
		{Time: at, Stream: "stderr", Text: []byte("two")},
		{Time: at, Stream: "stdout", Text: []byte("$ "), Partial: true},
	}
	for _, test := range []struct {
		name     string
		flags    logsFlags
		targets  []target
		out, err string
	}{
		{"one container", logsFlags{}, []target{logTarget("web", "nginx")}, "one\n$ ", "two\n"},
		{
			"with times", logsFlags{timestamps: true}, []target{logTarget("web", "nginx")},
			"2025-03-04T11:00:00.005Z one\n2025-03-04T11:00:00.005Z $ ", "2025-03-04T11:00:00.005Z two\n",
		},
		{"one with its name", logsFlags{names: true}, []target{logTarget("web", "nginx")}, "one\n$ ", "two\n"},
		{"several", logsFlags{}, []target{logTarget("web", "a"), logTarget("web", "side")}, "x one\nx $ ", "x two\n"},
		{
			"names of one width", logsFlags{names: true}, []target{logTarget("web", "a"), logTarget("web", "side")},
			"web-a    one\nweb-a    $ ", "web-a    two\n",
		},
		{
			"in colour", logsFlags{color: true, names: true}, []target{logTarget("web", "a"), logTarget("web", "b")},
			"\x1b[36mweb-a\x1b[0m one\n\x1b[36mweb-a\x1b[0m $ ", "\x1b[36mweb-a\x1b[0m two\n",
		},
	} {
		a, out, errs := newTestApp("")
		p := a.logPrinter(&test.flags, test.targets)
		for _, l := range lines {
			if err := p.print(0, l); err != nil {
				t.Fatal(err)
			}
		}
		if out.String() != test.out || errs.String() != test.err {
			t.Errorf("%s: %q, %q", test.name, out, errs)
		}
	}
}

func TestContainersOfOnePodAreActedOnInTurn(t *testing.T) {
	var list []target
	for _, name := range []string{"a1", "b1", "a2", "b2", "a3"} {
		c := target{raw: name}
		c.pod.Pod.ID = spec.PodID(name[:1])
		list = append(list, c)
	}
	var mu sync.Mutex
	busy := map[spec.PodID]bool{}
	var out bytes.Buffer
	err := forEachInPod(t.Context(), &out, list, func(_ context.Context, c target) (string, error) {
		mu.Lock()
		if busy[c.pod.Pod.ID] {
			t.Errorf("two of pod %s at a time", c.pod.Pod.ID)
		}
		busy[c.pod.Pod.ID] = true
		mu.Unlock()
		defer func() {
			mu.Lock()
			busy[c.pod.Pod.ID] = false
			mu.Unlock()
		}()
		if c.raw == "b1" {
			return "", errors.New("b1 failed")
		}
		return c.raw, nil
	})
	if out.String() != "a1\na2\nb2\na3\n" {
		t.Errorf("printed %q", out.String())
	}
	if err == nil || err.Error() != "b1 failed" {
		t.Errorf("error %v", err)
	}
}

func TestConfirm(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "YES\n": true, "y": true, "\n": false, "no\n": false, "yesterday\n": false} {
		a, _, _ := newTestApp(answer)
		if got, err := a.confirm(t.Context(), "This removes all."); got != want || err != nil {
			t.Errorf("%q: %v, %v", answer, got, err)
		}
	}
	a, _, _ := newTestApp("")
	if yes, err := a.confirm(t.Context(), "This removes all."); yes || err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("nobody answers: %v, %v", yes, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a.in, _ = io.Pipe() // nobody answers
	if yes, err := a.confirm(ctx, "This removes all."); yes || !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v, %v", yes, err)
	}
}

func TestSmallFlags(t *testing.T) {
	var d time.Duration
	for text, want := range map[string]time.Duration{"0": 0, "10": 10 * time.Second} {
		if err := (graceFlag{&d}).Set(text); err != nil || d != want {
			t.Errorf("--time %s: %v, %v", text, d, err)
		}
	}
	if err := (graceFlag{&d}).Set("-1"); err != nil || d < 365*24*time.Hour {
		t.Errorf("--time -1 does not wait for ever: %v, %v", d, err)
	}
	for text, want := range map[string]time.Duration{"250": 250 * time.Millisecond, "2s": 2 * time.Second} {
		if err := (&intervalFlag{&d}).Set(text); err != nil || d != want {
			t.Errorf("--interval %s: %v, %v", text, d, err)
		}
	}
	if r, err := parseAddressRange("10.1.2.0/25"); err != nil || r.StartIP.String() != "10.1.2.0" || r.EndIP.String() != "10.1.2.127" {
		t.Errorf("range %v, %v", r, err)
	}
	if r, err := parseAddressRange("fd00::1-fd00::9"); err != nil || r.EndIP.String() != "fd00::9" {
		t.Errorf("range %v, %v", r, err)
	}
}

func TestImagesOfOneName(t *testing.T) {
	list := report.Images([]image.Entry{
		{Image: spec.Image{ID: "a1", Names: []string{"localhost/web:1", "quay.io/x/copy:2"}}},
		{Image: spec.Image{ID: "b2"}},
	})
	for pattern, want := range map[string]string{"copy": "quay.io/x/copy:2", "web": "localhost/web:1", "x/*": "quay.io/x/copy:2", "none": ""} {
		var got []string
		for _, r := range namedSo(report.ImageRows(time.Time{}, list, false), []string{pattern}) {
			got = append(got, r.Name())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v", pattern, got)
		}
	}
	if rows := namedSo(report.ImageRows(time.Time{}, list, false), nil); len(rows) != 3 {
		t.Errorf("all: %v", rows)
	}
}

func TestErrorsPrintNothingThatATerminalObeys(t *testing.T) {
	a, _, errs := newTestApp("")
	err := errors.New("copy: a\x1b[2Jb: no such file\nSee more")
	exitCode(errs, err)
	exitCode(errs, kubectlError{err})
	a.warn("%v", err)
	const text = "copy: a?[2Jb: no such file\nSee more\n"
	if want := "Error: " + text + text + "Warning: " + text; errs.String() != want {
		t.Errorf("%q, want %q", errs, want)
	}
}

func TestWhatIsRepeatedIntoAFileClearsNoScreen(t *testing.T) {
	a, out, _ := newTestApp("")
	ctx, cancel := context.WithCancel(t.Context())
	err := a.repeat(ctx, time.Hour, true, func() error {
		out.WriteString("row\n")
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || out.String() != "row\n" {
		t.Errorf("%q, %v", out, err)
	}
}
