package option

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"berth/engine/spec"
)

// health is how it is found out whether a container does well.
type health struct {
	cmd, interval, timeout, startPeriod, onFailure, logTo string
	startCmd, startInterval, startTimeout                 string
	retries                                               int
	startRetries, startSuccesses, logCount, logSize       uint
	off                                                   bool
}

func (h *health) register(f *pflag.FlagSet) {
	f.StringVar(&h.cmd, "health-cmd", "", "ask the container how it does with this `command`: words for a shell, [\"a\", \"list\"], or none")
	f.StringVar(&h.interval, "health-interval", "30s", "`time` between two checks; disable: check only when asked to")
	f.StringVar(&h.timeout, "health-timeout", "30s", "`time` a check may take")
	f.IntVar(&h.retries, "health-retries", 3, "`number` of failures in a row that make the container unhealthy")
	f.StringVar(&h.startPeriod, "health-start-period", "0s", "`time` from the start on in which failures do not count")
	f.StringVar(&h.onFailure, "health-on-failure", "none", "`what` becomes of an unhealthy container: none, kill, restart, stop")
	f.StringVar(&h.startCmd, "health-startup-cmd", "", "ask with this `command` first, until it succeeds")
	f.StringVar(&h.startInterval, "health-startup-interval", "30s", "`time` between two of these checks; disable: check only when asked to")
	f.StringVar(&h.startTimeout, "health-startup-timeout", "30s", "`time` one of these checks may take")
	f.UintVar(&h.startRetries, "health-startup-retries", 0, "`number` of failures of it that restart the container (0: none do)")
	f.UintVar(&h.startSuccesses, "health-startup-success", 0, "`number` of successes in a row it takes (0: one)")
	f.StringVar(&h.logTo, "health-log-destination", "local", "`where` results are kept: local, a folder, events_logger")
	f.UintVar(&h.logCount, "health-max-log-count", 5, "`number` of results that are kept (0: any)")
	f.UintVar(&h.logSize, "health-max-log-size", 500, "`characters` of each that are kept (0: any)")
	f.BoolVar(&h.off, "no-healthcheck", false, "do not ask, though the image says how")
}

func (h *health) apply(m *maker) {
	asked := false
	m.flags.VisitAll(func(f *pflag.Flag) {
		asked = asked || f.Changed && strings.HasPrefix(f.Name, "health-")
	})
	test, off, err := parseHealthCommand(h.cmd)
	m.noteFlag("health-cmd", h.cmd, err)
	switch {
	case h.off && m.given("health-cmd") && !off:
		m.note(errors.New("--no-healthcheck and --health-cmd exclude each other: drop one of them"))
		return
	case h.off, off:
		m.hand.Health = &spec.Health{Off: true}
		return
	case !asked:
		return
	}
	out := &spec.Health{MostLog: orNone(h.logCount), MaxLog: orNone(h.logSize)}
	if m.hand.Health != nil && !m.hand.Health.Off {
		*out = *m.hand.Health
	}
	set(m, "health-max-log-count", &out.MostLog, orNone(h.logCount))
	set(m, "health-max-log-size", &out.MaxLog, orNone(h.logSize))
	// What the image, or who made the container, says of its check stays but for
	// what is given.
	own := len(test) > 0
	if own {
		out.Test = test
	}
	if own || m.given("health-interval") {
		out.Interval = h.pause(m, "health-interval", h.interval)
	}
	if own || m.given("health-timeout") {
		out.Timeout = least(m, "health-timeout", h.timeout, time.Second)
	}
	if own || m.given("health-start-period") {
		out.StartPeriod = least(m, "health-start-period", h.startPeriod, 0)
	}
	if own || m.given("health-retries") {
		out.Retries = h.retries
		if h.retries < 1 {
			m.failf("health-retries", strconv.Itoa(h.retries), "the least is 1")
		}
	}
	set(m, "health-on-failure", &out.OnFailure, h.action(m))
	set(m, "health-log-destination", &out.LogDir, h.log(m))
	out.Startup = h.startup(m, out.Startup)
	m.hand.Health = out
}

// orNone is -1, any number, for 0.
func orNone(n uint) int {
	if n == 0 {
		return -1
	}
	return int(min(n, 1<<30))
}

// pause is a time, or less than 0 for one that is never over.
func (h *health) pause(m *maker, flag, s string) time.Duration {
	if s == "disable" || s == "0" {
		return -1
	}
	return least(m, flag, s, time.Millisecond)
}

// least reads a time of so long at least.
func least(m *maker, flag, s string, from time.Duration) time.Duration {
	d, err := parseTime(s)
	m.noteFlag(flag, s, err)
	if err == nil && d < from {
		m.failf(flag, s, "the least is %s", from)
	}
	return d
}

func (h *health) action(m *maker) spec.HealthAction {
	switch h.onFailure {
	case "none", "":
		return spec.HealthNone
	case "kill", "restart", "stop":
		return spec.HealthAction(h.onFailure)
	}
	m.failf("health-on-failure", h.onFailure, "unknown%s", oneOf(h.onFailure, []string{"none", "kill", "restart", "stop"}))
	return spec.HealthNone
}

func (h *health) log(m *maker) string {
	switch {
	case h.logTo == "" && m.given("health-log-destination"):
		m.failf("health-log-destination", h.logTo, "give local, events_logger, or a folder")
		return ""
	case h.logTo == "local" || h.logTo == "":
		return ""
	case h.logTo == spec.HealthLogEvents:
		return h.logTo
	}
	return m.host.Abs(h.logTo)
}

// startup is the check at the start; was is the one there is, or nil.
func (h *health) startup(m *maker, was *spec.StartupHealth) *spec.StartupHealth {
	test, off, err := parseHealthCommand(h.startCmd)
	m.noteFlag("health-startup-cmd", h.startCmd, err)
	if off {
		m.failf("health-startup-cmd", h.startCmd, "leave it out instead")
	}
	if len(test) == 0 && was != nil {
		out := *was
		if m.given("health-startup-interval") {
			out.Interval = h.pause(m, "health-startup-interval", h.startInterval)
		}
		if m.given("health-startup-timeout") {
			out.Timeout = least(m, "health-startup-timeout", h.startTimeout, time.Second)
		}
		set(m, "health-startup-retries", &out.Retries, int(min(h.startRetries, 1<<30)))
		set(m, "health-startup-success", &out.Successes, int(min(h.startSuccesses, 1<<30)))
		return &out
	}
	if len(test) == 0 {
		for _, flag := range []string{"interval", "timeout", "retries", "success"} {
			if m.given("health-startup-" + flag) {
				m.note(errors.New("--health-startup-" + flag + " says nothing without --health-startup-cmd"))
			}
		}
		return nil
	}
	return &spec.StartupHealth{
		Test: test, Interval: h.pause(m, "health-startup-interval", h.startInterval),
		Timeout: least(m, "health-startup-timeout", h.startTimeout, time.Second),
		Retries: int(min(h.startRetries, 1<<30)), Successes: int(min(h.startSuccesses, 1<<30)),
	}
}

// parseHealthCommand reads a health check as podman does: none; a JSON list, of
// one word or begun with CMD-SHELL for a shell, else, begun with CMD or not,
// without one; words begun with CMD; words for a shell.
func parseHealthCommand(s string) (argv []string, off bool, err error) {
	text := strings.TrimSpace(s)
	if text == "" {
		return nil, false, nil
	}
	var list []string
	isList := strings.HasPrefix(text, "[")
	if isList {
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			return nil, false, errors.New("not a JSON list of words such as [\"CMD\", \"true\"]")
		}
		if len(list) == 0 {
			return nil, false, errors.New("there is no command in it")
		}
	} else {
		list = strings.SplitN(text, " ", 2)
	}
	rest := list[1:]
	shell := func(words []string) ([]string, bool, error) {
		if len(words) == 0 {
			return nil, false, errors.New("there is no command in it")
		}
		return []string{"/bin/sh", "-c", strings.Join(words, " ")}, false, nil
	}
	switch strings.ToUpper(list[0]) {
	case "NONE":
		if len(rest) > 0 {
			return nil, false, errors.New("none stands alone")
		}
		return nil, true, nil
	case "CMD":
		if !isList {
			rest = strings.Fields(strings.Join(rest, " "))
		}
		if len(rest) == 0 {
			return nil, false, errors.New("there is no command in it")
		}
		return rest, false, nil
	case "CMD-SHELL":
		return shell(rest)
	}
	if isList && len(list) > 1 {
		return list, false, nil
	}
	return shell(list)
}
