package option

import (
	"slices"
	"testing"
	"time"

	"berth/engine/spec"
)

func healthGood() []good {
	usual := func(change func(h *spec.Health)) edit {
		return func(_ *Made, _ *spec.Container, h *spec.ByHand) {
			h.Health = &spec.Health{Test: []string{"/bin/sh", "-c", "true"}, Interval: 30 * time.Second, Timeout: 30 * time.Second, Retries: 3, MostLog: 5, MaxLog: 500}
			change(h.Health)
		}
	}
	return []good{
		{"--health-cmd true img", usual(func(*spec.Health) {})},
		{"--healthcheck-command true img", usual(func(*spec.Health) {})},
		{"--health-cmd true --health-interval 1m --health-timeout 5 --health-retries 2 --health-start-period 10s img", usual(func(h *spec.Health) {
			h.Interval, h.Timeout, h.Retries, h.StartPeriod = time.Minute, 5*time.Second, 2, 10*time.Second
		})},
		{"--health-cmd true --health-interval disable --health-on-failure kill img", usual(func(h *spec.Health) { h.Interval, h.OnFailure = -1, spec.HealthKill })},
		{"--health-cmd true --health-log-destination /var/log/h --health-max-log-count 0 --health-max-log-size 9 img", usual(func(h *spec.Health) {
			h.LogDir, h.MostLog, h.MaxLog = "/var/log/h", -1, 9
		})},
		{"--health-cmd true --health-log-destination here img", usual(func(h *spec.Health) { h.LogDir = "/home/me/here" })},
		{"--health-cmd true --health-log-destination events_logger img", usual(func(h *spec.Health) { h.LogDir = "events_logger" })},
		{"--health-cmd true --health-startup-cmd [\"a\",\"b\"] --health-startup-interval 1s --health-startup-timeout 2s --health-startup-retries 4 --health-startup-success 5 img", usual(func(h *spec.Health) {
			h.Startup = &spec.StartupHealth{Test: []string{"a", "b"}, Interval: time.Second, Timeout: 2 * time.Second, Retries: 4, Successes: 5}
		})},
		{"--health-interval 5s img", func(_ *Made, _ *spec.Container, h *spec.ByHand) {
			h.Health = &spec.Health{Interval: 5 * time.Second, MostLog: 5, MaxLog: 500}
		}},
		{"--health-cmd none img", func(_ *Made, _ *spec.Container, h *spec.ByHand) { h.Health = &spec.Health{Off: true} }},
		{"--no-healthcheck img", func(_ *Made, _ *spec.Container, h *spec.ByHand) { h.Health = &spec.Health{Off: true} }},
	}
}

func healthBad() bad {
	return bad{
		"--health-cmd true --health-log-destination= img":          `--health-log-destination "": give local, events_logger, or a folder`,
		"--health-cmd [\"a\" img":                                  "not a JSON list of words",
		"--health-cmd CMD img":                                     "there is no command in it",
		"--health-interval often img":                              `--health-interval "often": not a time`,
		"--health-timeout 1ms img":                                 `--health-timeout "1ms": the least is 1s`,
		"--health-cmd true --health-retries 0 img":                 `--health-retries "0": the least is 1`,
		"--health-start-period=-1s img":                            "not a time",
		"--health-on-failure die img":                              `--health-on-failure "die": unknown`,
		"--health-startup-cmd none img":                            "leave it out instead",
		"--health-startup-interval 1s img":                         "--health-startup-interval says nothing without --health-startup-cmd",
		"--health-startup-cmd true --health-startup-timeout 0 img": `--health-startup-timeout "0": the least is 1s`,
		"--no-healthcheck --health-cmd true img":                   "exclude each other",
	}
}

func TestHealthCommand(t *testing.T) {
	for s, want := range map[string][]string{
		"":                                   nil,
		"true":                               {"/bin/sh", "-c", "true"},
		"curl -f http://localhost || exit 1": {"/bin/sh", "-c", "curl -f http://localhost || exit 1"},
		"CMD curl -f  x":                     {"curl", "-f", "x"},
		"cmd curl":                           {"curl"},
		"CMD-SHELL curl -f x || exit 1":      {"/bin/sh", "-c", "curl -f x || exit 1"},
		`["curl","-f","a b"]`:                {"curl", "-f", "a b"},
		`["CMD","curl","a b"]`:               {"curl", "a b"},
		`["CMD-SHELL","curl x || exit"]`:     {"/bin/sh", "-c", "curl x || exit"},
		`["curl x || exit"]`:                 {"/bin/sh", "-c", "curl x || exit"},
	} {
		got, off, err := parseHealthCommand(s)
		if err != nil || off || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v, %v; want %q", s, got, off, err, want)
		}
	}
	for _, s := range []string{"none", "NONE", `["NONE"]`} {
		if got, off, err := parseHealthCommand(s); err != nil || !off || got != nil {
			t.Errorf("%s: %q, %v, %v", s, got, off, err)
		}
	}
	for _, s := range []string{"[]", "none of it", `["CMD"]`, "CMD-SHELL", `[1]`} {
		if got, _, err := parseHealthCommand(s); err == nil {
			t.Errorf("%s is taken as %q", s, got)
		}
	}
}
