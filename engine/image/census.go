package image

import (
	"context"
	"errors"
	"strings"

	"go.podman.io/storage"

	"berth/engine/spec"
)

// census is everything in the storage as of one moment, and how it hangs
// together.
type census struct {
	images []storage.Image
	layers map[string]*storage.Layer
	// users lists the containers on each image, whoever made them.
	users map[string][]string
	// parents holds the layers some image has below its topmost one.
	parents map[string]bool
}

// census reads the storage's records, in one go.
func (s *Store) census(ctx context.Context) (*census, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	store, err := s.open()
	if err != nil {
		return nil, err
	}
	all, err := store.MultiList(storage.MultiListOptions{Images: true, Layers: true, Containers: true})
	if err != nil {
		return nil, err
	}
	c := &census{
		images:  all.Images,
		layers:  map[string]*storage.Layer{},
		users:   map[string][]string{},
		parents: map[string]bool{},
	}
	for i := range all.Layers {
		c.layers[all.Layers[i].ID] = &all.Layers[i]
	}
	for _, container := range all.Containers {
		c.users[container.ImageID] = append(c.users[container.ImageID], container.ID)
	}
	for i := range c.images {
		for depth, id := range c.chain(c.images[i].TopLayer) {
			c.parents[id] = c.parents[id] || depth > 0
		}
	}
	return c, nil
}

// chain lists a layer and those below it, from the top.
func (c *census) chain(top string) []string {
	var ids []string
	for top != "" {
		layer, ok := c.layers[top]
		if !ok {
			break
		}
		ids = append(ids, top)
		top = layer.Parent
	}
	return ids
}

// intermediate reports whether the image has no name and another is built on it.
func (c *census) intermediate(img *storage.Image) bool {
	return len(img.Names) == 0 && c.parents[img.TopLayer]
}

// dangling reports whether the image has no name and nothing is built on it.
func (c *census) dangling(img *storage.Image) bool {
	return len(img.Names) == 0 && !c.parents[img.TopLayer]
}

// Entry is an image in a list.
type Entry struct {
	spec.Image
	Dangling     bool     // no name, and no image is built on it
	Intermediate bool     // no name, but another image is built on it
	ReadOnly     bool     // in an additional image store
	Containers   []string // IDs of containers on it, not only ours
	History      []string // names it had, newest first
}

// List returns the images of the store, newest first. Intermediate ones come
// only with all.
func (s *Store) List(ctx context.Context, all bool) ([]Entry, error) {
	c, err := s.census(ctx)
	if err != nil {
		return nil, err
	}
	return s.entries(c, all)
}

func (s *Store) entries(c *census, all bool) ([]Entry, error) {
	store, err := s.open()
	if err != nil {
		return nil, err
	}
	var list []Entry
	seen := map[string]bool{}
	for i := range c.images {
		img := &c.images[i]
		if c.intermediate(img) && !all || seen[img.ID] {
			continue
		}
		seen[img.ID] = true // a copy in an additional store comes second
		image, err := s.describe(img)
		if err != nil {
			if _, goneErr := store.Image(img.ID); errors.Is(goneErr, storage.ErrImageUnknown) {
				continue // removed since
			}
			return nil, err
		}
		list = append(list, Entry{
			Image:        image,
			Dangling:     c.dangling(img),
			Intermediate: c.intermediate(img),
			ReadOnly:     img.ReadOnly,
			Containers:   c.users[img.ID],
			History:      img.NamesHistory,
		})
	}
	sortByAge(list)
	return list, nil
}

// Usage is how much disk one image takes.
type Usage struct {
	Entry
	Shared int64 // bytes of layers that other images have too
	Unique int64 // bytes that go when only this image goes
}

// DiskUsage returns what each image takes, what all of them take together, and
// how much of that no container stands on.
func (s *Store) DiskUsage(ctx context.Context) (list []Usage, total, spare int64, err error) {
	c, err := s.census(ctx)
	if err != nil {
		return nil, 0, 0, err
	}
	entries, err := s.entries(c, true)
	if err != nil {
		return nil, 0, 0, err
	}
	owners, held := map[string]int{}, map[string]bool{}
	tops := map[string]string{}
	for i := range c.images {
		tops[c.images[i].ID] = c.images[i].TopLayer
		for _, id := range c.chain(c.images[i].TopLayer) {
			owners[id]++
			held[id] = held[id] || len(c.users[c.images[i].ID]) > 0
		}
	}
	for _, entry := range entries {
		u := Usage{Entry: entry}
		for _, id := range c.chain(tops[entry.ID]) {
			if owners[id] > 1 {
				u.Shared += max(c.layers[id].UncompressedSize, 0)
			}
		}
		u.Unique = max(entry.Size-u.Shared, 0)
		total += u.Unique
		if len(entry.Containers) == 0 {
			spare += u.Unique
		}
		list = append(list, u)
	}
	for id, count := range owners {
		if count == 1 {
			continue
		}
		size := max(c.layers[id].UncompressedSize, 0)
		total += size
		if !held[id] {
			spare += size
		}
	}
	return list, total, spare, nil
}

// label names an image for people.
func label(img *storage.Image) string {
	if len(img.Names) == 0 {
		return short(img.ID)
	}
	return strings.Join(img.Names, ", ")
}
