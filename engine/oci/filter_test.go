package oci

import (
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestOnlyFiltersOfProfilesAreRemembered(t *testing.T) {
	profile := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno}
	for name, c := range map[string]struct {
		runtime     string
		seccomp     *specs.LinuxSeccomp
		annotations map[string]string
		want        bool
	}{
		"a profile":                   {"/usr/bin/crun", profile, map[string]string{"a": "b"}, true},
		"none":                        {"/usr/bin/crun", nil, nil, false},
		"one with a listener":         {"/usr/bin/crun", &specs.LinuxSeccomp{ListenerPath: "/run/s"}, nil, false},
		"a filter of the container's": {"/usr/bin/crun", profile, map[string]string{bpfAnnotation: "BgAAAAAA/38="}, false},
		"another runtime":             {"/usr/bin/runc", profile, nil, false},
	} {
		r := &Runtime{runtime: c.runtime, sealed: &sealed{copies: map[string]sealedCopy{}}}
		if _, ok := r.filterKey(&specs.Spec{Linux: &specs.Linux{Seccomp: c.seccomp}, Annotations: c.annotations}); ok != c.want {
			t.Errorf("%s: %t", name, ok)
		}
	}
}
