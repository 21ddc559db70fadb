package oci

import (
	"errors"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"berth/engine/spec"
)

func TestTheImagesSeccompProfile(t *testing.T) {
	in := handInput(t)
	in.Container.Security.Seccomp = spec.SeccompImage
	usual, err := BuildSpec(in)
	if err != nil || usual.Linux.Seccomp == nil || len(usual.Linux.Seccomp.Syscalls) < 5 {
		t.Fatalf("an image without a profile has the default one: %+v, %v", usual, err)
	}
	in.Image.Labels = map[string]string{seccompLabel: `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO"}]}`}
	s, err := BuildSpec(in)
	if err != nil {
		t.Fatal(err)
	}
	if p := s.Linux.Seccomp; p.DefaultAction != specs.ActAllow || len(p.Syscalls) != 1 || p.Syscalls[0].Names[0] != "mkdir" {
		t.Errorf("profile %+v", p)
	}
	in.Container.Security.Seccomp = ""
	if s, err := BuildSpec(in); err != nil || s.Linux.Seccomp.DefaultAction == specs.ActAllow {
		t.Errorf("the label counts though nobody asked for it: %v", err)
	}
	in.Container.Security.Seccomp = spec.SeccompImage
	in.Image.Labels[seccompLabel] = "{"
	if _, err := BuildSpec(in); !errors.Is(err, spec.ErrConfig) || !strings.Contains(err.Error(), seccompLabel) {
		t.Errorf("a broken profile: %v", err)
	}
}
