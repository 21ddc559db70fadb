package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	encconfig "github.com/containers/ocicrypt/config"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/image"
	"go.podman.io/image/v5/manifest"
	istorage "go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
)

// pull fetches an image from the registries its name may stand for, in their
// order. have is the image that the store holds under that name, or nil.
func (s *Store) pull(ctx context.Context, t transfer, name string, have *storage.Image) (string, error) {
	name, err := parseName(name)
	if err != nil {
		return "", err
	}
	candidates, describe, err := remoteNames(t.sys, name)
	if err != nil {
		return "", err
	}
	if describe != "" {
		t.show.say("%s", describe)
	}
	var failed []error
	for _, named := range candidates {
		t.show.say("Trying to pull %s...", named)
		id, err := s.pullOne(ctx, t, named, have)
		if err == nil {
			return id, nil
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		failed = append(failed, fmt.Errorf("%s: %w", named, err))
	}
	if len(failed) == 1 {
		return "", errors.Unwrap(failed[0])
	}
	return "", errors.Join(failed...)
}

// pullOne fetches one full name.
func (s *Store) pullOne(ctx context.Context, t transfer, named reference.Named, have *storage.Image) (string, error) {
	src, err := docker.NewReference(named)
	if err != nil {
		return "", err
	}
	store, err := s.open()
	if err != nil {
		return "", err
	}
	if have != nil && slices.Contains(have.Names, named.String()) {
		same, err := s.unchanged(ctx, t.sys, src, have)
		if err != nil {
			return "", err
		}
		if same {
			return have.ID, nil
		}
	}
	dest, err := istorage.Transport.NewStoreReference(store, named, "")
	if err != nil {
		return "", err
	}
	return s.copyIn(ctx, t, dest, src)
}

// unchanged asks the registry for the manifest and compares it with those of
// the image we have. The signature policy is asked too: it may have changed.
func (s *Store) unchanged(ctx context.Context, sys *types.SystemContext, ref types.ImageReference, have *storage.Image) (same bool, err error) {
	src, err := ref.NewImageSource(ctx, sys)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	top := image.UnparsedInstance(src, nil)
	raw, mime, err := top.Manifest(ctx)
	if err != nil {
		return false, err
	}
	d, err := manifest.Digest(raw)
	if err != nil {
		return false, err
	}
	if !slices.Contains(have.Digests, d) {
		return false, nil
	}
	instance := top
	if manifest.MIMETypeIsMultiImage(mime) {
		list, err := manifest.ListFromBlob(raw, mime)
		if err != nil {
			return false, err
		}
		chosen, err := list.ChooseInstance(sys)
		if err != nil {
			return false, err
		}
		if !slices.Contains(have.Digests, chosen) {
			return false, nil // another platform's image of the same list
		}
		instance = image.UnparsedInstance(src, &chosen)
	}
	policy, err := s.policy(sys)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, policy.Destroy()) }()
	if _, err := policy.IsRunningImageAllowed(ctx, instance); err != nil {
		return false, fmt.Errorf("source image rejected: %w", err)
	}
	return true, nil
}

// transfer is on which terms images come into the store, and who sees it.
type transfer struct {
	sys     *types.SystemContext
	decrypt *encconfig.DecryptConfig // nil: no encrypted ones
	show    *display
}

// copyIn copies an image into the store and returns its ID.
func (s *Store) copyIn(ctx context.Context, t transfer, dest, src types.ImageReference) (id string, err error) {
	dir, release, err := s.scratch()
	if err != nil {
		return "", err
	}
	defer release()
	with := *t.sys
	with.BigFilesTemporaryDir = dir
	with.BlobInfoCacheDir = dir // storage knows its layers itself; nothing to remember
	policy, err := s.policy(&with)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, policy.Destroy()) }()
	var resolved types.ImageReference
	options := copy.Options{
		SourceCtx:               &with,
		DestinationCtx:          &with,
		ReportWriter:            t.show.lines(),
		ReportResolvedReference: &resolved,
		// Without one, layers that are encrypted would be taken for broken ones.
		OciDecryptConfig: cmp.Or(t.decrypt, &encconfig.DecryptConfig{}),
	}
	stop := t.show.watch(&options)
	_, err = copy.Image(ctx, policy, dest, src, &options)
	stop()
	if err != nil {
		return "", clean(err, dir, "(scratch)")
	}
	_, img, err := istorage.ResolveReference(resolved)
	if err != nil {
		return "", err
	}
	return img.ID, nil
}

// progressInterval is how often a copy reports how far it is.
const progressInterval = 100 * time.Millisecond
