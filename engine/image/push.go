package image

import (
	"context"
	"errors"
	"fmt"
	"strings"

	digest "github.com/opencontainers/go-digest"
	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"

	"berth/engine/spec"
)

// PushOptions say how an image is sent to a registry.
type PushOptions struct {
	spec.PullOptions
	Format string // "oci" or "v2s2"; empty: as it is
}

// Push sends an image to a registry, under another name where to is given, and
// returns the digest it has there. Signatures are not sent along.
func (s *Store) Push(ctx context.Context, name, to string, o PushOptions) (digest.Digest, error) {
	img, err := s.find(ctx, name)
	if err != nil {
		return "", err
	}
	if to == "" {
		full, ok := s.nameTyped(img, name)
		if !ok {
			return "", fmt.Errorf("%q is no name an image could have at a registry: say where it is to go", name)
		}
		to = full
	}
	named, err := remoteTarget(to)
	if err != nil {
		return "", err
	}
	dest, err := docker.NewReference(named)
	if err != nil {
		return "", err
	}
	sys, err := s.system(o.PullOptions)
	if err != nil {
		return "", err
	}
	options := copy.Options{DestinationCtx: sys}
	switch o.Format {
	case "":
	case "oci":
		options.ForceManifestMIMEType = ociv1.MediaTypeImageManifest
	case "v2s2", "docker":
		options.ForceManifestMIMEType = manifest.DockerV2Schema2MediaType
	default:
		return "", fmt.Errorf("format %q: want oci or v2s2", o.Format)
	}
	show := s.board.begin(o.Quiet)
	defer show.end()
	show.say("Sending %s...", named)
	written, err := s.copyOut(ctx, dest, img, options, show)
	if err != nil {
		return "", fmt.Errorf("push %s: %w", named, err)
	}
	s.note("push", img.ID, named.String())
	return manifest.Digest(written)
}

// remoteTarget is the full name of an image at a registry.
func remoteTarget(to string) (reference.Named, error) {
	name := strings.TrimPrefix(to, "docker://")
	if transport, _, ok := strings.Cut(name, ":"); ok {
		switch transport {
		case "dir", "oci", "oci-archive", "docker-archive", "containers-storage", "docker-daemon", "ostree", "sif":
			return nil, fmt.Errorf("%s: images are pushed to registries only: save writes archives and folders", to)
		}
	}
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return nil, fmt.Errorf("%q is not an image name: %w", to, err)
	}
	if reference.Domain(named) == "localhost" {
		return nil, fmt.Errorf("%s is a name of this host alone: say at which registry the image is to be", name)
	}
	if _, ok := named.(reference.Digested); ok {
		return nil, errors.New("an image cannot be pushed by a digest: give it a tag")
	}
	return reference.TagNameOnly(named), nil
}
