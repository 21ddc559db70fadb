package specgen

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
)

// Names gives what is known of other containers.
type Names func(spec.ContainerRef) string

// writer writes one spec, and collects what it cannot say.
type writer struct {
	pod      *spec.Pod
	names    Names
	warnings []string
}

func (w *writer) lost(format string, args ...any) {
	w.warnings = append(w.warnings, fmt.Sprintf(format, args...))
}

// Container is the spec of a container of a pod. Warnings say what of it podman's
// specs have no field for.
func Container(p *spec.Pod, c *spec.Container, names Names) (Spec, []string) {
	w := &writer{pod: p, names: names}
	hand := c.ByHand
	if hand == nil {
		hand = &spec.ByHand{Labels: p.Labels, Notify: spec.NotifyIgnore}
		w.lostLife(c)
	}
	s := Spec{
		Name: p.ContainerName(c.Name), Entrypoint: w.words(c.Command), Command: w.words(c.Args), Env: w.env(c), Terminal: c.TTY, Stdin: c.Stdin,
		Labels: hand.Labels, Annotations: hand.Annotations, Timeout: uint(hand.Timeout / time.Second), Log: logOf(p.LogOf(c.Name)),
		ConmonPidFile: hand.ConmonPidFile, SdNotifyMode: cmp.Or(string(hand.Notify), "conmon"), Remove: hand.Remove,
		CreateCommand: hand.CreateCommand, Timezone: hand.Timezone, UnsetEnv: hand.UnsetEnv, UnsetEnvAll: hand.UnsetEnvAll,
		PasswdEntry: hand.Passwd.Entry, GroupEntry: hand.Passwd.GroupEntry,
	}
	if hand.NoEntrypoint {
		w.lost("an empty --entrypoint: the image's counts")
	}
	w.process(&s, c, hand)
	w.namespaces(&s, hand)
	w.storage(&s, c, hand)
	w.security(&s, c, hand)
	if p.Bare {
		s.network = networkOf(p, s.NetNS)
		s.PublishAll, s.Expose = hand.PublishAll, exposed(hand.Expose)
		s.Sysctl, s.Hostname = p.Sysctls, p.Hostname
		if p.Hostname == hand.ID.Short() { // nobody gave it
			s.Hostname = ""
		}
	} else {
		s.Pod, s.Hostname = string(p.ID), hand.Hostname
	}
	s.resources = w.resources(c.Resources, hand.Tuning)
	s.health = healthOf(c)
	return s, w.warnings
}

// lostLife warns of what only Kubernetes' containers have.
func (w *writer) lostLife(c *spec.Container) {
	l := &c.Lifecycle
	for _, has := range []struct {
		set  bool
		what string
	}{
		{l.Startup != nil || l.Liveness != nil || l.Readiness != nil, "probes"},
		{l.PostStart != nil || l.PreStop != nil, "hooks"},
		{len(l.RestartRules) > 0, "restart rules"},
	} {
		if has.set {
			w.lost("%s of a Kubernetes container", has.what)
		}
	}
}

// env is the variables that were given; the image has others. What comes from a
// Secret, or is known only when there is a pod, is left out.
func (w *writer) env(c *spec.Container) map[string]string {
	var out map[string]string
	for _, v := range c.Env {
		if strings.Contains(v.Value, "\x00") {
			w.lost("variable %s, whose value comes from elsewhere", v.Name)
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[v.Name] = v.Value
	}
	return out
}

// words are those of a command. Values that come from elsewhere are masked.
func (w *writer) words(list []string) []string {
	out := slices.Clone(list)
	for i, word := range out {
		if head, _, late := strings.Cut(word, "\x00"); late {
			w.lost("what comes after %q in the command, whose value comes from elsewhere", head)
			out[i] = head
		}
	}
	return out
}

func (w *writer) process(s *Spec, c *spec.Container, hand *spec.ByHand) {
	if name := strings.TrimPrefix(strings.ToUpper(c.StopSignal), "SIG"); name != "" {
		s.StopSignal = int(unix.SignalNum("SIG" + name))
		if _, err := fmt.Sscanf(c.StopSignal, "%d", &s.StopSignal); err != nil && s.StopSignal == 0 {
			w.lost("the stop signal %s", c.StopSignal)
		}
	}
	switch {
	case hand.StopTimeout != nil:
		s.StopTimeout = seconds(*hand.StopTimeout)
	case c.ByHand == nil:
		s.StopTimeout = seconds(w.pod.TerminationGrace)
	}
	switch cmp.Or(c.RestartPolicy, w.pod.RestartPolicy) {
	case spec.RestartAlways:
		s.RestartPolicy = "always"
		if hand.UnlessStopped {
			s.RestartPolicy = "unless-stopped"
		}
	case spec.RestartOnFailure:
		s.RestartPolicy, s.RestartTries = "on-failure", uint(hand.MostRestarts)
	}
	if c.ByHand != nil {
		s.Systemd = cmp.Or(string(hand.Systemd), "true")
	}
	for _, ref := range hand.Requires {
		s.Dependencies = append(s.Dependencies, w.names(ref))
	}
	if w.pod.IsInit(c.Name) {
		s.InitType = string(cmp.Or(hand.InitKind, spec.InitAlways))
	}
	if hand.Personality != "" {
		s.Personality = &Personality{hand.Personality}
	}
	for _, v := range hand.MergeEnv {
		s.EnvMerge = append(s.EnvMerge, v.Name+"="+v.Value)
	}
	if off := false; hand.Passwd.Off {
		s.Passwd = &off
	}
}

func seconds(d time.Duration) *uint {
	n := uint(d / time.Second)
	return &n
}

func logOf(l spec.Log) *Log {
	out := Log{Driver: l.Driver, Path: l.Path, Size: l.MaxSize}
	if l.Tag != "" {
		out.Options = map[string]string{"tag": l.Tag}
	}
	if out.Driver == "" && out.Path == "" && out.Size == 0 && out.Options == nil {
		return nil
	}
	return &out
}

// namespaces says where a container lives. In a pod the default is what that
// shares.
func (w *writer) namespaces(s *Spec, hand *spec.ByHand) {
	p, own := w.pod, hand.Namespaces
	pods := p.Join
	if !p.Bare {
		pods = spec.Joins{}
	}
	host := func(is bool) string {
		if is && p.Bare {
			return "host"
		}
		return "default"
	}
	s.PidNS = w.namespace(host(p.HostPID), own.PID, pods.PID)
	s.IpcNS = w.namespace(host(p.HostIPC), own.IPC, pods.IPC)
	s.CgroupNS = w.namespace("default", own.Cgroup, pods.Cgroup)
	s.UtsNS = w.namespace("private", own.UTS, pods.UTS)
	s.NetNS = w.namespace("", own.Net, pods.Net)
	if p.Bare && s.NetNS.Mode == "" {
		s.NetNS.Mode = netMode(p)
	}
	if hand.NoShm {
		s.IpcNS.Mode = "none"
	}
}

// netMode is how a pod is on the network, which lives in no other's namespace.
func netMode(p *spec.Pod) string {
	switch {
	case p.HostNet:
		return "host"
	case p.UserMode != nil:
		return p.UserMode.Program
	case len(p.Networks) == 0:
		return "none"
	}
	return "bridge"
}

func (w *writer) namespace(otherwise string, joins ...spec.Join) Namespace {
	for _, j := range joins {
		switch {
		case j.Container != nil:
			return Namespace{"container", w.names(*j.Container)}
		case j.Path != "":
			return Namespace{"path", j.Path}
		case j.Host:
			return Namespace{Mode: "host"}
		case j.Private:
			return Namespace{Mode: "private"}
		}
	}
	return Namespace{Mode: otherwise}
}

// Actions of podman on a container that is not healthy: libpod's numbers.
const (
	actKill    = 2
	actRestart = 3
	actStop    = 4
)

// podman's defaults of what is kept of health checks.
const (
	logLocal    = "local"
	mostResults = 5
	mostSize    = 500
)

func healthOf(c *spec.Container) health {
	out := health{LogDestination: logLocal, MaxLogCount: mostResults, MaxLogSize: mostSize}
	if c.ByHand == nil || c.ByHand.Health == nil {
		return out
	}
	h := c.ByHand.Health
	if h.Off {
		out.Health = &HealthCheck{Test: []string{"NONE"}}
		return out
	}
	if len(h.Test) > 0 {
		out.Health = &HealthCheck{
			Test: spec.DockerTest(h.Test), StartPeriod: int64(h.StartPeriod), Interval: int64(max(h.Interval, 0)), Timeout: int64(h.Timeout), Retries: h.Retries,
		}
	}
	out.OnFailure = map[spec.HealthAction]int{spec.HealthKill: actKill, spec.HealthRestart: actRestart, spec.HealthStop: actStop}[h.OnFailure]
	if st := h.Startup; st != nil {
		out.Startup = &HealthCheck{
			Test: spec.DockerTest(st.Test), Interval: int64(max(st.Interval, 0)), Timeout: int64(st.Timeout), Retries: st.Retries, Successes: st.Successes,
		}
	}
	out.LogDestination = cmp.Or(h.LogDir, out.LogDestination)
	if h.MostLog != 0 {
		out.MaxLogCount = uint(max(0, h.MostLog)) // 0 is any number to podman
	}
	if h.MaxLog != 0 {
		out.MaxLogSize = uint(max(0, h.MaxLog))
	}
	return out
}
