package image

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	digest "github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/shortnames"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"

	"berth/engine/spec"
)

// certainPrefix is how many digits of an ID an ImageRequest must give. With
// fewer, "cafe" in a manifest would run any image whose ID begins so.
const certainPrefix = 12

// Lookup finds an image of the store: by ID or its unique beginning, by name
// with tag or digest, by short name. One that is not there is a
// spec.ErrImageMissing.
func (s *Store) Lookup(ctx context.Context, nameOrID string) (spec.Image, error) {
	img, err := s.find(ctx, nameOrID)
	if err != nil {
		return spec.Image{}, err
	}
	return s.describe(img)
}

// Exists reports whether Lookup would find the image.
func (s *Store) Exists(ctx context.Context, nameOrID string) (bool, error) {
	_, err := s.find(ctx, nameOrID)
	if errors.Is(err, spec.ErrImageMissing) {
		return false, nil
	}
	return err == nil, err
}

// find is Lookup for what a person typed on the command line.
func (s *Store) find(ctx context.Context, nameOrID string) (*storage.Image, error) {
	sys, err := s.system(spec.PullOptions{})
	if err != nil {
		return nil, err
	}
	return s.resolve(ctx, sys, nameOrID, 1)
}

// resolve finds an image of the store. A beginning of an ID needs minPrefix
// digits; a name always wins over it.
func (s *Store) resolve(ctx context.Context, sys *types.SystemContext, nameOrID string, minPrefix int) (*storage.Image, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	store, err := s.open()
	if err != nil {
		return nil, err
	}
	nameOrID = strings.TrimPrefix(nameOrID, transportStorage+":")
	id, certain := asID(nameOrID)
	if certain {
		return byID(store, nameOrID, id)
	}
	name, err := parseName(nameOrID)
	if err != nil {
		return nil, err
	}
	names, err := storedNames(sys, name)
	if err != nil {
		return nil, err
	}
	for _, named := range names {
		if img, ok := byName(store, named); ok {
			return img, nil
		}
	}
	if id != "" && len(id) >= minPrefix {
		img, err := byID(store, nameOrID, id)
		if !errors.Is(err, spec.ErrImageMissing) {
			return img, err
		}
	}
	return bySuffix(store, name)
}

func missing(name string) error { return fmt.Errorf("%s: %w", name, spec.ErrImageMissing) }

// byID finds an image by its ID or the unique beginning of one.
func byID(store storage.Store, typed, id string) (*storage.Image, error) {
	if len(id) == 64 {
		img, err := store.Image(id)
		if errors.Is(err, storage.ErrImageUnknown) {
			return nil, missing(typed)
		}
		return img, err
	}
	images, err := store.Images()
	if err != nil {
		return nil, err
	}
	found := map[string]*storage.Image{}
	for i := range images {
		if strings.HasPrefix(images[i].ID, id) {
			found[images[i].ID] = &images[i]
		}
	}
	return only(typed, found)
}

// byName finds an image by its full name.
func byName(store storage.Store, named reference.Named) (*storage.Image, bool) {
	// Image also takes IDs and their beginnings; a full name is neither.
	img, err := store.Image(named.String())
	if err == nil {
		return img, true
	}
	digested, ok := named.(reference.Digested)
	if !ok {
		return nil, false
	}
	images, err := store.ImagesByDigest(digested.Digest())
	if err != nil {
		return nil, false
	}
	for _, img := range images {
		if slices.ContainsFunc(img.Names, func(name string) bool { return repository(name) == named.Name() }) {
			return img, true
		}
	}
	return nil, false
}

// bySuffix finds the image that a short name means although no configured
// registry holds it: "nginx" for docker.io/library/nginx:latest.
func bySuffix(store storage.Store, name string) (*storage.Image, error) {
	if !shortnames.IsShortName(name) {
		return nil, missing(name)
	}
	images, err := store.Images()
	if err != nil {
		return nil, err
	}
	found := map[string]*storage.Image{}
	for i := range images {
		if _, ok := suffixed(&images[i], name); ok {
			found[images[i].ID] = &images[i]
		}
	}
	return only(name, found)
}

// suffixed is the image's full name that a short one is the end of.
func suffixed(img *storage.Image, short string) (full string, ok bool) {
	parsed, err := reference.Parse(short)
	if err != nil {
		return "", false
	}
	named, ok := parsed.(reference.Named)
	if !ok {
		return "", false
	}
	digested, byDigest := parsed.(reference.Digested)
	for _, full := range img.Names {
		if byDigest {
			if strings.HasSuffix(repository(full), "/"+named.Name()) && slices.Contains(img.Digests, digested.Digest()) {
				return full, true
			}
		} else if strings.HasSuffix(full, "/"+reference.TagNameOnly(named).String()) {
			return full, true
		}
	}
	return "", false
}

// nameTyped is the name of the image that a person meant by what they typed;
// none when it was its ID.
func (s *Store) nameTyped(img *storage.Image, typed string) (name string, ok bool) {
	sys, err := s.system(spec.PullOptions{})
	if err != nil {
		return "", false
	}
	if _, certain := asID(typed); certain {
		return "", false
	}
	if typed, err = parseName(strings.TrimPrefix(typed, transportStorage+":")); err != nil {
		return "", false
	}
	candidates, err := storedNames(sys, typed)
	if err != nil {
		return "", false
	}
	for _, candidate := range candidates {
		if slices.Contains(img.Names, candidate.String()) {
			return candidate.String(), true
		}
	}
	if !shortnames.IsShortName(typed) {
		return "", false
	}
	return suffixed(img, typed)
}

// only returns the one image found, or says that there are none or too many.
func only(typed string, found map[string]*storage.Image) (*storage.Image, error) {
	ids := slices.Sorted(maps.Keys(found))
	switch len(ids) {
	case 0:
		return nil, missing(typed)
	case 1:
		return found[ids[0]], nil
	}
	var which []string
	for _, id := range ids {
		which = append(which, strings.TrimSpace(short(id)+" "+strings.Join(found[id].Names, ", ")))
	}
	return nil, fmt.Errorf("%s is ambiguous: it could be %s", typed, strings.Join(which, " or "))
}

func short(id string) string { return id[:min(len(id), 12)] }

// repository is a full name without tag and digest; "" if it is not a name.
func repository(name string) string {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return ""
	}
	return named.Name()
}

// describe turns storage's record into ours.
func (s *Store) describe(img *storage.Image) (spec.Image, error) {
	facts, err := s.factsOf(img)
	if err != nil {
		return spec.Image{}, err
	}
	return spec.Image{
		ID:          img.ID,
		Names:       tags(img),
		Digest:      imageDigest(img).String(),
		RepoDigests: repoDigests(img),
		Created:     created(img, facts.config.Created),
		Size:        facts.size,
		Labels:      facts.config.Config.Labels,
		Health:      facts.health,
	}, nil
}

// tags are the image's names that carry a tag. Storage also keeps the name of
// an image that was pulled by digest.
func tags(img *storage.Image) []string {
	var names []string
	for _, name := range img.Names {
		if !strings.Contains(name, "@") {
			names = append(names, name)
		}
	}
	return names
}

// imageDigest is the digest of the image's manifest for its platform.
func imageDigest(img *storage.Image) digest.Digest {
	if d, ok := img.BigDataDigests[storage.ImageDigestBigDataKey]; ok {
		return d
	}
	return img.Digest
}

// repoDigests lists repository@digest for each repository the image has a name
// in and each of its manifests, that of a list included.
func repoDigests(img *storage.Image) []string {
	var list []string
	for _, name := range img.Names {
		repo := repository(name)
		if repo == "" {
			continue
		}
		for _, d := range img.Digests {
			list = append(list, repo+"@"+d.String())
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
