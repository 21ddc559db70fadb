package option

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	units "github.com/docker/go-units"
	"github.com/spf13/pflag"

	"berth/engine/spec"
	"berth/translate"
)

// resource is what a container, or a pod, may use.
type resource struct {
	cpus, cpusetCPUs, cpusetMems, memory, reservation, swap, rdt           string
	blkioWeight                                                            string
	blkioDevices, readBps, writeBps, readIOps, writeIOps, ulimits, unified []string
	shares, period, rtPeriod                                               uint64
	quota, rtRuntime, swappiness, pids                                     int64
	oomScore                                                               int
	oomKillDisable                                                         bool
}

// shared adds what containers and pods have in common.
func (r *resource) shared(f *pflag.FlagSet) {
	f.StringVar(&r.cpus, "cpus", "", "limit to this `number` of cores, such as 0.5 (0: no limit)")
	f.Uint64VarP(&r.shares, "cpu-shares", "c", 0, "`weight` of CPU where it is short, 1024 for a usual one")
	f.StringVar(&r.cpusetCPUs, "cpuset-cpus", "", "run on these `cores` only, such as 0-2,4")
	f.StringVar(&r.cpusetMems, "cpuset-mems", "", "take memory of these `nodes` only, such as 0-1")
	f.StringVarP(&r.memory, "memory", "m", "", "limit of memory in `bytes`, or as 64m, 1g (0: no limit)")
	f.StringVar(&r.swap, "memory-swap", "", "limit of memory and swap together in `bytes`, or as 64m, 1g; -1: no limit (default: twice --memory)")
	f.StringVar(&r.blkioWeight, "blkio-weight", "", "`weight` of block devices where they are short, 10 to 1000")
	f.StringArrayVar(&r.blkioDevices, "blkio-weight-device", nil, "weight for one device (`path:weight`)")
	f.StringArrayVar(&r.readBps, "device-read-bps", nil, "limit what is read of a device a second (`path:bytes`, or as 1mb)")
	f.StringArrayVar(&r.writeBps, "device-write-bps", nil, "limit what is written to a device a second (`path:bytes`, or as 1mb)")
}

// changeable adds what only containers have, too, and can be given anew.
func (r *resource) changeable(f *pflag.FlagSet) {
	r.shared(f)
	f.Uint64Var(&r.period, "cpu-period", 0, "period of --cpu-quota in `microseconds`, usually 100000")
	f.Int64Var(&r.quota, "cpu-quota", 0, "limit to so many `microseconds` of CPU in each period (-1: no limit)")
	f.Uint64Var(&r.rtPeriod, "cpu-rt-period", 0, "period of real-time scheduling in `microseconds`; cgroup v1 only")
	f.Int64Var(&r.rtRuntime, "cpu-rt-runtime", 0, "`microseconds` of real-time scheduling in each period; cgroup v1 only")
	f.StringVar(&r.reservation, "memory-reservation", "", "memory in `bytes`, or as 64m, 1g, that is left where it is short")
	f.Int64Var(&r.swappiness, "memory-swappiness", -1, "how readily memory is swapped out, a `number` from 0 to 100; cgroup v1 only")
	noDefault(f.Lookup("memory-swappiness"))
	f.StringArrayVar(&r.readIOps, "device-read-iops", nil, "limit how often a device is read a second (`path:number`)")
	f.StringArrayVar(&r.writeIOps, "device-write-iops", nil, "limit how often a device is written to a second (`path:number`)")
	f.Int64Var(&r.pids, "pids-limit", 2048, "limit of the `number` of processes (-1: no limit)")
	f.StringSliceVar(&r.ulimits, "ulimit", nil, "limit of its processes (`name=soft[:hard]`, such as nofile=1024:2048); host: those of the caller")
}

// register adds all that containers have.
func (r *resource) register(f *pflag.FlagSet) {
	r.changeable(f)
	f.IntVar(&r.oomScore, "oom-score-adj", 0, "`number` from -1000 to 1000: the higher, the sooner it is killed where memory is short")
	f.BoolVar(&r.oomKillDisable, "oom-kill-disable", false, "never kill it where memory is short; cgroup v1 only")
	f.StringSliceVar(&r.unified, "cgroup-conf", nil, "write a file of its cgroup (`file=value`, such as memory.high=1073741824)")
	f.StringVar(&r.rdt, "rdt-class", "", "class of Intel's resource director (`name`)")
	f.String("kernel-memory", "", "cannot be honoured")
	_ = f.MarkHidden("kernel-memory")
}

// mostProcesses is how many Linux counts in a cgroup (PID_MAX_LIMIT).
const mostProcesses = 4 << 20

// ofCgroup are the flags whose limits a cgroup enforces.
func ofCgroup() []string {
	return []string{
		"blkio-weight", "blkio-weight-device", "cgroup-conf", "cpu-period", "cpu-quota", "cpu-rt-period", "cpu-rt-runtime", "cpu-shares", "cpus", "cpuset-cpus",
		"cpuset-mems", "device-cgroup-rule", "device-read-bps", "device-read-iops", "device-write-bps", "device-write-iops", "memory", "memory-reservation", "memory-swap",
		"memory-swappiness", "oom-kill-disable", "pids-limit",
	}
}

// apply reads the flags into the limits of a container.
func (r *resource) apply(m *maker) { r.limits(m, &m.c.Resources, &m.hand.Tuning) }

// limits sets what is given of limits, and leaves the others as they are.
func (r *resource) limits(m *maker, res *spec.Resources, t *spec.Tuning) {
	r.cpu(m, res, t)
	r.mem(m, res, t)
	r.blkio(m, t)
	if m.given("kernel-memory") {
		m.note(errors.New("--kernel-memory cannot be honoured: Linux has no such limit any more; --memory counts what the kernel uses for the container, too"))
	}
	if m.given("pids-limit") || m.said("pids-limit") && !m.cgroupless() {
		if r.pids < -1 || r.pids > mostProcesses {
			m.failf("pids-limit", strconv.FormatInt(r.pids, 10), "not a number of processes up to %d (-1: no limit)", mostProcesses)
		}
		res.PidsLimit = max(0, r.pids)
		t.AnyPids = r.pids <= 0
	}
	if m.said("oom-score-adj") {
		if r.oomScore < -1000 || r.oomScore > 1000 {
			m.failf("oom-score-adj", strconv.Itoa(r.oomScore), "not between -1000 and 1000")
		}
		res.OOMScoreAdj = &r.oomScore
	}
	r.processes(m, res, t)
	for _, s := range r.unified {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" || strings.ContainsAny(name, "/\n\x00") || !strings.Contains(name, ".") || strings.HasPrefix(name, ".") {
			m.failf("cgroup-conf", s, "write file=value, such as memory.high=1073741824")
			continue
		}
		if t.Unified == nil {
			t.Unified = map[string]string{}
		}
		t.Unified[name] = value
	}
	if r.rdt != "" {
		t.RDT = r.rdt
	}
}

// processes sets the ulimits. One that is given anew replaces the former.
func (r *resource) processes(m *maker, res *spec.Resources, t *spec.Tuning) {
	for _, s := range r.ulimits {
		if s == "host" {
			t.HostUlimits = true
			if len(r.ulimits) > 1 {
				m.note(errors.New("--ulimit host takes the caller's limits and no others: drop the others"))
			}
			continue
		}
		u, err := translate.ParseUlimit(s)
		m.noteFlag("ulimit", s, err)
		others := slices.DeleteFunc(slices.Clone(res.Ulimits), func(o spec.Ulimit) bool { return o.Name == u.Name })
		res.Ulimits = append(others, u)
	}
}

func (r *resource) cpu(m *maker, res *spec.Resources, t *spec.Tuning) {
	if m.given("cpus") {
		limit, err := parseCores(r.cpus)
		m.noteFlag("cpus", r.cpus, err)
		res.CPULimit, t.CPUPeriod, t.CPUQuota = limit, 0, 0
		if m.given("cpu-quota") || m.given("cpu-period") {
			m.note(errors.New("--cpus says what --cpu-quota and --cpu-period say: give one of them"))
		}
	}
	for _, period := range []struct {
		flag string
		n    uint64
	}{{"cpu-period", r.period}, {"cpu-rt-period", r.rtPeriod}} {
		if n := period.n; m.given(period.flag) && n != 0 && (n < 1000 || n > 1000000) {
			m.failf(period.flag, strconv.FormatUint(n, 10), "not between 1000 and 1000000")
		}
	}
	if r.quota > 0 && r.quota < 1000 {
		m.failf("cpu-quota", strconv.FormatInt(r.quota, 10), "the least is 1000")
	}
	if r.rtRuntime < 0 {
		m.failf("cpu-rt-runtime", strconv.FormatInt(r.rtRuntime, 10), "not a time in microseconds")
	}
	if m.given("cpu-period") {
		t.CPUPeriod, res.CPULimit = r.period, 0
	}
	if m.given("cpu-quota") {
		t.CPUQuota, res.CPULimit = max(0, r.quota), 0
	}
	set(m, "cpu-rt-period", &t.RealtimePeriod, r.rtPeriod)
	set(m, "cpu-rt-runtime", &t.RealtimeRuntime, r.rtRuntime)
	if m.given("cpu-shares") && (r.shares == 1 || r.shares > mostShares) {
		m.failf("cpu-shares", strconv.FormatUint(r.shares, 10), "not between 2 and %d", mostShares)
	}
	set(m, "cpu-shares", &t.CPUShares, r.shares)
	for _, cpuset := range []struct{ flag, list string }{{"cpuset-cpus", r.cpusetCPUs}, {"cpuset-mems", r.cpusetMems}} {
		if cpuset.list != "" && !translate.IsCPUSet(cpuset.list) {
			m.failf(cpuset.flag, cpuset.list, "not a list such as 0-2,4")
		}
	}
	set(m, "cpuset-cpus", &res.CPUSet, r.cpusetCPUs)
	set(m, "cpuset-mems", &t.CPUSetMems, r.cpusetMems)
}

// set sets a value that is given.
func set[T any](m *maker, flag string, to *T, value T) {
	if m.given(flag) {
		*to = value
	}
}

// parseCores reads a number of cores as thousandths of one; 0 is no limit.
func parseCores(s string) (int64, error) {
	n, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil || math.IsNaN(n) || n < 0:
		return 0, errors.New("not a number of cores such as 0.5")
	case n > mostCores:
		return 0, errors.New("so many there are not")
	case n > 0 && n < 0.01:
		return 0, errors.New("the least is 0.01") // 1 ms in 100, less is not counted
	}
	return int64(math.Round(n * milli)), nil
}

func (r *resource) mem(m *maker, res *spec.Resources, t *spec.Tuning) {
	size := func(flag, s string) int64 {
		if s == "" {
			return 0
		}
		n, err := parseMemory(s)
		m.noteFlag(flag, s, err)
		return n
	}
	set(m, "memory", &res.MemoryLimit, size("memory", r.memory))
	set(m, "memory-reservation", &t.Reservation, size("memory-reservation", r.reservation))
	if res.MemoryLimit > 0 && t.Reservation > res.MemoryLimit {
		m.note(fmt.Errorf("--memory-reservation: %d bytes are more than the %d of --memory", t.Reservation, res.MemoryLimit))
	}
	if r.swap != "" {
		n := int64(-1)
		if r.swap != "-1" {
			n = size("memory-swap", r.swap)
		}
		switch {
		case res.MemoryLimit == 0 && n > 0:
			m.note(errors.New("--memory-swap says nothing without --memory: it is a limit of both together"))
		case n > 0 && n < res.MemoryLimit:
			m.failf("memory-swap", r.swap, "less than the %d bytes of --memory: it is a limit of both together", res.MemoryLimit)
		case n != 0:
			t.MemorySwap = &n
		}
	}
	if t.MemorySwap != nil && *t.MemorySwap > 0 && *t.MemorySwap < res.MemoryLimit && !m.given("memory-swap") {
		m.note(fmt.Errorf("--memory: %d bytes are more than the %d of --memory-swap: give that, too", res.MemoryLimit, *t.MemorySwap))
	}
	if m.given("memory-swappiness") && r.swappiness != -1 {
		if r.swappiness < 0 || r.swappiness > 100 {
			m.failf("memory-swappiness", strconv.FormatInt(r.swappiness, 10), "not between 0 and 100")
		}
		t.Swappiness = &r.swappiness
	}
	set(m, "oom-kill-disable", &t.OOMKillDisable, r.oomKillDisable)
}

func (r *resource) blkio(m *maker, t *spec.Tuning) {
	if r.blkioWeight != "" {
		n, err := parseWeight(r.blkioWeight)
		m.noteFlag("blkio-weight", r.blkioWeight, err)
		t.BlkioWeight = n
	}
	if len(r.blkioDevices) > 0 {
		t.BlkioDevices = nil
	}
	for _, s := range r.blkioDevices {
		device, word, err := cutDevice(s, "weight")
		var n uint16
		if err == nil {
			n, err = parseWeight(word)
		}
		m.noteFlag("blkio-weight-device", s, err)
		t.BlkioDevices = append(t.BlkioDevices, spec.Weight{Device: device, Weight: n})
	}
	for _, x := range []struct {
		flag  string
		list  []string
		to    *[]spec.Rate
		bytes bool
	}{
		{"device-read-bps", r.readBps, &t.ReadBps, true}, {"device-write-bps", r.writeBps, &t.WriteBps, true},
		{"device-read-iops", r.readIOps, &t.ReadIOps, false}, {"device-write-iops", r.writeIOps, &t.WriteIOps, false},
	} {
		if len(x.list) > 0 {
			*x.to = nil
		}
		for _, s := range x.list {
			device, word, err := cutDevice(s, "rate")
			var n uint64
			if err == nil {
				n, err = parseRate(word, x.bytes)
			}
			m.noteFlag(x.flag, s, err)
			*x.to = append(*x.to, spec.Rate{Device: device, Rate: n})
		}
	}
}

func parseWeight(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n < 10 || n > 1000 {
		return 0, errors.New("not a weight from 10 to 1000")
	}
	return uint16(n), nil
}

// cutDevice splits a device of the host from what is said of it.
func cutDevice(s, what string) (device, rest string, err error) {
	i := strings.LastIndex(s, ":")
	if i < 0 || !strings.HasPrefix(s, "/dev/") {
		return "", "", fmt.Errorf("write /dev/…:%s", what)
	}
	return s[:i], s[i+1:], nil
}

func parseRate(s string, bytes bool) (uint64, error) {
	if !bytes {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil || n == 0 {
			return 0, errors.New("not a number a second")
		}
		return n, nil
	}
	n, err := units.RAMInBytes(s)
	if err != nil || n <= 0 {
		return 0, errors.New("not a number of bytes a second, such as 1mb")
	}
	return uint64(n), nil
}
