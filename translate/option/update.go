package option

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	units "github.com/docker/go-units"
	"github.com/spf13/pflag"

	"berth/engine/spec"
	"berth/translate"
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

	cpus, memory, reservation, cpuset, restart string
	shares, period                             uint64
	quota, pids                                int64
}

// Register adds the flags to a set, those that cannot be honoured hidden.
func (u *Update) Register(flags *pflag.FlagSet) {
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.StringVar(&u.cpus, "cpus", "", "limit to this `number` of cores, such as 0.5 (0: no limit)")
	f.Int64Var(&u.quota, "cpu-quota", 0, "limit to so many `microseconds` of CPU in each period (-1: no limit)")
	f.Uint64Var(&u.period, "cpu-period", cpuPeriod, "period of --cpu-quota in `microseconds`")
	f.Uint64VarP(&u.shares, "cpu-shares", "c", 0, "request this `weight` of CPU, 1024 for a core (0: none)")
	f.StringVar(&u.cpuset, "cpuset-cpus", "", "run on these `cores` only, such as 0-2,4 (empty: on any)")
	f.StringVarP(&u.memory, "memory", "m", "", "limit of memory in `bytes`, or as 64m, 1g (0: no limit)")
	f.StringVar(&u.reservation, "memory-reservation", "", "memory requested, in `bytes`, or as 64m, 1g (0: none)")
	f.Int64Var(&u.pids, "pids-limit", 0, "limit of the `number` of processes (-1: no limit)")
	f.StringVar(&u.restart, "restart", "", "restart `policy`: no, on-failure, always")
	for name := range refusedUpdates() {
		short := map[string]string{"env": "e"}[name]
		f.StringArrayP(name, short, nil, "cannot be honoured")
		_ = f.MarkHidden(name)
	}
	f.Lookup("no-healthcheck").NoOptDefVal = "true"
	u.flags = f
	flags.AddFlagSet(f)
}

// refusedUpdates are podman's flags that cannot be honoured, with the reason.
func refusedUpdates() map[string]string {
	const (
		device = "Kubernetes has no limits of block devices"
		health = "a pod's health is asked for by its probes: change them in its YAML"
		env    = "the environment of what runs cannot change: change it in the pod's YAML"
	)
	out := map[string]string{
		"cpu-rt-period":     "cgroup v2 has no share of real-time scheduling",
		"cpu-rt-runtime":    "cgroup v2 has no share of real-time scheduling",
		"cpuset-mems":       "Kubernetes has no memory nodes: --cpuset-cpus sets the cores",
		"memory-swap":       "containers of pods get no swap: --memory is the limit of both",
		"memory-swappiness": "containers of pods get no swap",
		"ulimit":            "a process has the ulimits it was started with: change the annotation io.podman.annotations.ulimit in the pod's YAML",
		"env":               env, "unsetenv": env,
		"no-healthcheck": health,
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
	var errs []error
	given := false
	u.flags.VisitAll(func(f *pflag.Flag) {
		given = given || f.Changed
		if why, refused := refusedUpdates()[f.Name]; refused && f.Changed {
			errs = append(errs, fmt.Errorf("--%s cannot be honoured: %s", f.Name, why))
		}
	})
	if !given {
		return errors.New("nothing to set is given, such as --cpus or --memory")
	}
	if u.given("cpus") && (u.given("cpu-quota") || u.given("cpu-period")) {
		errs = append(errs, errors.New("--cpus says what --cpu-quota and --cpu-period say: give one of them"))
	}
	if u.given("cpu-period") && !u.given("cpu-quota") {
		errs = append(errs, errors.New("--cpu-period says nothing without --cpu-quota"))
	}
	try := spec.Container{}
	return errors.Join(append(errs, u.set(&spec.Pod{}, &try))...)
}

func (u *Update) given(name string) bool { return u.flags.Changed(name) }

// Restarts reports whether the restart policy is set.
func (u *Update) Restarts() bool { return u.given("restart") }

// Apply sets what the flags say on a container of a pod. As in Kubernetes, what
// is limited is requested, unless less is; so a request that is as high as the
// limit goes along with that.
func (u *Update) Apply(p *spec.Pod, c *spec.Container) error {
	if err := u.set(p, c); err != nil {
		return err
	}
	r := &c.Resources
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

func (u *Update) set(p *spec.Pod, c *spec.Container) error {
	r := &c.Resources
	var errs []error
	note := func(flag string, given any, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("--%s %q: %w", flag, fmt.Sprint(given), err))
		}
	}
	if limit, ok, err := u.cpuLimit(); ok {
		note("cpus", u.cpus, err)
		limited(&r.CPULimit, &r.CPURequest, limit)
	}
	if u.given("cpu-quota") && !u.given("cpus") {
		limit, err := u.quotaLimit()
		note("cpu-quota", u.quota, err)
		limited(&r.CPULimit, &r.CPURequest, limit)
	}
	if u.given("cpu-shares") {
		if u.shares > mostShares {
			note("cpu-shares", u.shares, fmt.Errorf("at most %d", mostShares))
		}
		r.CPURequest = int64((u.shares*milli + shareOfCore - 1) / shareOfCore)
	}
	if u.given("cpuset-cpus") {
		if u.cpuset != "" && !translate.IsCPUSet(u.cpuset) {
			note("cpuset-cpus", u.cpuset, errors.New("not a list of cores such as 0-2,4"))
		}
		r.CPUSet = u.cpuset
	}
	if u.given("memory") {
		n, err := parseMemory(u.memory)
		note("memory", u.memory, err)
		limited(&r.MemoryLimit, &r.MemoryRequest, n)
	}
	if u.given("memory-reservation") {
		n, err := parseMemory(u.reservation)
		note("memory-reservation", u.reservation, err)
		r.MemoryRequest = n
	}
	if u.given("pids-limit") {
		if u.pids < -1 {
			note("pids-limit", u.pids, errors.New("not a number of processes (-1: no limit)"))
		}
		r.PidsLimit = max(0, u.pids)
	}
	if u.given("restart") {
		note("restart", u.restart, u.setRestart(p, c))
	}
	return errors.Join(errs...)
}

// limited sets a limit. A request as high as the old one goes along.
func limited(limit, request *int64, to int64) {
	if *request == *limit {
		*request = to
	}
	*limit = to
}

func (u *Update) cpuLimit() (limit int64, given bool, err error) {
	if !u.given("cpus") {
		return 0, false, nil
	}
	n, err := strconv.ParseFloat(u.cpus, 64)
	switch {
	case err != nil || math.IsNaN(n) || n < 0:
		return 0, true, errors.New("not a number of cores such as 0.5")
	case n > mostCores:
		return 0, true, errors.New("so many there are not")
	case n > 0 && n < 1.0/milli:
		return 0, true, errors.New("the least is 0.001")
	}
	return int64(math.Round(n * milli)), true, nil
}

// quotaLimit is the share that quota and period come to: the period of every
// container is the same.
func (u *Update) quotaLimit() (int64, error) {
	switch {
	case u.quota <= 0: // podman's ways to say none
		return 0, nil
	case u.quota < 1000:
		return 0, errors.New("the least is 1000")
	case u.period < 1000 || u.period > 1000000:
		return 0, fmt.Errorf("--cpu-period %d is not between 1000 and 1000000", u.period)
	case u.quota/int64(u.period) > mostCores:
		return 0, errors.New("so many cores there are not")
	}
	return max(1, u.quota*milli/int64(u.period)), nil
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
