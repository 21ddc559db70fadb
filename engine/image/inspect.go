package image

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"

	"berth/engine/spec"
)

// Inspection is what "image inspect" prints, in the words of podman's.
type Inspection struct {
	ID           string            `json:"Id"`
	Digest       string            `json:"Digest"`
	RepoTags     []string          `json:"RepoTags"`
	RepoDigests  []string          `json:"RepoDigests"`
	Parent       string            `json:"Parent"`
	Comment      string            `json:"Comment"`
	Created      *time.Time        `json:"Created"`
	Config       InspectedConfig   `json:"Config"`
	Version      string            `json:"Version"`
	Author       string            `json:"Author"`
	Architecture string            `json:"Architecture"`
	Variant      string            `json:"Variant,omitempty"`
	Os           string            `json:"Os"`
	Size         int64             `json:"Size"`
	VirtualSize  int64             `json:"VirtualSize"`
	GraphDriver  GraphDriver       `json:"GraphDriver"`
	RootFS       InspectedRootFS   `json:"RootFS"`
	Labels       map[string]string `json:"Labels"`
	Annotations  map[string]string `json:"Annotations"`
	ManifestType string            `json:"ManifestType"`
	User         string            `json:"User"`
	History      []ociv1.History   `json:"History"`
	NamesHistory []string          `json:"NamesHistory"`
}

// InspectedConfig is the part of the configuration that containers take over.
type InspectedConfig struct {
	User         string              `json:"User,omitempty"`
	ExposedPorts map[string]struct{} `json:"ExposedPorts,omitempty"`
	Env          []string            `json:"Env,omitempty"`
	Entrypoint   []string            `json:"Entrypoint,omitempty"`
	Cmd          []string            `json:"Cmd,omitempty"`
	Volumes      map[string]struct{} `json:"Volumes,omitempty"`
	WorkingDir   string              `json:"WorkingDir,omitempty"`
	Labels       map[string]string   `json:"Labels,omitempty"`
	StopSignal   string              `json:"StopSignal,omitempty"`
}

// GraphDriver says where the image's topmost layer lies.
type GraphDriver struct {
	Name string            `json:"Name"`
	Data map[string]string `json:"Data"`
}

// InspectedRootFS lists the digests of the uncompressed layers, lowest first.
type InspectedRootFS struct {
	Type   string   `json:"Type"`
	Layers []string `json:"Layers"`
}

// Inspect returns everything that is known about an image.
func (s *Store) Inspect(ctx context.Context, nameOrID string) (*Inspection, error) {
	img, err := s.find(ctx, nameOrID)
	if err != nil {
		return nil, err
	}
	f, err := s.factsOf(img)
	if err != nil {
		return nil, err
	}
	store, err := s.open()
	if err != nil {
		return nil, err
	}
	extra, err := readExtra(store, img)
	if err != nil {
		return nil, err
	}
	at := created(img, f.config.Created)
	result := &Inspection{
		ID:           img.ID,
		Digest:       imageDigest(img).String(),
		RepoTags:     nonNil(tags(img)),
		RepoDigests:  nonNil(repoDigests(img)),
		Comment:      lastComment(f.config.History),
		Created:      &at,
		Config:       inspectedConfig(f.config.Config),
		Version:      extra.version,
		Author:       f.config.Author,
		Architecture: f.config.Architecture,
		Variant:      f.config.Variant,
		Os:           f.config.OS,
		Size:         f.size,
		VirtualSize:  f.size,
		RootFS:       InspectedRootFS{Type: f.config.RootFS.Type, Layers: []string{}},
		Labels:       f.config.Config.Labels,
		Annotations:  extra.annotations,
		ManifestType: f.manifest,
		User:         f.config.Config.User,
		History:      f.config.History,
		NamesHistory: nonNil(img.NamesHistory),
	}
	for _, d := range f.config.RootFS.DiffIDs {
		result.RootFS.Layers = append(result.RootFS.Layers, d.String())
	}
	result.GraphDriver, err = graphDriver(store, img.TopLayer)
	return result, err
}

func inspectedConfig(c ociv1.ImageConfig) InspectedConfig {
	return InspectedConfig{
		User: c.User, ExposedPorts: c.ExposedPorts, Env: c.Env, Entrypoint: c.Entrypoint, Cmd: c.Cmd,
		Volumes: c.Volumes, WorkingDir: c.WorkingDir, Labels: c.Labels, StopSignal: c.StopSignal,
	}
}

// extra is what only inspection wants to know.
type extra struct {
	version     string // of the Docker that built it
	annotations map[string]string
}

func readExtra(store storage.Store, img *storage.Image) (extra, error) {
	raw, err := store.ImageBigData(img.ID, storage.ImageDigestBigDataKey)
	if err != nil {
		return extra{}, err
	}
	var e extra
	m, err := manifest.FromBlob(raw, manifest.GuessMIMEType(raw))
	if err != nil {
		return extra{}, err
	}
	if oci, ok := m.(*manifest.OCI1); ok {
		e.annotations = oci.Annotations
	}
	config := m.ConfigInfo().Digest
	info, err := m.Inspect(func(types.BlobInfo) ([]byte, error) { return store.ImageBigData(img.ID, config.String()) })
	if err == nil {
		e.version = info.DockerVersion
	}
	return e, nil
}

// RootfsDriver says where a root file system lies; none is spec.ErrNotFound.
func (s *Store) RootfsDriver(ctx context.Context, id spec.ContainerID) (GraphDriver, error) {
	if err := ctx.Err(); err != nil {
		return GraphDriver{}, err
	}
	store, err := s.open()
	if err != nil {
		return GraphDriver{}, err
	}
	c, err := store.Container(string(id))
	if err != nil {
		return GraphDriver{}, fmt.Errorf("root file system %s: %w", id.Short(), spec.ErrNotFound)
	}
	return graphDriver(store, c.LayerID)
}

// graphDriver asks the driver where a layer lies. The folders are those of the
// read-only layer, so there is no merged one.
func graphDriver(store storage.Store, layer string) (GraphDriver, error) {
	g := GraphDriver{Name: store.GraphDriverName(), Data: map[string]string{}}
	if layer == "" {
		return g, nil
	}
	driver, err := store.GraphDriver()
	if err != nil {
		return g, err
	}
	data, err := driver.Metadata(layer)
	if err != nil {
		return g, err
	}
	for key, value := range data {
		if key != "MergedDir" || filepath.IsAbs(value) {
			g.Data[key] = value
		}
	}
	return g, nil
}

func lastComment(history []ociv1.History) string {
	if len(history) == 0 {
		return ""
	}
	return history[len(history)-1].Comment
}

func nonNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// Step is one line of an image's history, newest first.
type Step struct {
	ID        string    `json:"id"` // of the image made by this step, or "<missing>"
	Created   time.Time `json:"created"`
	CreatedBy string    `json:"CreatedBy"`
	Size      int64     `json:"size"` // bytes of its layer
	Comment   string    `json:"comment"`
	Tags      []string  `json:"tags,omitempty"`
}

// History returns how an image was built, the last step first.
func (s *Store) History(ctx context.Context, nameOrID string) ([]Step, error) {
	img, err := s.find(ctx, nameOrID)
	if err != nil {
		return nil, err
	}
	f, err := s.factsOf(img)
	if err != nil {
		return nil, err
	}
	c, err := s.census(ctx)
	if err != nil {
		return nil, err
	}
	chain := c.chain(img.TopLayer)
	var steps []Step
	for i := len(f.config.History) - 1; i >= 0; i-- {
		h := f.config.History[i]
		step := Step{ID: "<missing>", CreatedBy: h.CreatedBy, Comment: h.Comment}
		if h.Created != nil {
			step.Created = *h.Created
		}
		if len(steps) == 0 {
			step.ID, step.Tags = img.ID, tags(img)
		}
		if !h.EmptyLayer && len(chain) > 0 {
			step.Size = max(c.layers[chain[0]].UncompressedSize, 0)
			if made := c.madeBy(chain[0], img.ID); made != nil && len(steps) > 0 {
				step.ID, step.Tags = made.ID, tags(made)
			}
			chain = chain[1:]
		}
		steps = append(steps, step)
	}
	return steps, nil
}

// madeBy finds another image that ends at the layer.
func (c *census) madeBy(layer, not string) *storage.Image {
	for i := range c.images {
		if c.images[i].TopLayer == layer && c.images[i].ID != not {
			return &c.images[i]
		}
	}
	return nil
}
