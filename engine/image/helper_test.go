package image

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
	"go.podman.io/storage/pkg/reexec"

	"berth/internal/testhost"
)

func TestMain(m *testing.M) {
	if reexec.Init() {
		return
	}
	os.Exit(testhost.Main(m, testhost.Options{}))
}

// realDisk is a folder on a file system that overlay can be mounted on, or "".
// A test host mounts one at /var/lib/containers.
func realDisk() string {
	const dir = "/var/lib/containers"
	var here, root syscall.Stat_t
	if os.Geteuid() != 0 || syscall.Stat(dir, &here) != nil || syscall.Stat("/", &root) != nil || here.Dev == root.Dev {
		return ""
	}
	return dir
}

// testStore is a Store of its own: overlay where that works, else vfs.
func testStore(t *testing.T) *Store {
	t.Helper()
	return testStoreIn(t, testFolder(t), Options{})
}

func testFolder(t *testing.T) string {
	t.Helper()
	if realDisk() == "" {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(realDisk(), "test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func testStoreIn(t *testing.T, dir string, o Options) *Store {
	t.Helper()
	t.Setenv("TMPDIR", scratchOf(dir))
	if err := os.MkdirAll(scratchOf(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	o.Root, o.RunRoot, o.Driver = filepath.Join(dir, "root"), filepath.Join(dir, "run"), "vfs"
	if realDisk() != "" {
		o.Driver = "overlay"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(testWriter{t}, nil))
	}
	s := New(o)
	s.host.RootForImplicitAbsolutePaths = filepath.Join(dir, "etcless")
	t.Setenv("HOME", filepath.Join(dir, "home"))
	t.Cleanup(func() {
		if store, err := s.open(); err == nil {
			_, _ = store.Shutdown(true)
		}
	})
	return s
}

func scratchOf(dir string) string { return filepath.Join(dir, "tmp") }

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// recipe is an image to make.
type recipe struct {
	name   string              // its annotation in the index
	layers []map[string]string // files of each
	config ociv1.ImageConfig
	arch   string
	made   time.Time
}

// layout writes images as an OCI layout.
func layout(t *testing.T, dir string, recipes ...recipe) {
	t.Helper()
	index := ociv1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ociv1.MediaTypeImageIndex}
	for _, r := range recipes {
		d := writeImage(t, dir, r)
		if r.name != "" {
			d.Annotations = map[string]string{ociv1.AnnotationRefName: r.name}
		}
		index.Manifests = append(index.Manifests, d)
	}
	writeJSON(t, filepath.Join(dir, "index.json"), index)
	writeJSON(t, filepath.Join(dir, "oci-layout"), ociv1.ImageLayout{Version: ociv1.ImageLayoutVersion})
}

// platforms writes one name's images for several platforms as an OCI layout.
func platforms(t *testing.T, dir, name string, recipes ...recipe) {
	t.Helper()
	list := ociv1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ociv1.MediaTypeImageIndex}
	for _, r := range recipes {
		list.Manifests = append(list.Manifests, writeImage(t, dir, r))
	}
	d := writeBlob(t, dir, ociv1.MediaTypeImageIndex, toJSON(t, list))
	d.Annotations = map[string]string{ociv1.AnnotationRefName: name}
	index := ociv1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ociv1.MediaTypeImageIndex, Manifests: []ociv1.Descriptor{d}}
	writeJSON(t, filepath.Join(dir, "index.json"), index)
	writeJSON(t, filepath.Join(dir, "oci-layout"), ociv1.ImageLayout{Version: ociv1.ImageLayoutVersion})
}

// copyImage copies an image from one place to another, no store of ours being either.
func copyImage(t *testing.T, dest, src types.ImageReference, o copy.Options) {
	t.Helper()
	policy, err := signature.NewPolicyContext(&signature.Policy{Default: signature.PolicyRequirements{signature.NewPRInsecureAcceptAnything()}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = policy.Destroy() }()
	if o.DestinationCtx == nil {
		o.DestinationCtx = &types.SystemContext{}
	}
	o.DestinationCtx.BlobInfoCacheDir = t.TempDir()
	if _, err := copy.Image(t.Context(), policy, dest, src, &o); err != nil {
		t.Fatal(err)
	}
}

func writeImage(t *testing.T, dir string, r recipe) ociv1.Descriptor {
	t.Helper()
	if r.arch == "" {
		r.arch = runtime.GOARCH
	}
	if r.made.IsZero() {
		r.made = time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)
	}
	config := ociv1.Image{
		Created: &r.made, Author: "A. Tester", Config: r.config,
		Platform: ociv1.Platform{OS: "linux", Architecture: r.arch},
		RootFS:   ociv1.RootFS{Type: "layers"},
	}
	m := ociv1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ociv1.MediaTypeImageManifest}
	for _, files := range r.layers {
		blob := layerTar(t, files)
		d := writeBlob(t, dir, ociv1.MediaTypeImageLayer, blob)
		m.Layers = append(m.Layers, d)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, d.Digest)
		config.History = append(config.History, ociv1.History{Created: &r.made, CreatedBy: "COPY " + strings.Join(slices.Sorted(maps.Keys(files)), " ")})
	}
	m.Config = writeBlob(t, dir, ociv1.MediaTypeImageConfig, toJSON(t, config))
	d := writeBlob(t, dir, ociv1.MediaTypeImageManifest, toJSON(t, m))
	d.Platform = &ociv1.Platform{OS: "linux", Architecture: r.arch}
	return d
}

func layerTar(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(files[name])), ModTime: time.Unix(1700000000, 0)}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func writeBlob(t *testing.T, dir, mediaType string, data []byte) ociv1.Descriptor {
	t.Helper()
	d := digest.FromBytes(data)
	file := filepath.Join(dir, "blobs", "sha256", d.Encoded())
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return ociv1.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(data))}
}

func toJSON(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeJSON(t *testing.T, file string, v any) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, toJSON(t, v), 0o644); err != nil {
		t.Fatal(err)
	}
}

// archive writes images as an OCI archive and returns its path.
func archive(t *testing.T, recipes ...recipe) string {
	t.Helper()
	dir := t.TempDir()
	layout(t, filepath.Join(dir, "layout"), recipes...)
	file := filepath.Join(dir, "image.tar")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := packLayout(context.Background(), filepath.Join(dir, "layout"), f); err != nil {
		t.Fatal(err)
	}
	return file
}

// simple is an image of one layer.
func simple(name string) recipe {
	return recipe{
		name:   name,
		layers: []map[string]string{{"hello": "hello from " + name}},
		config: ociv1.ImageConfig{Cmd: []string{"/hello"}, Labels: map[string]string{"made-by": "test"}},
	}
}

// load loads images and returns their names.
func load(t *testing.T, s *Store, recipes ...recipe) []string {
	t.Helper()
	names, err := s.Load(context.Background(), Source{Path: archive(t, recipes...)})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// nothingLeft fails the test if the store holds anything, or scratch does.
func nothingLeft(t *testing.T, s *Store) {
	t.Helper()
	noScratch(t)
	store, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	all, err := store.MultiList(storage.MultiListOptions{Images: true, Layers: true, Containers: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(all.Images)+len(all.Layers)+len(all.Containers) > 0 {
		t.Errorf("left: %d images, %d layers, %d containers", len(all.Images), len(all.Layers), len(all.Containers))
	}
}

func noScratch(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir(tempBase())
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), "Test") { // a TempDir of the test itself
			t.Errorf("scratch left: %s", entry.Name())
		}
	}
}
