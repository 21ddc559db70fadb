package oci

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/internal/source"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// rlimits are the resource limits of getrlimit(2), by podman's names.
func rlimits() map[string]int {
	return map[string]int{
		"as": unix.RLIMIT_AS, "core": unix.RLIMIT_CORE, "cpu": unix.RLIMIT_CPU, "data": unix.RLIMIT_DATA,
		"fsize": unix.RLIMIT_FSIZE, "locks": unix.RLIMIT_LOCKS, "memlock": unix.RLIMIT_MEMLOCK,
		"msgqueue": unix.RLIMIT_MSGQUEUE, "nice": unix.RLIMIT_NICE, "nofile": unix.RLIMIT_NOFILE,
		"nproc": unix.RLIMIT_NPROC, "rss": unix.RLIMIT_RSS, "rtprio": unix.RLIMIT_RTPRIO,
		"rttime": unix.RLIMIT_RTTIME, "sigpending": unix.RLIMIT_SIGPENDING, "stack": unix.RLIMIT_STACK,
	}
}

// defaultUlimits are podman's; they are cut to what this host allows.
func defaultUlimits() []spec.Ulimit {
	return []spec.Ulimit{
		{Name: "nofile", Soft: 1048576, Hard: 1048576},
		{Name: "nproc", Soft: 4194304, Hard: 4194304},
	}
}

// rlimitsFor merges a container's limits with the defaults. One that was asked
// for and cannot be raised that far is an error; a default one is lowered.
func rlimitsFor(asked []spec.Ulimit, host Host) ([]specs.POSIXRlimit, error) {
	mayRaise := host.may("CAP_SYS_RESOURCE")
	set := map[string]spec.Ulimit{}
	for _, l := range defaultUlimits() {
		if most, ok := host.Limits[l.Name]; ok && !mayRaise {
			l.Hard = min(l.Hard, most)
			l.Soft = min(l.Soft, l.Hard)
		}
		set[l.Name] = l
	}
	known := rlimits()
	for _, l := range asked {
		name := strings.ToLower(strings.TrimPrefix(strings.ToUpper(l.Name), "RLIMIT_"))
		if _, ok := known[name]; !ok {
			return nil, fmt.Errorf("%w: unknown ulimit %q%s", spec.ErrConfig, l.Name,
				source.DidYouMean(name, slices.Sorted(maps.Keys(known))))
		}
		if l.Soft > l.Hard {
			return nil, fmt.Errorf("%w: ulimit %s: soft limit %d is above the hard limit %d", spec.ErrConfig, name, l.Soft, l.Hard)
		}
		if most, ok := host.Limits[name]; ok && !mayRaise && l.Hard > most {
			return nil, fmt.Errorf("%w: ulimit %s: %d is above our own hard limit %d, which we may not raise (no CAP_SYS_RESOURCE)",
				spec.ErrConfig, name, l.Hard, most)
		}
		set[name] = l
	}
	var list []specs.POSIXRlimit
	for _, name := range slices.Sorted(maps.Keys(set)) {
		list = append(list, specs.POSIXRlimit{Type: "RLIMIT_" + strings.ToUpper(name), Soft: set[name].Soft, Hard: set[name].Hard})
	}
	return list, nil
}
