package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"go.podman.io/storage"
	storagearchive "go.podman.io/storage/pkg/archive"

	"berth/engine/spec"
)

// Tree is the files of a container or of an image.
type Tree struct {
	Container spec.ContainerID // empty: the image's
	Image     string
}

// ChangeKind says what became of a file.
type ChangeKind string

// Kinds of change, in podman's words.
const (
	Changed ChangeKind = "C"
	Added   ChangeKind = "A"
	Deleted ChangeKind = "D"
)

// FileChange is a file or folder of a tree that is not as it was.
type FileChange struct {
	Kind ChangeKind
	Path string
}

// Diff lists, by path, what a tree has otherwise than another, or with nil than
// the one below: a container's image, an image's last layer but one. What every
// container is given to mount something on is left out.
func (s *Store) Diff(ctx context.Context, of Tree, since *Tree) ([]FileChange, error) {
	store, err := s.open()
	if err != nil {
		return nil, err
	}
	to, err := s.topLayer(ctx, store, of)
	if err != nil {
		return nil, err
	}
	from := ""
	if since != nil {
		if from, err = s.topLayer(ctx, store, *since); err != nil {
			return nil, err
		}
	}
	if to == from || to == "" {
		return nil, ctx.Err()
	}
	found, err := store.Changes(from, to)
	if err != nil {
		return nil, fmt.Errorf("compare files: %w", err)
	}
	var out []FileChange
	for _, c := range found {
		if givenPath(c.Path) {
			continue
		}
		kind := map[storagearchive.ChangeType]ChangeKind{storagearchive.ChangeAdd: Added, storagearchive.ChangeDelete: Deleted, storagearchive.ChangeModify: Changed}[c.Kind]
		out = append(out, FileChange{kind, c.Path})
	}
	slices.SortFunc(out, func(a, b FileChange) int { return cmp.Compare(a.Path, b.Path) })
	return out, ctx.Err()
}

// topLayer is the layer that makes a tree complete; an image without any has "".
func (s *Store) topLayer(ctx context.Context, store storage.Store, t Tree) (string, error) {
	if t.Container == "" {
		img, err := s.find(ctx, t.Image)
		if err != nil {
			return "", err
		}
		return img.TopLayer, nil
	}
	c, err := store.Container(string(t.Container))
	if errors.Is(err, storage.ErrContainerUnknown) {
		return "", fmt.Errorf("root file system %s: %w", t.Container.Short(), spec.ErrNotFound)
	}
	if err != nil {
		return "", err
	}
	return c.LayerID, nil
}

// givenPath reports whether every container gets something there.
func givenPath(path string) bool {
	switch path {
	case "/dev", "/proc", "/sys", "/run", "/run/.containerenv", "/run/secrets", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf":
		return true
	}
	return false
}
