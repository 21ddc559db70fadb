package ociarchive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestWrite(t *testing.T) {
	img := Image{
		Name:   "localhost/x:1",
		Config: ociv1.ImageConfig{Cmd: []string{"/bin/x"}},
		Layers: []Layer{Files(
			File{Path: "/bin/x", Content: []byte("hello"), Mode: 0o755},
			File{Path: "/bin/y", Link: "x"},
			File{Path: "/tmp", Dir: true, Mode: 0o777 | os.ModeSticky},
			File{Path: "/home/u/f", Content: []byte("mine"), UID: 1000, GID: 1001},
		)},
	}
	path := filepath.Join(t.TempDir(), "x.tar")
	if err := Write(path, img); err != nil {
		t.Fatal(err)
	}
	files := readTar(t, open(t, path))

	var index ociv1.Index
	decode(t, files["index.json"], &index)
	if len(index.Manifests) != 1 || index.Manifests[0].Annotations[ociv1.AnnotationRefName] != img.Name {
		t.Fatalf("index %+v", index)
	}
	blob := func(d ociv1.Descriptor) string {
		data, ok := files["blobs/sha256/"+d.Digest.Encoded()]
		if !ok || digest.FromString(data) != d.Digest || int64(len(data)) != d.Size {
			t.Fatalf("blob %v is missing or not what it says", d)
		}
		return data
	}
	var manifest ociv1.Manifest
	decode(t, blob(index.Manifests[0]), &manifest)
	var config ociv1.Image
	decode(t, blob(manifest.Config), &config)
	if diff := cmp.Diff(img.Config, config.Config); diff != "" {
		t.Error(diff)
	}

	zip, err := gzip.NewReader(strings.NewReader(blob(manifest.Layers[0])))
	if err != nil {
		t.Fatal(err)
	}
	layer, err := io.ReadAll(zip)
	if err != nil || digest.FromBytes(layer) != config.RootFS.DiffIDs[0] {
		t.Errorf("the layer is not what the config says: %v", err)
	}
	want := []string{"bin/ drwxr-xr-x 0:0", "bin/x -rwxr-xr-x 0:0", "bin/y Lrwxrwxrwx 0:0 -> x", "tmp/ dtrwxrwxrwx 0:0",
		"home/ drwxr-xr-x 0:0", "home/u/ drwxr-xr-x 0:0", "home/u/f -rw-r--r-- 1000:1001"}
	if diff := cmp.Diff(want, listTar(t, layer)); diff != "" {
		t.Error(diff)
	}

	again := path + ".again"
	if err := Write(again, img); err != nil {
		t.Fatal(err)
	}
	if a, b := open(t, path), open(t, again); !bytes.Equal(a, b) {
		t.Error("the same image, other bytes")
	}
}

func TestWriteLeavesNothingWhenALayerFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.tar")
	err := Write(path, Image{Name: "x", Layers: []Layer{Files(File{Path: "/f", Source: filepath.Join(dir, "absent")})}})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("err %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func open(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func decode(t *testing.T, data string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(data), into); err != nil {
		t.Fatal(err)
	}
}

func readTar(t *testing.T, data []byte) map[string]string {
	t.Helper()
	files := map[string]string{}
	eachEntry(t, data, func(h *tar.Header, content string) { files[h.Name] = content })
	return files
}

func listTar(t *testing.T, data []byte) []string {
	t.Helper()
	var lines []string
	eachEntry(t, data, func(h *tar.Header, _ string) {
		line := h.Name + " " + h.FileInfo().Mode().String() + " " + owner(h)
		if h.Linkname != "" {
			line += " -> " + h.Linkname
		}
		lines = append(lines, line)
	})
	return lines
}

func eachEntry(t *testing.T, data []byte, do func(*tar.Header, string)) {
	t.Helper()
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		do(h, string(content))
	}
}

func owner(h *tar.Header) string { return fmt.Sprintf("%d:%d", h.Uid, h.Gid) }
