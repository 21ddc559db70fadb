package oci

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Host is what BuildSpec must know of this host: what the processes it starts
// may be given at most.
type Host struct {
	// Capabilities are those this process may pass on, by name.
	Capabilities []string
	// Limits are this process's own hard resource limits, by podman's names
	// ("nofile"). Without CAP_SYS_RESOURCE a container cannot have more.
	Limits map[string]uint64
	// OOMScoreAdj is our own; without CAP_SYS_RESOURCE it cannot be lowered.
	OOMScoreAdj int
	// Cgroups says which limits can be enforced.
	Cgroups Controllers
	// Memory is the host's, in bytes; the base of a burstable container's OOM score.
	Memory int64
	// Devices lists what a privileged container gets; nil: it is read from /dev.
	Devices []Device
	// SeccompProfile is a profile that replaces the built-in default one, such
	// as /usr/share/containers/seccomp.json; empty: the built-in.
	SeccompProfile string
	// CDIDirs are where devices are described for CDI; nil: /etc/cdi and /run/cdi.
	CDIDirs []string
	// Runtime is the path of the runtime: what it cannot do must be refused.
	Runtime string
	// Name is its hostname.
	Name string
	// SELinux says that it is on; AppArmor, where that is, which profiles are loaded.
	SELinux  bool
	AppArmor func(profile string) bool
}

// ReadHost observes this host.
func ReadHost() (Host, error) {
	h := Host{Limits: map[string]uint64{}}
	for name, id := range rlimits() {
		var limit unix.Rlimit
		if err := unix.Getrlimit(id, &limit); err != nil {
			return Host{}, fmt.Errorf("read limit %s: %w", name, err)
		}
		h.Limits[name] = limit.Max
	}
	caps, err := ownCapabilities()
	if err != nil {
		return Host{}, err
	}
	h.Capabilities = caps
	data, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil {
		return Host{}, err
	}
	if h.OOMScoreAdj, err = strconv.Atoi(strings.TrimSpace(string(data))); err != nil {
		return Host{}, fmt.Errorf("read /proc/self/oom_score_adj: %w", err)
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return Host{}, fmt.Errorf("read memory size: %w", err)
	}
	if h.Name, err = os.Hostname(); err != nil {
		return Host{}, fmt.Errorf("read the hostname: %w", err)
	}
	h.readAccessControl()
	h.Memory = int64(info.Totalram) * int64(info.Unit)
	h.Cgroups, err = readControllers()
	return h, err
}

// may reports whether this host lets us use a capability.
func (h Host) may(capability string) bool {
	for _, c := range h.Capabilities {
		if c == capability {
			return true
		}
	}
	return false
}

// ownCapabilities are those in both our permitted and our bounding set.
func ownCapabilities() ([]string, error) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	mask := ^uint64(0)
	scanner := bufio.NewScanner(f)
	for scanner.Scan() {
		key, value, _ := strings.Cut(scanner.Text(), ":")
		if key != "CapPrm" && key != "CapBnd" {
			continue
		}
		set, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		if err != nil {
			return nil, fmt.Errorf("read capabilities: %w", err)
		}
		mask &= set
	}
	if err := scanner.Err(); err != nil {
		return nil, err
	}
	var caps []string
	for bit, name := range capabilityNames() {
		if mask&(1<<bit) != 0 {
			caps = append(caps, name)
		}
	}
	return caps, nil
}
