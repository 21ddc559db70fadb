package image

import (
	"context"
	"fmt"
	"slices"
)

// Tag gives an image further names. A name that another image has moves over.
func (s *Store) Tag(ctx context.Context, nameOrID string, names ...string) error {
	img, err := s.find(ctx, nameOrID)
	if err != nil {
		return err
	}
	if err := s.addNames(img.ID, names); err != nil {
		return err
	}
	for _, name := range names {
		s.note("tag", img.ID, name)
	}
	return nil
}

// Untag takes names from an image, all of them when none is given. The image
// stays.
func (s *Store) Untag(ctx context.Context, nameOrID string, names ...string) error {
	img, err := s.find(ctx, nameOrID)
	if err != nil {
		return err
	}
	store, err := s.open()
	if err != nil {
		return err
	}
	full := img.Names
	if len(names) > 0 {
		full = nil
		for _, name := range names {
			named, err := localName(name)
			if err != nil {
				return err
			}
			if !slices.Contains(img.Names, named.String()) {
				return fmt.Errorf("%s is no name of image %s", named, short(img.ID))
			}
			full = append(full, named.String())
		}
	}
	if len(full) == 0 {
		return nil
	}
	if err := store.RemoveNames(img.ID, full); err != nil {
		return err
	}
	s.noteUntagged(img.ID, full)
	return nil
}

// noteUntagged tells of each name that an image lost.
func (s *Store) noteUntagged(id string, names []string) {
	for _, name := range names {
		s.note("untag", id, name)
	}
}
