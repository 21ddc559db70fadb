package oci

import (
	"path/filepath"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/atomicfile"
)

// Given is what the runtime was given for a container, without its environment and
// its command: secrets may be in there.
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
}

// GivenMount is one of the mounts.
type GivenMount struct{ Type, Source, Destination string }

// ReadGiven reads what the runtime was given for the container of a bundle;
// fs.ErrNotExist where there is none.
func ReadGiven(bundle string) (*Given, error) {
	g := &Given{Path: filepath.Join(bundle, "config.json")}
	var s specs.Spec
	if err := atomicfile.ReadJSON(g.Path, &s); err != nil {
		return nil, err
	}
	g.Version = s.Version
	for _, m := range s.Mounts {
		g.Mounts = append(g.Mounts, GivenMount{m.Type, m.Source, m.Destination})
	}
	if p := s.Process; p != nil {
		g.AppArmorProfile, g.ProcessLabel = p.ApparmorProfile, p.SelinuxLabel
		if p.Capabilities != nil {
			g.EffectiveCaps = slices.Sorted(slices.Values(p.Capabilities.Effective))
			g.BoundingCaps = slices.Sorted(slices.Values(p.Capabilities.Bounding))
		}
	}
	if s.Linux == nil {
		return g, nil
	}
	g.MountLabel = s.Linux.MountLabel
	for _, ns := range s.Linux.Namespaces {
		if ns.Type == specs.NetworkNamespace {
			g.NetworkPath = ns.Path
		}
	}
	return g, nil
}
