package image

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/directory"
	dockerarchive "go.podman.io/image/v5/docker/archive"
	"go.podman.io/image/v5/docker/reference"
	ociarchive "go.podman.io/image/v5/oci/archive"
	ocilayout "go.podman.io/image/v5/oci/layout"
	istorage "go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/types"
)

// containerdName is where buildkit and containerd put the full name of an
// image in an OCI index; the standard annotation then holds only its tag.
const containerdName = "io.containerd.image.name"

// importFrom copies one image from a file, a folder or another storage and
// returns its ID.
func (s *Store) importFrom(ctx context.Context, t transfer, transport, rest string) (id string, err error) {
	switch transport {
	case transportOCIArchive:
		id, err = s.importOCIArchive(ctx, t, rest)
	case transportDockerArchive:
		id, err = s.importDockerArchive(ctx, t, rest)
	case transportOCI:
		id, err = s.importLayout(ctx, t, rest)
	case transportDir:
		id, err = s.importDir(ctx, t, rest)
	case transportStorage:
		id, err = s.importStorage(ctx, t, rest)
	default:
		err = fmt.Errorf("unknown transport %q", transport)
	}
	return id, err
}

// importOCIArchive reads oci-archive:path[:image].
func (s *Store) importOCIArchive(ctx context.Context, t transfer, rest string) (string, error) {
	path, image := splitPath(rest)
	origin, err := ociarchive.NewReference(path, image)
	if err != nil {
		return "", err
	}
	dir, release, err := s.scratch()
	if err != nil {
		return "", err
	}
	defer release()
	if err := extractLayout(ctx, path, dir); err != nil {
		return "", err
	}
	src, err := ocilayout.NewReference(dir, image)
	if err != nil {
		return "", err
	}
	descriptor, err := ocilayout.LoadManifestDescriptor(src)
	if err != nil {
		return "", fmt.Errorf("archive %s: %w", path, clean(err, dir, path))
	}
	id, err := s.copyNamed(ctx, t, archived{src, origin}, annotated(descriptor))
	if err != nil {
		return "", fmt.Errorf("archive %s: %w", path, clean(err, dir, path))
	}
	return id, nil
}

// importDockerArchive reads docker-archive:path[:name:tag|:@index]. Without a
// name the archive must hold one image, which gets all its tags.
func (s *Store) importDockerArchive(ctx context.Context, t transfer, rest string) (id string, err error) {
	path, which, chosen := strings.Cut(rest, ":")
	plain, release, err := s.plainArchive(ctx, path)
	if err != nil {
		return "", err
	}
	defer release()
	ref := plain
	if chosen {
		ref += ":" + which
	}
	src, err := dockerarchive.ParseReference(ref)
	if err != nil {
		return "", err
	}
	reader, src, err := dockerarchive.NewReaderForReference(t.sys, src)
	if err != nil {
		return "", fmt.Errorf("archive %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	names, err := reader.ManifestTagsForReference(src)
	if err != nil {
		return "", fmt.Errorf("archive %s: %w", path, err)
	}
	id, err = s.copyNamed(ctx, t, src, first(names))
	if err != nil {
		return "", fmt.Errorf("archive %s: %w", path, clean(err, plain, path))
	}
	return id, s.addNames(id, names)
}

// importLayout reads oci:path[:image].
func (s *Store) importLayout(ctx context.Context, t transfer, rest string) (string, error) {
	path, image := splitPath(rest)
	src, err := ocilayout.NewReference(path, image)
	if err != nil {
		return "", err
	}
	descriptor, err := ocilayout.LoadManifestDescriptor(src)
	if err != nil {
		return "", fmt.Errorf("OCI layout %s: %w", path, err)
	}
	id, err := s.copyNamed(ctx, t, src, annotated(descriptor))
	if err != nil {
		return "", fmt.Errorf("OCI layout %s: %w", path, err)
	}
	return id, nil
}

// importDir reads dir:path. As with podman the image is named after the path.
func (s *Store) importDir(ctx context.Context, t transfer, path string) (string, error) {
	src, err := directory.NewReference(path)
	if err != nil {
		return "", err
	}
	name := "localhost/" + strings.TrimLeft(filepath.ToSlash(path), "/")
	if _, err := localName(name); err != nil {
		name = "" // not every path makes a name
	}
	id, err := s.copyNamed(ctx, t, src, name)
	if err != nil {
		return "", fmt.Errorf("folder %s: %w", path, err)
	}
	return id, nil
}

// importStorage reads containers-storage:[driver@root+runroot]name.
func (s *Store) importStorage(ctx context.Context, t transfer, rest string) (string, error) {
	src, err := istorage.Transport.ParseReference(rest)
	if err != nil {
		return "", err
	}
	name := ""
	if tagged, ok := src.DockerReference().(reference.NamedTagged); ok {
		name = tagged.String()
	}
	return s.copyNamed(ctx, t, src, name)
}

// copyNamed copies an image into the store under a name, or, where it has
// none, under its ID alone.
func (s *Store) copyNamed(ctx context.Context, t transfer, src types.ImageReference, name string) (string, error) {
	store, err := s.open()
	if err != nil {
		return "", err
	}
	var named reference.Named
	id := ""
	if name != "" {
		if named, err = localName(name); err != nil {
			return "", err
		}
	} else if id, err = configID(ctx, t.sys, src); err != nil {
		return "", err
	}
	dest, err := istorage.Transport.NewStoreReference(store, named, id)
	if err != nil {
		return "", err
	}
	return s.copyIn(ctx, t, dest, src)
}

// configID is the ID an image will have: the digest of its configuration.
func configID(ctx context.Context, sys *types.SystemContext, src types.ImageReference) (id string, err error) {
	img, err := src.NewImage(ctx, sys)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, img.Close()) }()
	d := img.ConfigInfo().Digest
	if err := d.Validate(); err != nil {
		return "", fmt.Errorf("an image in Docker's first format needs a name: %w", err)
	}
	return d.Encoded(), nil
}

// addNames gives the image further names. A name that another image had moves.
func (s *Store) addNames(id string, names []string) error {
	store, err := s.open()
	if err != nil {
		return err
	}
	var full []string
	for _, name := range names {
		named, err := localName(name)
		if err != nil {
			return err
		}
		full = append(full, named.String())
	}
	if len(full) == 0 {
		return nil
	}
	return store.AddNames(id, full)
}

// splitPath takes path[:image] apart.
func splitPath(rest string) (path, image string) {
	path, image, _ = strings.Cut(rest, ":")
	return path, image
}

// annotated is the name that an OCI index gives an image, or "".
func annotated(d ociv1.Descriptor) string {
	if name := d.Annotations[containerdName]; name != "" {
		return name
	}
	return d.Annotations[ociv1.AnnotationRefName]
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// archived is an image in an unpacked archive. The signature policy sees the
// archive: what policy.json says of oci-archive paths holds.
type archived struct {
	types.ImageReference                      // the layout it was unpacked to
	origin               types.ImageReference // the archive
}

func (a archived) Transport() types.ImageTransport     { return a.origin.Transport() }
func (a archived) StringWithinTransport() string       { return a.origin.StringWithinTransport() }
func (a archived) PolicyConfigurationIdentity() string { return a.origin.PolicyConfigurationIdentity() }
func (a archived) PolicyConfigurationNamespaces() []string {
	return a.origin.PolicyConfigurationNamespaces()
}
func (a archived) DockerReference() reference.Named { return a.origin.DockerReference() }

func (a archived) NewImageSource(ctx context.Context, sys *types.SystemContext) (types.ImageSource, error) {
	src, err := a.ImageReference.NewImageSource(ctx, sys)
	if err != nil {
		return nil, err
	}
	return archivedSource{src, a}, nil
}

type archivedSource struct {
	types.ImageSource
	ref archived
}

func (s archivedSource) Reference() types.ImageReference { return s.ref }
