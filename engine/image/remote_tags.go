package image

import (
	"context"
	"errors"
	"fmt"

	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"

	"berth/engine/spec"
)

// RemoteTags lists, as full names, all tags that a registry has of the repository
// of a name without a tag. Where it may stand for several, the first that answers
// is meant. What cannot be asked is a spec.ErrPull.
func (s *Store) RemoteTags(ctx context.Context, name string, o spec.PullOptions) ([]string, error) {
	sys, err := s.system(o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, spec.ErrPull, err)
	}
	transport, rest, err := splitTransport(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", spec.ErrPull, err)
	}
	if transport != "" && transport != transportDocker {
		return nil, fmt.Errorf("%s: %w: only registries have tags to list", name, spec.ErrPull)
	}
	ref, err := reference.Parse(rest)
	if err != nil {
		return nil, fmt.Errorf("%q %w: %w", name, spec.ErrImageName, err)
	}
	if named, ok := ref.(reference.Named); !ok || !reference.IsNameOnly(named) {
		return nil, fmt.Errorf("%q names one image: give the name without tag and digest", name)
	}
	candidates, _, err := remoteNames(sys, rest)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, spec.ErrPull, err)
	}
	var errs []error
	for _, candidate := range candidates {
		repository := reference.TrimNamed(candidate)
		src, err := docker.NewReference(reference.TagNameOnly(repository))
		if err != nil {
			return nil, err
		}
		tags, err := docker.GetRepositoryTags(ctx, sys, src)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w: %w", repository, spec.ErrPull, err))
			continue
		}
		var names []string
		for _, tag := range tags {
			tagged, err := reference.WithTag(repository, tag)
			if err != nil {
				return nil, fmt.Errorf("%s: %w: the registry lists the tag %q", repository, spec.ErrPull, tag)
			}
			names = append(names, tagged.String())
		}
		return names, nil
	}
	return nil, errors.Join(errs...)
}
