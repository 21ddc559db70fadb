package oci

import (
	"fmt"
	"io"
	"os"
	"slices"

	"berth/engine/spec"

	"github.com/moby/profiles/seccomp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const (
	seccompUnconfined = "unconfined"
	// maxSeccompProfile bounds what is read from a path a manifest names.
	maxSeccompProfile = 1 << 20
)

// seccompLabel is where an image holds a profile of its own (podman-run(1),
// --seccomp-policy).
const seccompLabel = "io.containers.seccomp.profile"

// seccompFilter is the system call filter for the capabilities already in s.
func seccompFilter(in Input, s *specs.Spec) (*specs.LinuxSeccomp, error) {
	sec, host := in.Container.Security, in.Host
	path := sec.Seccomp
	if path == spec.SeccompImage {
		if text := in.Image.Labels[seccompLabel]; text != "" {
			profile, err := seccomp.LoadProfile(text, s)
			if err != nil {
				return nil, fmt.Errorf("%w: seccomp profile in the image's label %s: %w", spec.ErrConfig, seccompLabel, err)
			}
			return profile, nil
		}
		path = ""
	}
	switch {
	case path == seccompUnconfined, path == "" && sec.Privileged:
		return nil, nil
	case path == "" && host.SeccompProfile == "":
		profile, err := seccomp.GetDefaultProfile(s)
		if err != nil {
			return nil, err
		}
		// No kernel of today runs x32 programs, and leaving the architecture out
		// refuses them: it would cost the runtime a third more for each container.
		profile.Architectures = slices.DeleteFunc(profile.Architectures, func(a specs.Arch) bool { return a == specs.ArchX32 })
		return profile, nil
	case path == "":
		path = host.SeccompProfile
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: seccomp profile: %w", spec.ErrConfig, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSeccompProfile+1))
	if err != nil {
		return nil, fmt.Errorf("%w: seccomp profile: %w", spec.ErrConfig, err)
	}
	if len(data) > maxSeccompProfile {
		return nil, fmt.Errorf("%w: seccomp profile %s is larger than %d bytes", spec.ErrConfig, path, maxSeccompProfile)
	}
	profile, err := seccomp.LoadProfile(string(data), s)
	if err != nil {
		return nil, fmt.Errorf("%w: seccomp profile %s: %w", spec.ErrConfig, path, err)
	}
	return profile, nil
}
