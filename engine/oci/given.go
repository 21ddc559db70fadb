package oci

import (
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/atomicfile"
)

// Given is what the runtime was given for a container, without its command. Secrets
// may be in its environment.
type Given struct {
	Path            string // of the file that says so
	Version         string // of the OCI runtime specification
	Mounts          []GivenMount
	EffectiveCaps   []string // sorted
	BoundingCaps    []string
	AppArmorProfile string
	ProcessLabel    string
	MountLabel      string
	NetworkPath     string // of its network namespace; "" for one of its own
	Env             []string
	Rlimits         []GivenLimit
	Pids            int64 // most processes; 0: no limit
	Swap            int64 // memory and swap together; 0: no limit
	HostCgroups     bool  // it sees the host's cgroups
	PidFile         string
	ConmonPidFile   string
}

// GivenMount is one of the mounts.
type GivenMount struct {
	Type, Source, Destination string
	Options                   []string
}

// GivenLimit is a limit of the processes, such as RLIMIT_NOFILE.
type GivenLimit struct {
	Name       string
	Soft, Hard uint64
}

// ReadGiven reads what the runtime was given for the container of a bundle;
// fs.ErrNotExist where there is none.
func ReadGiven(bundle string) (*Given, error) {
	c := Container{Bundle: bundle}
	g := &Given{Path: c.path("config.json"), PidFile: c.path("pidfile"), ConmonPidFile: c.path("conmon.pid")}
	var s specs.Spec
	if err := atomicfile.ReadJSON(g.Path, &s); err != nil {
		return nil, err
	}
	g.Version = s.Version
	for _, m := range s.Mounts {
		g.Mounts = append(g.Mounts, GivenMount{m.Type, m.Source, m.Destination, m.Options})
	}
	if p := s.Process; p != nil {
		g.AppArmorProfile, g.ProcessLabel, g.Env = p.ApparmorProfile, p.SelinuxLabel, p.Env
		for _, l := range p.Rlimits {
			g.Rlimits = append(g.Rlimits, GivenLimit{l.Type, l.Soft, l.Hard})
		}
		if p.Capabilities != nil {
			g.EffectiveCaps = slices.Sorted(slices.Values(p.Capabilities.Effective))
			g.BoundingCaps = slices.Sorted(slices.Values(p.Capabilities.Bounding))
		}
	}
	if s.Linux == nil {
		return g, nil
	}
	g.MountLabel = s.Linux.MountLabel
	if r := s.Linux.Resources; r != nil && r.Pids != nil && r.Pids.Limit != nil {
		g.Pids = max(0, *r.Pids.Limit)
	}
	if r := s.Linux.Resources; r != nil && r.Memory != nil && r.Memory.Swap != nil {
		g.Swap = *r.Memory.Swap
	}
	g.HostCgroups = true
	for _, ns := range s.Linux.Namespaces {
		g.HostCgroups = g.HostCgroups && ns.Type != specs.CgroupNamespace
		if ns.Type == specs.NetworkNamespace {
			g.NetworkPath = ns.Path
		}
	}
	return g, nil
}
