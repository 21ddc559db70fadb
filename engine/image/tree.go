package image

import (
	"cmp"
	"context"
	"slices"

	"go.podman.io/storage"
)

// TreeLayer is a layer of an image, and what stands on it.
type TreeLayer struct {
	ID    string
	Size  int64    // bytes, unpacked
	Names []string // of the images it is the last layer of; those without a name by their ID
	Above []TreeLayer
}

// Tree is the layers of an image, the lowest first, each with the next above it; or,
// with whole, all layers that stand on its last one.
func (s *Store) Tree(ctx context.Context, name string, whole bool) (TreeLayer, error) {
	store, err := s.open()
	if err != nil {
		return TreeLayer{}, err
	}
	img, err := s.find(ctx, name)
	if err != nil || img.TopLayer == "" {
		return TreeLayer{}, err
	}
	layers, err := store.Layers()
	if err != nil {
		return TreeLayer{}, err
	}
	images, err := store.Images()
	if err != nil {
		return TreeLayer{}, err
	}
	t := layerTree{byID: map[string]*storage.Layer{}, above: map[string][]string{}, tops: topsOf(images)}
	for i := range layers {
		t.byID[layers[i].ID] = &layers[i]
		t.above[layers[i].Parent] = append(t.above[layers[i].Parent], layers[i].ID)
	}
	if whole {
		return t.whole(img.TopLayer), ctx.Err()
	}
	at := t.layer(img.TopLayer)
	for id := t.parent(img.TopLayer); id != ""; id = t.parent(id) {
		below := t.layer(id)
		below.Above = []TreeLayer{at}
		at = below
	}
	return at, ctx.Err()
}

// topsOf names the images by their last layers.
func topsOf(images []storage.Image) map[string][]string {
	tops := map[string][]string{}
	for _, i := range images {
		names := i.Names
		if len(names) == 0 {
			names = []string{short(i.ID)}
		}
		tops[i.TopLayer] = append(tops[i.TopLayer], names...)
	}
	return tops
}

type layerTree struct {
	byID  map[string]*storage.Layer
	above map[string][]string // by what they stand on
	tops  map[string][]string
}

func (t layerTree) parent(id string) string {
	if l := t.byID[id]; l != nil {
		return l.Parent
	}
	return ""
}

func (t layerTree) layer(id string) TreeLayer {
	out := TreeLayer{ID: id, Names: t.tops[id]}
	if l := t.byID[id]; l != nil {
		out.Size = max(l.UncompressedSize, 0)
	}
	return out
}

// whole is a layer with all that stands on it, but for layers of containers.
func (t layerTree) whole(id string) TreeLayer {
	out := t.layer(id)
	for _, above := range t.above[id] {
		if next := t.whole(above); len(next.Names) > 0 || len(next.Above) > 0 {
			out.Above = append(out.Above, next)
		}
	}
	slices.SortFunc(out.Above, func(a, b TreeLayer) int { return cmp.Compare(a.ID, b.ID) })
	return out
}
