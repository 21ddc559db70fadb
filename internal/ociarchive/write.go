package ociarchive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	_ "crypto/sha256" // digests name their algorithm and look it up
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Image is what an archive holds.
type Image struct {
	Name   string // with its tag: "localhost/demo:latest"
	Config ociv1.ImageConfig
	Layers []Layer // lowest first
}

// Layer writes the entries of one layer.
type Layer func(*tar.Writer) error

// Write writes img to path, which it replaces when the archive is complete.
func Write(path string, img Image) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("write image %s: %w", img.Name, err)
	}
	defer os.Remove(tmp.Name()) // renamed away when all went well
	err = writeArchive(tmp, img)
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Chmod(tmp.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write image %s: %w", img.Name, err)
	}
	return nil
}

// archive is an OCI image layout on its way into a tar file;
// https://github.com/opencontainers/image-spec/blob/main/image-layout.md
type archive struct {
	tar  *tar.Writer
	seen map[digest.Digest]bool
}

func writeArchive(w io.Writer, img Image) error {
	a := &archive{tar: tar.NewWriter(w), seen: map[digest.Digest]bool{}}
	if err := a.file("oci-layout", []byte(`{"imageLayoutVersion":"`+ociv1.ImageLayoutVersion+`"}`)); err != nil {
		return err
	}
	config := ociv1.Image{
		Platform: ociv1.Platform{OS: "linux", Architecture: runtime.GOARCH},
		Config:   img.Config,
		RootFS:   ociv1.RootFS{Type: "layers"},
	}
	manifest := ociv1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ociv1.MediaTypeImageManifest}
	for _, layer := range img.Layers {
		plain, packed, err := packLayer(layer)
		if err != nil {
			return err
		}
		blob, err := a.blob(ociv1.MediaTypeImageLayerGzip, packed)
		if err != nil {
			return err
		}
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, plain)
		manifest.Layers = append(manifest.Layers, blob)
	}
	var err error
	if manifest.Config, err = a.json(ociv1.MediaTypeImageConfig, config); err != nil {
		return err
	}
	top, err := a.json(ociv1.MediaTypeImageManifest, manifest)
	if err != nil {
		return err
	}
	top.Annotations = map[string]string{ociv1.AnnotationRefName: img.Name}
	index, err := json.Marshal(ociv1.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ociv1.MediaTypeImageIndex,
		Manifests: []ociv1.Descriptor{top},
	})
	if err != nil {
		return fmt.Errorf("encode the index: %w", err)
	}
	if err := a.file(ociv1.ImageIndexFile, index); err != nil {
		return err
	}
	return a.tar.Close()
}

// packLayer returns the digest of a layer's tar stream, and the stream compressed.
func packLayer(layer Layer) (digest.Digest, []byte, error) {
	var packed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return "", nil, fmt.Errorf("compress a layer: %w", err)
	}
	sum := digest.Canonical.Digester()
	w := tar.NewWriter(io.MultiWriter(zip, sum.Hash()))
	if err := layer(w); err != nil {
		return "", nil, err
	}
	if err := w.Close(); err != nil {
		return "", nil, fmt.Errorf("write a layer: %w", err)
	}
	if err := zip.Close(); err != nil {
		return "", nil, fmt.Errorf("compress a layer: %w", err)
	}
	return sum.Digest(), packed.Bytes(), nil
}

func (a *archive) json(mediaType string, value any) (ociv1.Descriptor, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return ociv1.Descriptor{}, fmt.Errorf("encode %s: %w", mediaType, err)
	}
	return a.blob(mediaType, data)
}

func (a *archive) blob(mediaType string, data []byte) (ociv1.Descriptor, error) {
	d := ociv1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	if a.seen[d.Digest] {
		return d, nil
	}
	a.seen[d.Digest] = true
	return d, a.file("blobs/sha256/"+d.Digest.Encoded(), data)
}

func (a *archive) file(name string, data []byte) error {
	err := a.tar.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(data)), ModTime: epoch()})
	if err == nil {
		_, err = a.tar.Write(data)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// epoch is when everything in an image was last changed.
func epoch() time.Time { return time.Unix(0, 0) }
