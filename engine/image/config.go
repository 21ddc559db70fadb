package image

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/manifest"
	istorage "go.podman.io/image/v5/storage"
	"go.podman.io/storage"

	"berth/engine/spec"
)

// maxFacts bounds the cache; a host rarely has as many images.
const maxFacts = 1024

// facts is what never changes about an image of a given ID, and takes several
// files and storage's locks to read.
type facts struct {
	config   ociv1.Image
	health   *spec.Health // beyond OCI: Docker's HEALTHCHECK
	manifest string       // its MIME type
	size     int64        // bytes, of all layers and what belongs to them
}

// factCache keeps facts by image ID, which is the digest of the configuration.
type factCache struct {
	mu   sync.Mutex
	byID map[string]*facts
}

func (c *factCache) get(id string) (*facts, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.byID[id]
	return f, ok
}

func (c *factCache) put(id string, f *facts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID == nil || len(c.byID) >= maxFacts {
		c.byID = map[string]*facts{}
	}
	c.byID[id] = f
}

func (c *factCache) drop(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.byID, id)
}

// Config returns the image's configuration. It is shared: do not change it.
func (s *Store) Config(ctx context.Context, imageID string) (*ociv1.Image, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if f, ok := s.facts.get(imageID); ok {
		return &f.config, nil
	}
	store, err := s.open()
	if err != nil {
		return nil, err
	}
	img, err := byID(store, imageID, imageID)
	if err != nil {
		return nil, err
	}
	f, err := s.factsOf(img)
	if err != nil {
		return nil, err
	}
	return &f.config, nil
}

func (s *Store) factsOf(img *storage.Image) (*facts, error) {
	if f, ok := s.facts.get(img.ID); ok {
		return f, nil
	}
	store, err := s.open()
	if err != nil {
		return nil, err
	}
	f, err := readFacts(store, img)
	if err != nil {
		return nil, fmt.Errorf("read image %s: %w", short(img.ID), err)
	}
	s.facts.put(img.ID, f)
	return f, nil
}

func readFacts(store storage.Store, img *storage.Image) (*facts, error) {
	raw, err := store.ImageBigData(img.ID, storage.ImageDigestBigDataKey)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	f := &facts{manifest: manifest.GuessMIMEType(raw)}
	m, err := manifest.FromBlob(raw, f.manifest)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if f.size, err = store.ImageSize(img.ID); err != nil {
		return nil, fmt.Errorf("size: %w", err)
	}
	d := m.ConfigInfo().Digest
	if d == "" {
		return f, oldConfig(store, img, f)
	}
	blob, err := store.ImageBigData(img.ID, d.String())
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	// Docker's configuration has the same fields, and some more.
	if err := json.Unmarshal(blob, &f.config); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	f.health, err = healthOf(blob)
	return f, err
}

// oldConfig pieces the configuration together for Docker's first manifest
// format, which has none of its own.
func oldConfig(store storage.Store, img *storage.Image, f *facts) error {
	ctx := context.Background() // nothing but local files is read
	ref, err := istorage.Transport.NewStoreReference(store, nil, img.ID)
	if err != nil {
		return err
	}
	src, err := ref.NewImage(ctx, nil)
	if err != nil {
		return err
	}
	config, err := src.OCIConfig(ctx)
	if err == nil {
		f.config = *config
	}
	if closeErr := src.Close(); err == nil {
		err = closeErr
	}
	return err
}

// created is when the image was built: what storage recorded, else what the
// image says.
func created(img *storage.Image, built *time.Time) time.Time {
	if img.Created.IsZero() && built != nil {
		return *built
	}
	return img.Created
}

// fits reports whether the image is for the platform asked for; what was not
// asked for fits.
func (f *facts) fits(o spec.PullOptions) bool {
	same := func(asked, is string) bool { return asked == "" || asked == is }
	return same(o.OS, f.config.OS) && same(o.Arch, f.config.Architecture) && same(o.Variant, f.config.Variant)
}
