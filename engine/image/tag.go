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
	return s.addNames(img.ID, names)
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
	return store.RemoveNames(img.ID, full)
}
