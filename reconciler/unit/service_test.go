package unit

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"berth/engine/spec"
	"berth/quadlet"
)

// graphOf is the graph of unit files, and what was refused.
func graphOf(t *testing.T, o Options, files ...quadlet.Input) (*Graph, string) {
	t.Helper()
	var all []*quadlet.Unit
	for i := range files {
		files[i].Path = "/m/" + files[i].Name
	}
	for _, r := range quadlet.Convert(files, quadlet.Options{Program: "berth", Host: nowhere{}}) {
		if r.Unit == nil {
			t.Fatalf("%s: %v", r.Path, r.Problems)
		}
		all = append(all, r.Unit)
	}
	g, problems := NewGraph(all, nil, o)
	var out []string
	for _, path := range sorted(problems) {
		for _, p := range problems[path] {
			out = append(out, p.Error())
		}
	}
	return g, strings.Join(out, "\n")
}

func containerFile(text string) quadlet.Input {
	return quadlet.Input{Name: "web.container", Data: []byte("[Container]\nImage=a\n" + text)}
}

func TestWhatOnlySystemdCanDoIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"[Service]\nMemoryMax=1G":                 "/m/web.container:4: MemoryMax= in [Service] is systemd's to honour, and there is none: Memory= in [Container] limits memory",
		"[Service]\nPrivateTmp=yes":               "/m/web.container:4: PrivateTmp= in [Service] is systemd's to honour, and there is none",
		"[Service]\nRestart=sometimes":            "/m/web.container:4: Restart=sometimes: want one of no, always,",
		"[Service]\nWorkingDirectory=here":        "/m/web.container:4: WorkingDirectory=here: give an absolute path",
		"[Service]\nRestartSec=soon":              `/m/web.container:4: RestartSec: "soon" is no time span`,
		"[Service]\nSuccessExitStatus=SIGNOTHING": `/m/web.container:4: SuccessExitStatus: "SIGNOTHING" is no exit code and no signal`,
		"[Service]\nExecStartPre=/bin/true":       "/m/web.container:4: ExecStartPre runs a command on the host: berth serve does that only with --allow-host-commands",
		"[Service]\nExecStart=/bin/true":          "/m/web.container:4: ExecStart= in [Service] is systemd's to honour",
		"[Unit]\nConditionVirtualization=no":      "/m/web.container:4: ConditionVirtualization=no is not looked at without systemd",
		"[Unit]\nConditionPathExists=relative":    "/m/web.container:4: ConditionPathExists=relative is not looked at",
		"[Unit]\nRequires=docker.service":         "/m/web.container:4: Requires=docker.service: there is no such unit in the folders, and without systemd no other",
		"[Unit]\nJoinsNamespaceOf=a.service":      "/m/web.container:4: JoinsNamespaceOf= in [Unit] is systemd's to honour, and there is none",
		"[Unit]\nFailureAction=reboot":            "/m/web.container:4: FailureAction=reboot: none is all there is without systemd",
		"[Install]\nNobody=other.service":         "/m/web.container:4: Nobody= in [Install] is systemd's",
		"[Service]\nType=oneshot\nRestart=always": "/m/web.container:5: Restart=always: systemd takes no, on-failure and the like for Type=oneshot",
		"[Service]\nRestartMode=debug":            "/m/web.container:4: RestartMode=debug: want normal or direct",
		"[Service]\nEnvironmentFile=env":          "/m/web.container:4: EnvironmentFile=env: give an absolute path",
		"[Service]\nEnvironmentFile=/etc/*.env":   "/m/web.container:4: EnvironmentFile=/etc/*.env: without systemd it is one file a line",
		"[Service]\nEnvironmentFile=/nothing":     "/m/web.container:4: EnvironmentFile: file does not exist",
		"[Unit]\nConflicts=shutdown.target\nStartLimitAction=none\n[Service]\nKillSignal=SIGINT\nEnvironmentFile=-/nothing\n[Install]\nAlso=x.service": "",
		"ContainersConfModule=/x.conf":                 "/m/web.container:3: --module=/x.conf is for all units or none without systemd: give it to berth serve",
		"[Unit]\nStartLimitBurst=many":                 "/m/web.container:4: StartLimitBurst=many is no number",
		"[Service]\nDescription=no\nTimeoutStopSec=5m": "/m/web.container:4: Description= in [Service]",
		"[Unit]\nDescription=D\nWants=network-online.target a.service\nRequires=network-online.target\n[Service]\nDelegate=yes\nSyslogIdentifier=x": "",
	} {
		_, got := graphOf(t, Options{}, containerFile(text))
		if want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("%s:\n%s, want\n%s", text, got, want)
		}
	}
}

func TestFewOfManyProblemsAreTold(t *testing.T) {
	_, problems := graphOf(t, Options{}, containerFile("[Service]\n"+strings.Repeat("MemoryMax=1G\n", 20_000)))
	lines := strings.Split(problems, "\n")
	if last := lines[len(lines)-1]; len(lines) != 51 || last != "/m/web.container:54: more problems from here on: mend those above first" {
		t.Errorf("%d lines, the last one: %s", len(lines), last)
	}
}

func TestServiceOfAUnit(t *testing.T) {
	g, problems := graphOf(t, Options{Host: quadlet.Specifiers{'t': "/run"}, AllowCommands: true}, containerFile(`Exec=say ${GREETING} %p $$HOME
[Unit]
ConditionPathExists=!/etc/%p.off
[Service]
Environment="GREETING=good day"
TimeoutStartSec=5min 20s
TimeoutStopSec=0
RestartSec=1.5
RestartSteps=4
RestartMaxDelaySec=9.5s
WorkingDirectory=-%t/web
ExecStartPre=-/bin/echo "%t/%n" $GREETING
ExecStopPost=:-/bin/sh -c "echo $GREETING $" $GREETING
[Install]
WantedBy=default.target
`))
	if problems != "" {
		t.Fatal(problems)
	}
	s := g.Services["web.service"]
	for what, pair := range map[string][2]any{
		"arguments":   {strings.Join(s.Start, " "), "run --name systemd-web --replace --rm --cgroups=split --sdnotify=conmon -d a say good day web $HOME"},
		"within":      {s.Within, 320 * time.Second},
		"grace":       {s.Grace, Forever},
		"enabled":     {s.Enabled, true},
		"folder":      {s.Folder, "/run/web"},
		"condition":   {fmt.Sprint(s.Conditions), "[ConditionPathExists=!/etc/web.off]"},
		"hook":        {fmt.Sprintf("%q %v", s.Hooks.StartPre[0].Args, s.Hooks.StartPre[0].Ignore), `["/bin/echo" "/run/web.service" "good" "day"] true`},
		"plain hook":  {fmt.Sprintf("%q %v", s.Hooks.StopPost[0].Args, s.Hooks.StopPost[0].Ignore), `["/bin/sh" "-c" "echo $GREETING $" "$GREETING"] true`},
		"first delay": {s.restart.wait(0), 1500 * time.Millisecond},
		"third delay": {s.restart.wait(2), 5500 * time.Millisecond},
		"late delay":  {s.restart.wait(9), 9500 * time.Millisecond},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %v, want %v", what, pair[0], pair[1])
		}
	}
}

// TestTheHashIsOfWhatRuns: when to start and stop may change beside it.
func TestTheHashIsOfWhatRuns(t *testing.T) {
	hash := func(text string) string {
		g, problems := graphOf(t, Options{}, containerFile(text))
		if problems != "" {
			t.Fatal(problems)
		}
		return g.Services["web.service"].Hash
	}
	plain := hash("")
	for _, text := range []string{"[Service]\nRestart=always", "[Unit]\nAfter=a.service\nDescription=D", "[Install]\nWantedBy=default.target", "# nothing"} {
		if hash(text) != plain {
			t.Errorf("%s changes the hash", text)
		}
	}
	for _, text := range []string{"Exec=x", "[Service]\nType=oneshot", "Environment=A=1"} {
		if hash(text) == plain {
			t.Errorf("%s does not change the hash", text)
		}
	}
}

func TestSpans(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "90": 90 * time.Second, "5min 20s": 320 * time.Second, "1h30m": 90 * time.Minute, "100ms": 100 * time.Millisecond,
		"2.5 s": 2500 * time.Millisecond, "infinity": Forever, "1w": 7 * 24 * time.Hour, "99999999y": Forever, " 3 sec ": 3 * time.Second,
	} {
		if got, err := parseSpan(text); err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "soon", "5 parsecs", "1.2.3", "-5", "s"} {
		if got, err := parseSpan(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestRestartTable is the table of systemd.service(5), Restart=.
func TestRestartTable(t *testing.T) {
	causes := []spec.UnitResult{spec.UnitSuccess, spec.UnitExitCode, spec.UnitSignal, spec.UnitTimeout}
	for on, want := range map[string][]spec.UnitResult{
		"no": nil, "always": causes, "on-success": causes[:1], "on-failure": causes[1:], "on-abnormal": causes[2:], "on-abort": {spec.UnitSignal}, "on-watchdog": nil,
	} {
		for _, cause := range causes {
			r := restarting{on: on}
			if got := r.again(cause, 1); got != slices.Contains(want, cause) {
				t.Errorf("%s after %s: %v", on, cause, got)
			}
		}
	}
	r := restarting{on: "no", force: statuses{7}, prevent: statuses{8}}
	if !r.again(spec.UnitExitCode, 7) || r.again(spec.UnitExitCode, 8) {
		t.Error("RestartForceExitStatus= and RestartPreventExitStatus= do not count")
	}
}

func TestUnitsThatWaitForEachOther(t *testing.T) {
	files := []quadlet.Input{
		{Name: "a.container", Data: []byte("[Unit]\nAfter=b.service\n[Container]\nImage=a\n")},
		{Name: "b.container", Data: []byte("[Unit]\nBefore=c.service\nAfter=c.service\n[Container]\nImage=a\n")},
		{Name: "c.container", Data: []byte("[Container]\nImage=a\n")},
	}
	g, problems := graphOf(t, Options{}, files...)
	if want := "/m/b.container: units wait for each other: b.service after c.service after b.service"; !strings.Contains(problems, want) {
		t.Errorf("%s", problems)
	}
	if names := fmt.Sprint(g.Names()); names != "[a.service]" {
		t.Errorf("left are %s", names)
	}
}

func TestInstancesHaveNamesOfUnits(t *testing.T) {
	files := []quadlet.Input{
		{Name: "t@.container", Data: []byte("[Container]\nImage=a\n")},
		{Name: "user.container", Data: []byte("[Unit]\nWants=t@one.service t@../../x.service t@" + strings.Repeat("x", 300) + ".service\n[Container]\nImage=a\n")},
	}
	g, problems := graphOf(t, Options{}, files...)
	if names := fmt.Sprint(g.Names()); names != "[t@one.service user.service]" || problems != "" {
		t.Errorf("%s, %s", names, problems)
	}
}

// TestWhatIsStaleRunsOn: of a unit whose file is broken now, what was good last does
// without what is gone.
func TestWhatIsStaleRunsOn(t *testing.T) {
	file := containerFile("[Unit]\nRequires=gone.service\nBindsTo=away.service\n")
	g, problems := graphOf(t, Options{Stale: map[string]bool{"/m/web.container": true}}, file)
	s := g.Services["web.service"]
	if s == nil || problems != "" || len(s.Requires) != 0 || fmt.Sprint(s.BindsTo) != "[away.service]" {
		t.Errorf("%+v, %s", s, problems)
	}
}

// What runs on as it was last keeps its service's name, wherever a new unit of that
// name lies.
func TestANewUnitDoesNotTakeTheNameOfOneThatRunsOn(t *testing.T) {
	for _, path := range []string{"/m/a.volume", "/m/z.volume"} {
		running := containerFile("")
		running.Path = "/m/web.container"
		twin := quadlet.Input{Name: "twin.volume", Path: path, Data: []byte("[Volume]\nServiceName=web\n")}
		var all []*quadlet.Unit
		for _, f := range []quadlet.Input{running, twin} { // each was good when it was read
			all = append(all, quadlet.Convert([]quadlet.Input{f}, quadlet.Options{Program: "berth", Host: nowhere{}})[0].Unit)
		}
		slices.SortFunc(all, func(a, b *quadlet.Unit) int { return strings.Compare(a.Path, b.Path) })
		g, problems := NewGraph(all, nil, Options{Stale: map[string]bool{"/m/web.container": true}})
		if s := g.Services["web.service"]; s == nil || s.Unit.Path != "/m/web.container" {
			t.Errorf("%s: web.service is %v", path, s)
		}
		want := path + ":2: web.service is that of /m/web.container, which goes on as it was: ServiceName= gives this unit another name"
		if got := problems[path].Error(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
