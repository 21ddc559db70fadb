package image

import (
	"archive/tar"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"
	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/storage"
	storagearchive "go.podman.io/storage/pkg/archive"
	"go.podman.io/storage/pkg/chrootarchive"

	"berth/engine/spec"
	"berth/internal/ctxio"
)

// CommitOptions say what becomes of a root file system that is made an image.
type CommitOptions struct {
	Name            string // empty: none
	Author, Message string
	CreatedBy       string // what History says ran on it
	Squash          bool   // one layer of all
	Docker          bool   // in Docker's format instead of OCI's
	// Container is what was made of the image below: its command and environment
	// become the image's. Secrets do not.
	Container spec.Container
	Volumes   []string // paths that are to be volumes of the image
	Exposed   []string // ports that it exposes, "80/tcp"
	// Config goes over all that where it says something; nil: nowhere.
	Config  *ociv1.ImageConfig
	Changes []string // instructions of a Containerfile, which go before all that
}

// Commit makes an image of a root file system and of the image it stands on, and
// returns its ID. What writes to it meanwhile may be in it half.
func (s *Store) Commit(ctx context.Context, id spec.ContainerID, o CommitOptions) (string, error) {
	store, err := s.open()
	if err != nil {
		return "", err
	}
	container, err := store.Container(string(id))
	if errors.Is(err, storage.ErrContainerUnknown) {
		return "", fmt.Errorf("root file system %s: %w", id.Short(), spec.ErrNotFound)
	}
	if err != nil {
		return "", err
	}
	base, err := s.Config(ctx, container.ImageID)
	if err != nil {
		return "", err
	}
	config := committed(base, o)
	if err := Change(&config.Config, o.Changes); err != nil {
		return "", err
	}
	dir, release, err := s.scratch()
	if err != nil {
		return "", err
	}
	defer release()
	m, err := newMaking(dir)
	if err != nil {
		return "", err
	}
	if !o.Squash {
		if err := s.below(store, m, base.RootFS.DiffIDs); err != nil {
			return "", err
		}
	}
	if err := m.layer(func(w io.Writer) error { return s.writeRootfs(ctx, store, container, o.Squash, w) }); err != nil {
		return "", fmt.Errorf("read root file system %s: %w", id.Short(), err)
	}
	if err := m.finish(config); err != nil {
		return "", err
	}
	return s.keepMade(ctx, m, o.Name, o.Docker)
}

// committed is the configuration of the image below with one more step.
func committed(base *ociv1.Image, o CommitOptions) *ociv1.Image {
	now := time.Now().UTC()
	config := *base
	config.Created, config.Author = &now, o.Author
	config.History = nil
	if !o.Squash {
		config.History = append(config.History, base.History...)
	}
	config.History = append(config.History, ociv1.History{Created: &now, Author: o.Author, CreatedBy: o.CreatedBy, Comment: o.Message})
	config.Config.Env = append([]string(nil), base.Config.Env...)
	config.Config.Labels, config.Config.Volumes, config.Config.ExposedPorts = clone(base.Config.Labels), clone(base.Config.Volumes), clone(base.Config.ExposedPorts)
	asRun(&config.Config, &o.Container)
	for _, path := range o.Volumes {
		config.Config.Volumes[path] = struct{}{}
	}
	for _, port := range o.Exposed {
		config.Config.ExposedPorts[port] = struct{}{}
	}
	overlay(&config.Config, o.Config)
	return &config
}

// overlay has a configuration say what another says, too.
func overlay(c, by *ociv1.ImageConfig) {
	if by == nil {
		return
	}
	for _, v := range by.Env {
		name, value, _ := strings.Cut(v, "=")
		c.Env = setEnv(c.Env, name, value)
	}
	maps.Copy(c.Labels, by.Labels)
	maps.Copy(c.Volumes, by.Volumes)
	maps.Copy(c.ExposedPorts, by.ExposedPorts)
	if len(by.Entrypoint) > 0 {
		c.Entrypoint = by.Entrypoint
	}
	if len(by.Cmd) > 0 {
		c.Cmd = by.Cmd
	}
	c.User, c.WorkingDir = cmp.Or(by.User, c.User), cmp.Or(by.WorkingDir, c.WorkingDir)
	c.StopSignal = cmp.Or(by.StopSignal, c.StopSignal)
}

// ParseConfig reads a container's configuration in Docker's JSON. What an OCI image
// cannot say is spec.ErrConfig.
func ParseConfig(data []byte) (*ociv1.ImageConfig, error) {
	var more struct {
		Healthcheck    json.RawMessage
		OnBuild, Shell []string
	}
	config := new(ociv1.ImageConfig)
	err := json.Unmarshal(data, config)
	if err == nil {
		err = json.Unmarshal(data, &more)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: this is no container configuration in JSON: %w", spec.ErrConfig, err)
	}
	for _, field := range []struct {
		name  string
		given bool
	}{{"Healthcheck", len(more.Healthcheck) > 0 && string(more.Healthcheck) != "null"}, {"OnBuild", len(more.OnBuild) > 0}, {"Shell", len(more.Shell) > 0}} {
		if field.given {
			return nil, fmt.Errorf("%w: %s: an OCI image cannot say that: leave it out", spec.ErrConfig, field.name)
		}
	}
	return config, nil
}

// asRun has a configuration say what a container was told to run. Values that were
// filled in when it was made, secrets among them, are left out.
func asRun(config *ociv1.ImageConfig, c *spec.Container) {
	if c.ByHand != nil {
		maps.Copy(config.Labels, c.ByHand.Labels)
		for _, port := range c.ByHand.Expose {
			config.ExposedPorts[port] = struct{}{}
		}
	}
	late := func(s string) bool { return strings.Contains(s, "\x00") }
	switch {
	case slices.ContainsFunc(slices.Concat(c.Command, c.Args), late):
	case len(c.Command) > 0:
		config.Entrypoint, config.Cmd = c.Command, c.Args
	case len(c.Args) > 0:
		config.Cmd = c.Args
	}
	for _, v := range c.Env {
		if !late(v.Value) {
			config.Env = setEnv(config.Env, v.Name, v.Value)
		}
	}
	config.WorkingDir = cmp.Or(c.WorkingDir, config.WorkingDir)
	config.User = cmp.Or(userOf(c.User), config.User)
	config.StopSignal = cmp.Or(c.StopSignal, config.StopSignal)
}

func clone[V any](m map[string]V) map[string]V {
	out := map[string]V{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

// userOf is user[:group] as an image has it, "" where the image's own holds.
func userOf(u spec.User) string {
	if u.UID == nil {
		return u.Name
	}
	name := strconv.FormatInt(*u.UID, 10)
	if u.GID != nil {
		name += ":" + strconv.FormatInt(*u.GID, 10)
	}
	return name
}

// below adds the layers of the image below, which the store has.
func (s *Store) below(store storage.Store, m *making, diffIDs []digest.Digest) error {
	for _, diffID := range diffIDs {
		layers, err := store.LayersByUncompressedDigest(diffID)
		if err != nil {
			return fmt.Errorf("layer %s of the image below: %w", diffID, err)
		}
		m.have(diffID, max(layers[0].UncompressedSize, 0))
	}
	return nil
}

// writeRootfs writes what a container changed, or all that it sees, as a layer.
func (s *Store) writeRootfs(ctx context.Context, store storage.Store, c *storage.Container, whole bool, w io.Writer) (err error) {
	var in io.ReadCloser
	if whole {
		mounted, err := store.Mount(c.ID, "")
		if err != nil {
			return err
		}
		defer func() { _, _ = store.Unmount(c.ID, false) }() // it counts how often it is mounted
		if in, err = chrootarchive.Tar(mounted, &storagearchive.TarOptions{}, mounted); err != nil {
			return err
		}
	} else {
		none := storagearchive.Uncompressed
		if in, err = store.Diff("", c.LayerID, &storage.DiffOptions{Compression: &none}); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	return withoutStubs(w, ctxio.Reader(ctx, in))
}

// withoutStubs copies a layer, but for the empty files that the runtime made to
// mount the pod's own on.
func withoutStubs(w io.Writer, in io.Reader) error {
	r, out := tar.NewReader(in), tar.NewWriter(w)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out.Close()
		}
		if err != nil {
			return err
		}
		if isStub(h) {
			continue
		}
		if err := out.WriteHeader(h); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
		if _, err := io.Copy(out, r); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

func isStub(h *tar.Header) bool {
	switch path.Clean("/" + h.Name) {
	case "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/run/.containerenv":
		return h.Typeflag == tar.TypeReg && h.Size == 0
	}
	return false
}
