package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/shortnames"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/types"

	"berth/engine/spec"
)

// Transports: where an image may come from, besides a registry by plain name.
const (
	transportDocker        = "docker"
	transportOCI           = "oci"
	transportOCIArchive    = "oci-archive"
	transportDockerArchive = "docker-archive"
	transportDir           = "dir"
	transportStorage       = "containers-storage"
)

// unsupported are transports of containers/image that we refuse by name
// instead of looking for a registry of that name.
var unsupported = []string{"docker-daemon", "sif", "tarball", "atomic", "ostree"}

// splitTransport takes "transport:rest" apart; transport is "" for a plain
// name. docker:// loses its slashes.
func splitTransport(ref string) (transport, rest string, err error) {
	transport, rest, ok := strings.Cut(ref, ":")
	switch {
	case !ok:
		return "", ref, nil
	case transport == transportDocker:
		// "docker:25" is the image named docker.
		if name, ok := strings.CutPrefix(rest, "//"); ok {
			return transportDocker, name, nil
		}
	case slices.Contains(unsupported, transport):
		return "", "", fmt.Errorf("%s: cannot be read from: save the image as an archive and load that", transport)
	case slices.Contains([]string{transportOCI, transportOCIArchive, transportDockerArchive, transportDir, transportStorage}, transport):
		return transport, rest, nil
	}
	return "", ref, nil
}

// hexDigits reports whether s can be an ID or the beginning of one.
func hexDigits(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// asID returns ref as an image ID or the beginning of one. certain means that
// it can be nothing else.
func asID(ref string) (id string, certain bool) {
	if rest, ok := strings.CutPrefix(ref, "sha256:"); ok && hexDigits(rest) {
		return rest, true
	}
	if !hexDigits(ref) {
		return "", false
	}
	return ref, len(ref) == 64
}

// parseName parses an image name as a person writes it, short ones included.
// Of a name with both tag and digest the digest counts.
func parseName(name string) (string, error) {
	ref, err := reference.Parse(name)
	if err != nil {
		return "", fmt.Errorf("%q %w: %w", name, spec.ErrImageName, err)
	}
	named, ok := ref.(reference.Named)
	if !ok {
		return "", fmt.Errorf("%q %w", name, spec.ErrImageName)
	}
	digested, ok := ref.(reference.Digested)
	if !ok {
		return name, nil
	}
	canonical, err := reference.WithDigest(reference.TrimNamed(named), digested.Digest())
	if err != nil {
		return "", fmt.Errorf("%q %w: %w", name, spec.ErrImageName, err)
	}
	return canonical.String(), nil
}

// localName is the full name that an image gets in our store: a name without a
// registry lives under localhost/, one without a tag is :latest.
func localName(name string) (reference.NamedTagged, error) {
	ref, err := reference.Parse(name)
	if err != nil {
		return nil, fmt.Errorf("%q is not an image name: %w", name, err)
	}
	if _, ok := ref.(reference.Digested); ok {
		return nil, fmt.Errorf("%q: an image cannot be named by a digest", name)
	}
	if shortnames.IsShortName(name) {
		name = "localhost/" + name
	}
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return nil, fmt.Errorf("%q is not an image name: %w", name, err)
	}
	tagged, ok := reference.TagNameOnly(named).(reference.NamedTagged)
	if !ok {
		return nil, fmt.Errorf("%q is not an image name", name)
	}
	return tagged, nil
}

// storedNames lists the full names under which our store may hold name, the
// likeliest first.
func storedNames(sys *types.SystemContext, name string) ([]reference.Named, error) {
	names, err := shortnames.ResolveLocally(sys, name)
	if err != nil {
		return nil, err
	}
	if shortnames.IsShortName(name) && noRegistriesConf(sys) {
		hub, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			return nil, err
		}
		names = append(names, reference.TagNameOnly(hub))
	}
	return names, nil
}

// remoteNames lists the full names under which registries may hold name, in
// the order to try; describe says how a short name was resolved.
func remoteNames(sys *types.SystemContext, name string) (names []reference.Named, describe string, err error) {
	quiet := *sys
	mode, err := sysregistriesv2.GetShortNameMode(sys)
	if err != nil {
		return nil, "", err
	}
	// Never prompt: many pulls may be under way at once. What remains of
	// "permissive" is to try all candidates, as without a terminal.
	disabled := types.ShortNameModeDisabled
	quiet.ShortNameMode = &disabled
	resolved, err := shortnames.Resolve(&quiet, name)
	if err != nil {
		if shortnames.IsShortName(name) {
			if noRegistriesConf(sys) {
				hub, err := reference.ParseNormalizedNamed(name)
				if err != nil {
					return nil, "", err
				}
				return []reference.Named{reference.TagNameOnly(hub)}, "", nil
			}
			return nil, "", fmt.Errorf("%w: write the registry's name too (docker.io/…), or list it in registries.conf", err)
		}
		return nil, "", err
	}
	for _, candidate := range resolved.PullCandidates {
		names = append(names, candidate.Value)
	}
	if mode == types.ShortNameModeEnforcing && len(names) > 1 {
		return nil, "", fmt.Errorf("short name %q could be any of %v and registries.conf enforces a choice: write the registry's name too", name, names)
	}
	return names, resolved.Description(), nil
}

// noRegistriesConf reports whether this host says nothing about registries to
// search: no registries.conf, and no drop-in that lists one.
func noRegistriesConf(sys *types.SystemContext) bool {
	if _, err := os.Lstat(sysregistriesv2.ConfigPath(sys)); !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	registries, err := sysregistriesv2.UnqualifiedSearchRegistries(sys)
	return err == nil && len(registries) == 0
}
