package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/manifest"
	ocilayout "go.podman.io/image/v5/oci/layout"
	"go.podman.io/image/v5/signature"
	istorage "go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/types"

	"berth/engine/spec"
)

// making is an image that is made here: an OCI layout that lacks the layers the
// store has already, which a copy into it takes from there.
type making struct {
	dir    string
	layers []ociv1.Descriptor
}

func newMaking(dir string) (*making, error) {
	if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o700); err != nil {
		return nil, err
	}
	return &making{dir: dir}, os.WriteFile(filepath.Join(dir, ociv1.ImageLayoutFile), []byte(`{"imageLayoutVersion": "1.0.0"}`), 0o600)
}

// have adds a layer that the store has.
func (m *making) have(diffID digest.Digest, size int64) {
	m.layers = append(m.layers, ociv1.Descriptor{MediaType: ociv1.MediaTypeImageLayer, Digest: diffID, Size: size})
}

// layer adds a layer that write writes, as a tar archive.
func (m *making) layer(write func(io.Writer) error) (err error) {
	f, err := os.Create(filepath.Join(m.dir, "layer"))
	if err != nil {
		return err
	}
	sum := digest.SHA256.Digester()
	err = write(io.MultiWriter(f, sum.Hash()))
	size, seekErr := f.Seek(0, io.SeekCurrent)
	if err = errors.Join(err, seekErr, f.Close()); err != nil {
		return err
	}
	m.have(sum.Digest(), size)
	return os.Rename(f.Name(), m.blob(sum.Digest()))
}

func (m *making) blob(d digest.Digest) string {
	return filepath.Join(m.dir, "blobs", d.Algorithm().String(), d.Encoded())
}

func (m *making) json(mediaType string, v any) (ociv1.Descriptor, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return ociv1.Descriptor{}, err
	}
	d := digest.FromBytes(data)
	return ociv1.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(data))}, os.WriteFile(m.blob(d), data, 0o600)
}

// finish writes configuration, manifest and index.
func (m *making) finish(config *ociv1.Image) error {
	config.RootFS = ociv1.RootFS{Type: "layers"}
	for _, l := range m.layers {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, l.Digest)
	}
	c, err := m.json(ociv1.MediaTypeImageConfig, config)
	if err != nil {
		return err
	}
	d, err := m.json(ociv1.MediaTypeImageManifest, ociv1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ociv1.MediaTypeImageManifest, Config: c, Layers: m.layers,
	})
	if err != nil {
		return err
	}
	index, err := json.Marshal(ociv1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []ociv1.Descriptor{d}})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(m.dir, ociv1.ImageIndexFile), index, 0o600)
}

// keepMade puts what was made into the store, under a name or without one, and
// returns its ID. Signatures are not asked for: it is ours.
func (s *Store) keepMade(ctx context.Context, m *making, name string, docker bool) (id string, err error) {
	store, err := s.open()
	if err != nil {
		return "", err
	}
	src, err := ocilayout.NewReference(m.dir, "")
	if err != nil {
		return "", err
	}
	sys, err := s.system(spec.PullOptions{})
	if err != nil {
		return "", err
	}
	sys.BigFilesTemporaryDir, sys.BlobInfoCacheDir = m.dir, m.dir
	nameless := name == ""
	if nameless { // until it is there: which ID it gets depends on its format
		name = "localhost/berth-made:" + string(spec.NewContainerID())
	}
	named, err := localName(name)
	if err != nil {
		return "", err
	}
	dest, err := istorage.Transport.NewStoreReference(store, named, "")
	if err != nil {
		return "", err
	}
	policy, err := signature.NewPolicyContext(&signature.Policy{Default: signature.PolicyRequirements{signature.NewPRInsecureAcceptAnything()}})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, policy.Destroy()) }()
	var resolved types.ImageReference
	options := copy.Options{SourceCtx: sys, DestinationCtx: sys, ReportResolvedReference: &resolved}
	if docker {
		options.ForceManifestMIMEType = manifest.DockerV2Schema2MediaType
	}
	if _, err := copy.Image(ctx, policy, dest, src, &options); err != nil {
		return "", fmt.Errorf("keep the image: %w", clean(err, m.dir, "(scratch)"))
	}
	_, img, err := istorage.ResolveReference(resolved)
	if err != nil {
		return "", err
	}
	if nameless {
		err = store.RemoveNames(img.ID, []string{named.String()})
	}
	return img.ID, err
}
