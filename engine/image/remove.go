package image

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.podman.io/storage"

	"berth/engine/spec"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// orphanAge is how old a layer must be that no image and no container has
// before Prune takes it: a younger one may belong to a pull under way, or be
// wanted by the next try of one that was given up. containers/storage's own
// check waits as long.
const orphanAge = 24 * time.Hour

// Removed says what went.
type Removed struct {
	Untagged []string // names that were taken away
	Deleted  []string // IDs of images that are gone
	Freed    int64    // bytes, without layers that other images keep
}

func (r *Removed) add(other Removed) {
	r.Untagged = append(r.Untagged, other.Untagged...)
	r.Deleted = append(r.Deleted, other.Deleted...)
	r.Freed += other.Freed
}

// Remove takes an image away: only the name given when it has others, else
// the image, and with it the nameless images it was built on, if nothing else
// is. By ID an image must not have several names, and no container may be on
// it (spec.ErrInUse). With force all its names go; an image that containers
// stand on loses its names and stays until they are gone.
func (s *Store) Remove(ctx context.Context, nameOrID string, force bool) (Removed, error) {
	return s.remove(ctx, nameOrID, force, true)
}

// RemoveAlone is Remove, but leaves what the image was built on.
func (s *Store) RemoveAlone(ctx context.Context, nameOrID string, force bool) (Removed, error) {
	return s.remove(ctx, nameOrID, force, false)
}

func (s *Store) remove(ctx context.Context, nameOrID string, force, withParents bool) (Removed, error) {
	img, err := s.find(ctx, nameOrID)
	if err != nil {
		return Removed{}, err
	}
	store, err := s.open()
	if err != nil {
		return Removed{}, err
	}
	name, byName := s.nameTyped(img, nameOrID)
	if byName && len(img.Names) > 1 {
		if err := store.RemoveNames(img.ID, []string{name}); err != nil {
			return Removed{}, err
		}
		s.note("untag", img.ID, name)
		return Removed{Untagged: []string{name}}, nil
	}
	if len(img.Names) > 1 && !force {
		return Removed{}, fmt.Errorf("image %s has several names (%s): remove it by name, or use force", short(img.ID), strings.Join(img.Names, ", "))
	}
	c, err := s.census(ctx)
	if err != nil {
		return Removed{}, err
	}
	if users := c.users[img.ID]; len(users) > 0 {
		if !force || len(img.Names) == 0 {
			return Removed{}, fmt.Errorf("image %s: %w: container %s stands on it", label(img), spec.ErrInUse, short(users[0]))
		}
		if err := store.RemoveNames(img.ID, img.Names); err != nil {
			return Removed{}, err
		}
		s.noteUntagged(img.ID, img.Names)
		return Removed{Untagged: img.Names}, nil
	}
	line := s.lineageOf(c, img)
	removed, err := s.delete(store, c, img)
	if err != nil || !withParents {
		return removed, err
	}
	parents, err := s.deleteParents(ctx, store, line)
	removed.add(parents)
	return removed, err
}

// delete removes an image and the layers only it has.
func (s *Store) delete(store storage.Store, c *census, img *storage.Image) (Removed, error) {
	layers, err := store.DeleteImage(img.ID, true)
	switch {
	case errors.Is(err, storage.ErrImageUsedByContainer):
		return Removed{}, fmt.Errorf("image %s: %w: %w", label(img), spec.ErrInUse, err)
	case errors.Is(err, storage.ErrNotAnImage) || errors.Is(err, storage.ErrImageUnknown):
		if img.ReadOnly {
			return Removed{}, fmt.Errorf("image %s lies in an additional image store, which cannot be changed", label(img))
		}
		return Removed{}, nil // somebody else was faster
	case err != nil:
		return Removed{}, fmt.Errorf("remove image %s: %w", label(img), err)
	}
	s.facts.drop(img.ID)
	s.note("remove", img.ID, first(img.Names))
	removed := Removed{Untagged: tags(img), Deleted: []string{img.ID}}
	for _, id := range layers {
		if layer, ok := c.layers[id]; ok {
			removed.Freed += max(layer.UncompressedSize, 0)
		}
	}
	return removed, nil
}

// lineage is what an image was built on: its layers, from the top, and its steps.
type lineage struct {
	layers []string
	steps  []ociv1.History
}

// lineageOf reads an image's lineage; without steps where these cannot be read.
func (s *Store) lineageOf(c *census, img *storage.Image) lineage {
	f := lineage{layers: c.chain(img.TopLayer)}
	if read, err := s.factsOf(img); err == nil {
		f.steps = read.config.History
	}
	return f
}

// has reports whether the image of the lineage was built on one: that has fewer
// layers, or as many and fewer steps. One of as many steps is no more than alike.
func (f lineage) has(s *Store, img *storage.Image) bool {
	depth := slices.Index(f.layers, img.TopLayer)
	if depth != 0 {
		return depth > 0
	}
	read, err := s.factsOf(img)
	if err != nil {
		return false
	}
	steps := read.config.History
	return len(steps) < len(f.steps) && slices.EqualFunc(steps, f.steps[:len(steps)], func(a, b ociv1.History) bool {
		return a.CreatedBy == b.CreatedBy && a.EmptyLayer == b.EmptyLayer && a.Comment == b.Comment
	})
}

// deleteParents removes the nameless images that one that is gone was built on, as
// long as nothing else needs them.
func (s *Store) deleteParents(ctx context.Context, store storage.Store, of lineage) (Removed, error) {
	var removed Removed
	for {
		c, err := s.census(ctx)
		if err != nil {
			return removed, err
		}
		i := slices.IndexFunc(c.images, func(img storage.Image) bool {
			return !img.ReadOnly && c.dangling(&img) && len(c.users[img.ID]) == 0 && of.has(s, &img)
		})
		if i < 0 {
			return removed, nil
		}
		one, err := s.delete(store, c, &c.images[i])
		removed.add(one)
		if err != nil || len(one.Deleted) == 0 {
			return removed, err
		}
	}
}

// Prune removes images no container stands on: the nameless ones, and with all
// those with names too; keep says which of them must stay, or is nil. Layers
// that no image and no container has go as well, once they are a day old.
func (s *Store) Prune(ctx context.Context, all bool, keep func(Entry) bool) (Removed, error) {
	var removed Removed
	store, err := s.open()
	if err != nil {
		return removed, err
	}
	kept := map[string]bool{}
	for {
		// One that goes may make another one nameless and unused: look again.
		c, err := s.census(ctx)
		if err != nil {
			return removed, err
		}
		entries, err := s.entries(c, true)
		if err != nil {
			return removed, err
		}
		before := len(removed.Deleted)
		for _, entry := range entries {
			wanted := len(entry.Containers) > 0 || entry.ReadOnly || !all && !entry.Dangling || kept[entry.ID]
			if wanted || keep != nil && keep(entry) {
				continue
			}
			i := slices.IndexFunc(c.images, func(img storage.Image) bool { return img.ID == entry.ID })
			if i < 0 {
				continue
			}
			one, err := s.delete(store, c, &c.images[i])
			if errors.Is(err, spec.ErrInUse) {
				kept[entry.ID] = true // taken into use since
				continue
			}
			removed.add(one)
			if err != nil {
				return removed, err
			}
		}
		if len(removed.Deleted) == before {
			freed, err := s.pruneLayers(ctx, store)
			removed.Freed += freed
			return removed, err
		}
	}
}

// pruneLayers deletes old layers that nothing refers to.
func (s *Store) pruneLayers(ctx context.Context, store storage.Store) (freed int64, err error) {
	c, err := s.census(ctx)
	if err != nil {
		return 0, err
	}
	containers, err := store.Containers()
	if err != nil {
		return 0, err
	}
	used := map[string]bool{}
	mark := func(top string) {
		for _, id := range c.chain(top) {
			used[id] = true
		}
	}
	for i := range c.images {
		mark(c.images[i].TopLayer)
		for _, top := range c.images[i].MappedTopLayers {
			mark(top)
		}
	}
	for i := range containers {
		mark(containers[i].LayerID)
	}
	var orphans []*storage.Layer
	for id, layer := range c.layers {
		if !used[id] && !layer.ReadOnly && layer.MountCount == 0 && !layer.Created.IsZero() && s.clock().Sub(layer.Created) > orphanAge {
			orphans = append(orphans, layer)
		}
	}
	// Upper ones first: storage does not delete a layer that has children.
	slices.SortFunc(orphans, func(a, b *storage.Layer) int { return len(c.chain(b.ID)) - len(c.chain(a.ID)) })
	for _, layer := range orphans {
		if err := store.DeleteLayer(layer.ID); err != nil {
			s.log.Warn("layer not removed", "layer", short(layer.ID), "error", err)
			continue
		}
		freed += max(layer.UncompressedSize, 0)
	}
	return freed, nil
}

// sortByAge puts the newest first, equals by ID.
func sortByAge(list []Entry) {
	slices.SortStableFunc(list, func(a, b Entry) int {
		if c := b.Created.Compare(a.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
}
