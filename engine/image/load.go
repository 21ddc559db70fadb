package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	dockerarchive "go.podman.io/image/v5/docker/archive"
	ociarchive "go.podman.io/image/v5/oci/archive"
	ocilayout "go.podman.io/image/v5/oci/layout"

	"berth/engine/spec"
	"berth/internal/ctxio"
)

// Source is where Load reads: a path, or a stream.
type Source struct {
	Path  string    // an OCI or Docker archive, compressed or not, or a folder
	From  io.Reader // instead of Path: an archive
	Quiet bool
}

// Load brings all images of an archive or folder into the store, whatever its
// format, and returns their names, "sha256:<id>" for one without. The names
// loaded before an error are returned with it.
func (s *Store) Load(ctx context.Context, from Source) ([]string, error) {
	names, err := s.load(ctx, from)
	for _, name := range names {
		id := strings.TrimPrefix(name, "sha256:")
		if img, err := s.find(ctx, name); err == nil {
			id = img.ID
		}
		s.note("loadfromarchive", id, name)
	}
	return names, err
}

func (s *Store) load(ctx context.Context, from Source) ([]string, error) {
	sys, err := s.system(spec.PullOptions{})
	if err != nil {
		return nil, err
	}
	t := transfer{sys: sys, show: s.board.begin(from.Quiet)}
	defer t.show.end()
	if from.From != nil {
		dir, release, err := s.scratch()
		if err != nil {
			return nil, err
		}
		defer release()
		from.Path = filepath.Join(dir, "stdin")
		if err := spool(ctxio.Reader(ctx, from.From), "standard input", from.Path); err != nil {
			return nil, err
		}
		names, err := s.loadArchive(ctx, t, from.Path)
		return names, clean(err, from.Path, "standard input")
	}
	info, err := os.Stat(from.Path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return s.loadFolder(ctx, t, from.Path)
	}
	return s.loadArchive(ctx, t, from.Path)
}

func (s *Store) loadFolder(ctx context.Context, t transfer, path string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(path, "index.json")); err == nil {
		dir, release, err := s.alias(path)
		if err != nil {
			return nil, err
		}
		defer release()
		names, err := s.loadLayout(ctx, t, dir, "")
		if err != nil {
			err = fmt.Errorf("OCI layout %s: %w", path, clean(err, dir, path))
		}
		return names, err
	}
	if _, err := os.Stat(filepath.Join(path, "manifest.json")); err != nil {
		return nil, fmt.Errorf("folder %s holds no image: it has neither index.json nor manifest.json", path)
	}
	id, err := s.importDir(ctx, t, path)
	if err != nil {
		return nil, err
	}
	img, err := s.Lookup(ctx, id)
	if err != nil || len(img.Names) == 0 {
		return []string{"sha256:" + id}, err
	}
	return img.Names, nil
}

func (s *Store) loadArchive(ctx context.Context, t transfer, path string) (names []string, err error) {
	plain, release, err := s.plainArchive(ctx, path)
	if err != nil {
		return nil, err
	}
	defer release()
	kind, err := survey(ctx, path, plain)
	if err != nil {
		return nil, err
	}
	if kind == kindDocker {
		names, err = s.loadDocker(ctx, t, plain)
		return names, failedArchive(path, plain, err)
	}
	dir, release, err := s.scratch()
	if err != nil {
		return nil, err
	}
	defer release()
	if err := extractLayout(ctx, plain, dir); err != nil {
		return nil, clean(err, plain, path)
	}
	names, err = s.loadLayout(ctx, t, dir, plain)
	return names, failedArchive(path, dir, clean(err, plain, path))
}

func failedArchive(path, scratch string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("archive %s: %w", path, clean(err, scratch, path))
}

// loadDocker loads all images of an uncompressed Docker archive.
func (s *Store) loadDocker(ctx context.Context, t transfer, plain string) (names []string, err error) {
	reader, err := dockerarchive.NewReader(t.sys, plain)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	images, err := reader.List()
	if err != nil {
		return nil, err
	}
	for _, refs := range images {
		tags, err := reader.ManifestTagsForReference(refs[0])
		if err != nil {
			return names, err
		}
		for _, ref := range refs[1:] {
			more, err := reader.ManifestTagsForReference(ref)
			if err != nil {
				return names, err
			}
			tags = append(tags, more...)
		}
		id, err := s.copyNamed(ctx, t, refs[0], first(tags))
		if err == nil {
			err = s.addNames(id, tags)
		}
		if err != nil {
			return names, err
		}
		names = append(names, s.loadedNames(id, tags)...)
	}
	return names, nil
}

// loadLayout loads all images of an OCI layout. archive is the file it was
// unpacked from, or "".
func (s *Store) loadLayout(ctx context.Context, t transfer, dir, archive string) ([]string, error) {
	list, err := ocilayout.List(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for i, entry := range list {
		if p := entry.ManifestDescriptor.Platform; p != nil && p.OS == "unknown" {
			continue // an attestation of buildkit
		}
		src, err := ocilayout.NewIndexReference(dir, i)
		if err != nil {
			return names, err
		}
		if archive != "" {
			origin, err := ociarchive.NewReference(archive, "")
			if err != nil {
				return names, err
			}
			src = archived{src, origin}
		}
		name := annotated(entry.ManifestDescriptor)
		id, err := s.copyNamed(ctx, t, src, name)
		if err != nil {
			return names, err
		}
		for _, loaded := range s.loadedNames(id, []string{name}) {
			if !slices.Contains(names, loaded) {
				names = append(names, loaded)
			}
		}
	}
	if len(names) == 0 {
		return nil, errors.New("it holds no image")
	}
	return names, nil
}

// loadedNames is what to call a loaded image.
func (s *Store) loadedNames(id string, names []string) []string {
	var full []string
	for _, name := range names {
		if named, err := localName(name); name != "" && err == nil {
			full = append(full, named.String())
		}
	}
	if len(full) == 0 {
		return []string{"sha256:" + id}
	}
	return full
}
