package option

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	units "github.com/docker/go-units"
	"github.com/spf13/pflag"

	"berth/engine/spec"
)

// The kernel's numbers: https://docs.kernel.org/scheduler/sched-bwc.html
const (
	cpuPeriod   = 100000 // µs, also podman's default
	mostShares  = 262144 // of cgroup v1
	shareOfCore = 1024
	milli       = 1000
	mostCores   = 1 << 20
)

// Update is the flags of `update`: what can be set of a container that runs.
type Update struct {
	flags *pflag.FlagSet // these alone

	resource   resource
	health     health
	restart    string
	env, unset []string
}

// Register adds the flags to a set.
func (u *Update) Register(flags *pflag.FlagSet) {
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	u.resource.changeable(f)
	u.health.register(f)
	f.StringVar(&u.restart, "restart", "", "start it again by this `policy`: no, on-failure[:times], always, unless-stopped")
	f.StringArrayVarP(&u.env, "env", "e", nil, "set a variable (`NAME=value`) from the next start on")
	f.StringArrayVar(&u.unset, "unsetenv", nil, "leave out a `variable` from the next start on")
	f.VisitAll(noDefault) // what is not given stays as it is
	u.flags = f
	addAll(flags, f)
}

// noDefault makes a flag's help leave out what it is where it is not given.
func noDefault(f *pflag.Flag) {
	switch f.Value.Type() {
	case "string":
		f.DefValue = ""
	case "bool":
		f.DefValue = "false"
	case "stringArray", "stringSlice":
		f.DefValue = "[]"
	case "uintSlice":
		f.DefValue = ""
	default:
		f.DefValue = "0"
	}
}

// onlyByHand are the flags for containers that were made by hand, with the
// reason why those of Kubernetes' pods cannot have them.
func onlyByHand() map[string]string {
	const (
		device = "Kubernetes has no limits of block devices"
		health = "a pod's health is asked for by its probes: change them in its YAML"
		env    = "the environment of a pod is said by its YAML: change it there"
	)
	out := map[string]string{
		"cpu-rt-period":     "Kubernetes has no share of real-time scheduling",
		"cpu-rt-runtime":    "Kubernetes has no share of real-time scheduling",
		"cpuset-mems":       "Kubernetes has no memory nodes: --cpuset-cpus sets the cores",
		"memory-swap":       "containers of pods get no swap: --memory is the limit of both",
		"memory-swappiness": "containers of pods get no swap",
		"ulimit":            "a process has the ulimits it was started with: change the annotation io.podman.annotations.ulimit in the pod's YAML",
		"no-healthcheck":    health,
		"env":               env, "unsetenv": env,
	}
	for _, name := range []string{"blkio-weight", "blkio-weight-device", "device-read-bps", "device-read-iops", "device-write-bps", "device-write-iops"} {
		out[name] = device
	}
	for _, name := range []string{
		"cmd", "interval", "log-destination", "max-log-count", "max-log-size", "on-failure", "retries", "start-period", "timeout",
		"startup-cmd", "startup-interval", "startup-retries", "startup-success", "startup-timeout",
	} {
		out["health-"+name] = health
	}
	return out
}

// Check is everything that is wrong with the flags, whatever container they are
// for.
func (u *Update) Check() error {
	given := false
	u.flags.VisitAll(func(f *pflag.Flag) { given = given || f.Changed })
	if !given {
		return errors.New("nothing to set is given, such as --cpus or --memory")
	}
	if u.given("cpu-period") && !u.given("cpu-quota") {
		return errors.New("--cpu-period says nothing without --cpu-quota")
	}
	// With these limits no number is too large or too small for another.
	try := spec.Container{Name: "c", ByHand: &spec.ByHand{Health: &spec.Health{Startup: &spec.StartupHealth{}}}}
	if u.given("memory-swap") && !u.given("memory") {
		try.Resources.MemoryLimit = 1
	}
	return u.setByHand(&spec.Pod{}, &try)
}

func (u *Update) given(name string) bool { return u.flags.Changed(name) }

// Restarts reports whether the restart policy is set.
func (u *Update) Restarts() bool { return u.given("restart") }

// Apply sets what the flags say on a container of a pod.
func (u *Update) Apply(p *spec.Pod, c *spec.Container) error {
	if c.ByHand != nil {
		return u.setByHand(p, c)
	}
	var errs []error
	u.flags.VisitAll(func(f *pflag.Flag) {
		if why, refused := onlyByHand()[f.Name]; refused && f.Changed {
			errs = append(errs, fmt.Errorf("--%s cannot be honoured: %s", f.Name, why))
		}
	})
	if err := errors.Join(append(errs, u.setDeclared(p, c))...); err != nil {
		return err
	}
	return requested(&c.Resources)
}

// requested refuses limits below what is requested: as in Kubernetes, what is
// limited is requested, unless less is.
func requested(r *spec.Resources) error {
	var errs []error
	if r.CPULimit > 0 && r.CPURequest > r.CPULimit {
		errs = append(errs, fmt.Errorf("it requests %s cores, more than its limit of %s: give --cpu-shares, too",
			cores(r.CPURequest), cores(r.CPULimit)))
	}
	if r.MemoryLimit > 0 && r.MemoryRequest > r.MemoryLimit {
		errs = append(errs, fmt.Errorf("it requests %d bytes of memory, more than its limit of %d: give --memory-reservation, too",
			r.MemoryRequest, r.MemoryLimit))
	}
	return errors.Join(errs...)
}

func cores(n int64) string { return strconv.FormatFloat(float64(n)/milli, 'f', -1, 64) }

// setByHand sets on a container that was made by hand what its flags could have
// said when it was made.
func (u *Update) setByHand(p *spec.Pod, c *spec.Container) error {
	hand := *c.ByHand
	c.ByHand = &hand // it is shared with whoever gave the container
	m := newMaker(nowhere{}, u.flags)
	m.pod, m.c, m.hand = p, c, &hand
	u.resource.limits(m, &c.Resources, &hand.Tuning)
	u.health.apply(m)
	if u.given("restart") {
		policy, times, unless, err := parseRestart(u.restart)
		m.noteFlag("restart", u.restart, err)
		switch {
		case err != nil:
		case hand.Remove && policy != spec.RestartNever:
			m.note(errors.New("--restart cannot be honoured: the container is removed when it ends, as --rm said"))
		}
		c.RestartPolicy, hand.MostRestarts, hand.UnlessStopped = policy, times, unless
		if policy == p.RestartPolicy {
			c.RestartPolicy = "" // the pod's
		}
	}
	list := vars(slices.Clone(c.Env))
	for _, s := range u.env {
		if !strings.Contains(s, "=") {
			m.failf("env", s, "write NAME=value")
			continue
		}
		m.noteFlag("env", s, list.add(s, nil))
	}
	for _, name := range u.unset {
		if name == "" || strings.ContainsRune(name, '=') {
			m.failf("unsetenv", name, "give the name of a variable")
		}
		list = slices.DeleteFunc(list, func(v spec.EnvVar) bool { return v.Name == name })
	}
	if u.given("env") || u.given("unsetenv") {
		c.Env, hand.UnsetEnv = list, append(slices.Clone(hand.UnsetEnv), u.unset...)
	}
	return errors.Join(m.errs...)
}

// setDeclared sets on a container of a Kubernetes pod what its YAML could say. A
// request that is as high as the limit goes along with that.
func (u *Update) setDeclared(p *spec.Pod, c *spec.Container) error {
	var tuning spec.Tuning
	set := spec.Resources{}
	m := newMaker(nowhere{}, u.flags)
	u.resource.limits(m, &set, &tuning)
	r := &c.Resources
	if u.given("cpus") {
		limited(&r.CPULimit, &r.CPURequest, set.CPULimit)
	}
	if u.given("cpu-quota") {
		limit, err := u.quotaLimit()
		m.noteFlag("cpu-quota", strconv.FormatInt(u.resource.quota, 10), err)
		limited(&r.CPULimit, &r.CPURequest, limit)
	}
	if u.given("cpu-shares") {
		r.CPURequest = int64((tuning.CPUShares*milli + shareOfCore - 1) / shareOfCore)
	}
	if u.given("cpuset-cpus") {
		r.CPUSet = set.CPUSet
	}
	if u.given("memory") {
		limited(&r.MemoryLimit, &r.MemoryRequest, set.MemoryLimit)
	}
	if u.given("memory-reservation") {
		r.MemoryRequest = tuning.Reservation
	}
	if u.given("pids-limit") {
		r.PidsLimit = set.PidsLimit
	}
	if u.given("restart") {
		m.noteFlag("restart", u.restart, u.setRestart(p, c))
	}
	return errors.Join(m.errs...)
}

// limited sets a limit. A request as high as the old one goes along.
func limited(limit, request *int64, to int64) {
	if *request == *limit {
		*request = to
	}
	*limit = to
}

// quotaLimit is the share that quota and period come to: the period of every
// container is the same.
func (u *Update) quotaLimit() (int64, error) {
	quota, period := u.resource.quota, int64(cmp.Or(u.resource.period, cpuPeriod))
	switch {
	case quota <= 0: // podman's ways to say none
		return 0, nil
	case quota/period > mostCores:
		return 0, errors.New("so many cores there are not")
	}
	return max(1, quota*milli/period), nil
}

// parseMemory reads a size as podman's --memory: k, m and g are powers of 1024.
func parseMemory(s string) (int64, error) {
	if s == "-1" {
		return 0, nil
	}
	n, err := units.RAMInBytes(strings.TrimSuffix(s, "i")) // also as Kubernetes writes it
	if err != nil || n < 0 {
		return 0, errors.New("not a size such as 64m or 1g")
	}
	return n, nil
}

// setRestart sets a restart policy in podman's words.
func (u *Update) setRestart(p *spec.Pod, c *spec.Container) error {
	policy := map[string]spec.RestartPolicy{
		"no": spec.RestartNever, "never": spec.RestartNever, "on-failure": spec.RestartOnFailure,
		"always": spec.RestartAlways, "unless-stopped": spec.RestartAlways,
	}[u.restart]
	switch {
	case strings.HasPrefix(u.restart, "on-failure:"):
		return errors.New("restarts are not counted: each waits longer, up to 5 minutes: want on-failure")
	case policy == "":
		return fmt.Errorf("unknown policy%s", oneOf(u.restart, []string{"no", "on-failure", "always"}))
	case p.IsInit(c.Name):
		return errors.New("the restart policy of an init container says whether it is a sidecar: change it in the pod's YAML")
	}
	c.RestartPolicy = policy
	if policy == p.RestartPolicy && len(c.Lifecycle.RestartRules) == 0 {
		c.RestartPolicy = "" // the pod's
	}
	return nil
}
