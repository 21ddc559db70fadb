package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.podman.io/image/v5/types"
	"go.podman.io/storage"

	"berth/engine/spec"
)

// flightOf names the flight of a request: those that are equal share a pull, shown
// or not.
func flightOf(req spec.ImageRequest) (string, error) {
	req.Pull.Quiet = false
	name, err := json.Marshal(req) // values, not pointers
	return string(name), err
}

// Ensure makes the image be in the store, as its policy says:
//
//	Never          it is there, or spec.ErrImageMissing
//	IfNotPresent   it is there (no network is touched), or pulled; also for ""
//	Always         pulled; if the registry's manifest is the one we have, that
//	               question is all; if the registry cannot be asked, an error
//	Newer          as Always, but what is there is used if pulling fails
//
// An ID, or at least 12 digits of one, only ever means an image of the store.
// What cannot be fetched is a spec.ErrPull. Requests for the same image at the
// same time share one pull; it is given up when the last of them is.
func (s *Store) Ensure(ctx context.Context, req spec.ImageRequest) (spec.Image, error) {
	sys, err := s.system(req.Pull)
	if err != nil {
		return spec.Image{}, fmt.Errorf("%s: %w: %w", req.Ref, spec.ErrPull, err)
	}
	decrypt, err := decryption(req.Pull.DecryptionKeys)
	if err != nil {
		return spec.Image{}, fmt.Errorf("%s: %w: %w", req.Ref, spec.ErrPull, err)
	}
	transport, rest, err := splitTransport(req.Ref)
	if err != nil {
		return spec.Image{}, fmt.Errorf("%w: %w", spec.ErrPull, err)
	}
	img, err := s.present(ctx, sys, req, transport, rest)
	switch {
	case err == nil && enough(req.Policy, img, transport, rest):
		return s.describe(img)
	case err != nil && !errors.Is(err, spec.ErrImageMissing):
		return spec.Image{}, err
	case err != nil && req.Policy == spec.PullNever:
		return spec.Image{}, fmt.Errorf("%w, and pull policy Never fetches none: pull or load it first", err)
	case err != nil && localOnly(transport, rest):
		return spec.Image{}, err
	}
	flight, err := flightOf(req)
	if err != nil {
		return spec.Image{}, err
	}
	id, err := s.pulls.do(ctx, flight, func(ctx context.Context) (string, error) {
		return s.fetchAgain(ctx, transfer{sys: sys, decrypt: decrypt}, req, transport, rest)
	})
	if ctx.Err() != nil {
		return spec.Image{}, fmt.Errorf("pull %s: %w", req.Ref, ctx.Err())
	}
	if err != nil {
		if req.Policy == spec.PullNewer && img != nil {
			s.log.Warn("image not refreshed, using the one that is here", "image", req.Ref, "error", err)
			return s.describe(img)
		}
		if strings.HasPrefix(rest, "localhost/") && transport != transportStorage {
			return spec.Image{}, fmt.Errorf("%w: names below localhost/ are given to images of this host, so build or load it first", err)
		}
		return spec.Image{}, err
	}
	return s.Lookup(ctx, id)
}

// enough reports whether an image that is present need not be asked for.
func enough(policy spec.PullPolicy, img *storage.Image, transport, rest string) bool {
	switch policy {
	case spec.PullAlways:
		return localOnly(transport, rest)
	case spec.PullNewer:
		// Names below localhost/ are given here; no registry has newer ones.
		return localOnly(transport, rest) || !slices.ContainsFunc(img.Names, func(name string) bool {
			return !strings.HasPrefix(name, "localhost/")
		})
	}
	return true
}

// localOnly reports whether the reference can only mean an image of the store.
func localOnly(transport, rest string) bool {
	if transport == transportStorage {
		return rest == "" || rest[0] != '['
	}
	_, certain := asID(rest)
	return transport == "" && certain
}

// present finds the image in the store. One for another platform than the
// request names is not it; neither can we tell before reading what name a file
// or folder will get.
func (s *Store) present(ctx context.Context, sys *types.SystemContext, req spec.ImageRequest, transport, rest string) (*storage.Image, error) {
	switch {
	case transport == "" || transport == transportDocker || localOnly(transport, rest):
	default:
		return nil, missing(req.Ref)
	}
	img, err := s.resolve(ctx, sys, rest, certainPrefix)
	if err != nil {
		return nil, err
	}
	if req.Pull.OS == "" && req.Pull.Arch == "" && req.Pull.Variant == "" {
		return img, nil
	}
	f, err := s.factsOf(img)
	if err != nil {
		return nil, err
	}
	if !f.fits(req.Pull) {
		return nil, fmt.Errorf("%s for the platform asked for: %w", req.Ref, spec.ErrImageMissing)
	}
	return img, nil
}

// fetch brings the image into the store and returns its ID. Every error is a
// spec.ErrPull, unless ctx ended.
func (s *Store) fetch(ctx context.Context, t transfer, req spec.ImageRequest, transport, rest string) (string, error) {
	if err := s.slots.Acquire(ctx, 1); err != nil {
		return "", err
	}
	defer s.slots.Release(1)
	// It may have come while we waited: an equal request has just ended.
	img, err := s.present(ctx, t.sys, req, transport, rest)
	if err == nil && enough(req.Policy, img, transport, rest) {
		return img.ID, nil
	}
	t.show = s.board.begin(req.Pull.Quiet)
	defer t.show.end()
	var id string
	if transport == "" || transport == transportDocker {
		id, err = s.pull(ctx, t, rest, img)
	} else {
		id, err = s.importFrom(ctx, t, transport, rest)
	}
	if err == nil {
		s.note("pull", id, req.Ref)
		return id, nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	s.opts.Note(spec.Act{Type: spec.ActImage, Status: "pull-error", Name: req.Ref, Error: err.Error()})
	return "", fmt.Errorf("%s: %w: %w", req.Ref, spec.ErrPull, err)
}
