package image

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.podman.io/storage"

	"berth/engine/spec"
)

// Stored lists all images, for whoever has to tidy up. Those that a reference or
// ID among refs means are Wanted.
func (s *Store) Stored(ctx context.Context, refs []string) ([]spec.StoredImage, error) {
	store, err := s.open()
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, ref := range refs {
		if img, err := s.find(ctx, ref); err == nil {
			wanted[img.ID] = true // any other means no image of the store, or none for certain
		}
	}
	c, err := s.census(ctx)
	if err != nil {
		return nil, err
	}
	var list []spec.StoredImage
	for i := range c.images {
		img := &c.images[i]
		if slices.ContainsFunc(list, func(o spec.StoredImage) bool { return o.ID == img.ID }) {
			continue // a copy in an additional store comes second
		}
		list = append(list, spec.StoredImage{
			ID: img.ID, Names: img.Names, Past: img.NamesHistory, Arrived: arrived(store, img),
			Held: img.ReadOnly || len(c.users[img.ID]) > 0 || c.intermediate(img), Wanted: wanted[img.ID],
		})
	}
	return list, nil
}

// arrived is when an image came into the storage: what it was made of was then
// written to its folder. Its record only says when it was built.
func arrived(store storage.Store, img *storage.Image) time.Time {
	info, err := os.Stat(filepath.Join(store.GraphRoot(), store.GraphDriverName()+"-images", img.ID))
	if err != nil {
		return img.Created
	}
	return info.ModTime()
}

// Discard removes an image whatever its names, and the nameless images it was
// built on, if nothing else is. One that is gone is success; one that a
// container stands on is spec.ErrInUse, and keeps its names.
func (s *Store) Discard(ctx context.Context, id string) (Removed, error) {
	store, err := s.open()
	if err != nil {
		return Removed{}, err
	}
	c, err := s.census(ctx)
	if err != nil {
		return Removed{}, err
	}
	i := slices.IndexFunc(c.images, func(img storage.Image) bool { return img.ID == id })
	if i < 0 {
		return Removed{}, nil
	}
	img := &c.images[i]
	if users := c.users[id]; len(users) > 0 {
		return Removed{}, fmt.Errorf("image %s: %w: container %s stands on it", label(img), spec.ErrInUse, short(users[0]))
	}
	line := s.lineageOf(c, img)
	removed, err := s.delete(store, c, img)
	if err != nil {
		return removed, err
	}
	parents, err := s.deleteParents(ctx, store, line)
	removed.add(parents)
	return removed, err
}
