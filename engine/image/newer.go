package image

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	digest "github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/pkg/shortnames"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/types"

	"berth/engine/spec"
)

// Newer reports whether the registry has another image under a name than the
// store; nothing is fetched. The name is a full one, since of a short one nobody
// knows which registry is meant: else it is a spec.ErrImageName. A registry that
// does not say is a spec.ErrPull.
func (s *Store) Newer(ctx context.Context, name string, o spec.PullOptions) (bool, error) {
	named, err := fullName(name)
	if err != nil {
		return false, err
	}
	sys, err := s.system(o)
	if err != nil {
		return false, fmt.Errorf("%s: %w: %w", name, spec.ErrPull, err)
	}
	remote, err := remoteDigest(ctx, sys, named)
	if err != nil {
		return false, fmt.Errorf("ask for the digest of %s: %w: %w", name, spec.ErrPull, err)
	}
	have, err := s.resolve(ctx, sys, named.String(), certainPrefix)
	if errors.Is(err, spec.ErrImageMissing) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return !slices.Contains(have.Digests, remote), nil
}

// remoteDigest is the digest of what a registry has under a name. Where
// registries.conf says no more than that there is one, it is asked by HEAD, which
// those that count pulls do not count; mirrors and the like are asked as for a pull.
func remoteDigest(ctx context.Context, sys *types.SystemContext, named reference.Named) (d digest.Digest, err error) {
	ref, err := docker.NewReference(named)
	if err != nil {
		return "", err
	}
	registry, err := sysregistriesv2.FindRegistry(sys, named.Name())
	if err != nil {
		return "", err
	}
	if registry == nil || len(registry.Mirrors) == 0 && registry.Location == registry.Prefix && !registry.Blocked {
		d, err := docker.GetDigest(ctx, sys, ref)
		if !errors.Is(err, digest.ErrDigestInvalidFormat) { // it need not say one
			return d, err
		}
	}
	src, err := ref.NewImageSource(ctx, sys)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	raw, _, err := src.GetManifest(ctx, nil)
	if err != nil {
		return "", err
	}
	return manifest.Digest(raw)
}

// fullName is a name that says which registry it means, with its tag.
func fullName(name string) (reference.Named, error) {
	name = strings.TrimPrefix(name, "docker://")
	_, isID := asID(name)
	if named, err := reference.ParseNormalizedNamed(name); err == nil && !isID && !shortnames.IsShortName(name) {
		return reference.TagNameOnly(named), nil
	}
	return nil, fmt.Errorf("%w: %q does not say which registry it is from: give it in full, such as docker.io/library/nginx:latest", spec.ErrImageName, name)
}
