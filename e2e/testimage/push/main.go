// Command push uploads an OCI archive to a registry, for scripts that test
// pulling from one:
//
//	push box.tar http://127.0.0.1:5000 team/box 1
//
// It speaks the distribution specification's monolithic uploads
// (https://github.com/opencontainers/distribution-spec/blob/main/spec.md).
package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/opencontainers/go-digest"
	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
)

func main() {
	if err := push(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "push:", err)
		os.Exit(1)
	}
}

func push(args []string) error {
	if len(args) != 4 {
		return errors.New("usage: push ARCHIVE REGISTRY-URL REPOSITORY TAG")
	}
	files, err := read(args[0])
	if err != nil {
		return err
	}
	var index ociv1.Index
	if err := json.Unmarshal(files["index.json"], &index); err != nil {
		return fmt.Errorf("read the index: %w", err)
	}
	top := index.Manifests[0]
	manifest := files[blobPath(top.Digest)]
	var m ociv1.Manifest
	if err := json.Unmarshal(manifest, &m); err != nil {
		return fmt.Errorf("read the manifest: %w", err)
	}
	base := args[1] + "/v2/" + args[2]
	for _, blob := range append(m.Layers, m.Config) {
		if err := upload(base, args[1], blob.Digest, files[blobPath(blob.Digest)]); err != nil {
			return err
		}
	}
	_, err = send(http.MethodPut, base+"/manifests/"+args[3], top.MediaType, manifest)
	return err
}

func blobPath(d digest.Digest) string { return "blobs/sha256/" + d.Encoded() }

func read(path string) (map[string][]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	files := map[string][]byte{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			return nil, err
		}
	}
}

func upload(base, registry string, d digest.Digest, data []byte) error {
	answer, err := send(http.MethodPost, base+"/blobs/uploads/", "", nil)
	if err != nil {
		return err
	}
	location := answer.Header.Get("Location")
	if strings.HasPrefix(location, "/") {
		location = registry + location
	}
	to, err := url.Parse(location)
	if err != nil {
		return err
	}
	query := to.Query()
	query.Set("digest", d.String())
	to.RawQuery = query.Encode()
	_, err = send(http.MethodPut, to.String(), "application/octet-stream", data)
	return err
}

func send(method, to, mediaType string, body []byte) (*http.Response, error) {
	request, err := http.NewRequest(method, to, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if mediaType != "" {
		request.Header.Set("Content-Type", mediaType)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		said, _ := io.ReadAll(answer.Body)
		return nil, fmt.Errorf("%s %s: %s: %s", method, to, answer.Status, said)
	}
	return answer, nil
}
