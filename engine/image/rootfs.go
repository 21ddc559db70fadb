package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.podman.io/storage"
	"go.podman.io/storage/pkg/idtools"

	"berth/engine/spec"
)

// owner marks a container of the storage as ours.
const owner = "berth"

// mark is the metadata of a container of ours. The first four words are those
// podman writes about its own.
type mark struct {
	Name      string `json:"name"`
	ImageID   string `json:"image-id"`
	ImageName string `json:"image-name,omitempty"`
	Engine    string `json:"engine"`
}

// Rootfs says what CreateRootfs makes.
type Rootfs struct {
	Name  string // for people
	Image string // its ID
	// UIDs and GIDs map its owners to those of the host; none: they are the host's.
	UIDs, GIDs []spec.IDMap
	// Volatile: what is written survives a crash of ours, not one of the host.
	Volatile bool
}

// CreateRootfs makes a root file system on top of an image: a container of the
// storage, which keeps the image in use for everybody else. One that exists
// already on this image is success.
//
// The layer has the container's ID, so what a killed process left of it is
// found again.
func (s *Store) CreateRootfs(ctx context.Context, id spec.ContainerID, r Rootfs) error {
	name, imageID := r.Name, r.Image
	if err := ctx.Err(); err != nil {
		return err
	}
	store, err := s.open()
	if err != nil {
		return err
	}
	metadata, err := json.Marshal(mark{Name: name, ImageID: imageID, Engine: owner})
	if err != nil {
		return err
	}
	create := func(names ...string) error {
		return untilSettled(store, func() error {
			_, err := store.CreateContainer(string(id), names, imageID, string(id), string(metadata), &storage.ContainerOptions{
				IDMappingOptions: mapping(r),
				LabelOpts:        []string{"disable"}, // processes are not labelled either
				Volatile:         r.Volatile,
			})
			return err
		})
	}
	var names []string
	if name != "" {
		names = []string{name}
	}
	err = create(names...)
	if errors.Is(err, storage.ErrDuplicateID) {
		if have, err := store.Container(string(id)); err == nil {
			if have.ImageID != imageID {
				return fmt.Errorf("root file system %s: %w: on image %s", id.Short(), spec.ErrExists, short(have.ImageID))
			}
			return nil
		}
		// A layer without its container: the process died in between.
		if err := store.DeleteLayer(string(id)); err != nil && !errors.Is(err, storage.ErrLayerUnknown) {
			return fmt.Errorf("root file system %s: remove what is left of it: %w", id.Short(), err)
		}
		err = create(names...)
	}
	if errors.Is(err, storage.ErrDuplicateName) {
		err = create() // the name is for people only; somebody else's container has it
	}
	if errors.Is(err, storage.ErrImageUnknown) {
		return fmt.Errorf("root file system %s: image %s: %w", id.Short(), short(imageID), spec.ErrImageMissing)
	}
	if err != nil {
		return fmt.Errorf("create root file system %s: %w", id.Short(), err)
	}
	return nil
}

// LayRootfs is CreateRootfs on an image that is found by its name.
func (s *Store) LayRootfs(ctx context.Context, id spec.ContainerID, name, image string) error {
	found, err := s.Lookup(ctx, image)
	if err != nil {
		return err
	}
	return s.CreateRootfs(ctx, id, Rootfs{Name: name, Image: found.ID})
}

func mapping(r Rootfs) storage.IDMappingOptions {
	if len(r.UIDs) == 0 {
		return storage.IDMappingOptions{HostUIDMapping: true, HostGIDMapping: true}
	}
	maps := func(list []spec.IDMap) []idtools.IDMap {
		out := make([]idtools.IDMap, len(list))
		for i, m := range list {
			out[i] = idtools.IDMap{ContainerID: int(m.Container), HostID: int(m.Host), Size: int(m.Size)}
		}
		return out
	}
	return storage.IDMappingOptions{UIDMap: maps(r.UIDs), GIDMap: maps(r.GIDs)}
}

// MountRootfs mounts a root file system and returns where. Mounted already is
// success. The mount belongs to the mount namespace of the caller.
func (s *Store) MountRootfs(ctx context.Context, id spec.ContainerID) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	store, err := s.open()
	if err != nil {
		return "", err
	}
	var path string
	err = untilSettled(store, func() (err error) {
		path, err = store.Mount(string(id), "")
		return err
	})
	if errors.Is(err, storage.ErrLayerUnknown) {
		return "", fmt.Errorf("root file system %s: %w", id.Short(), spec.ErrNotFound)
	}
	if err != nil {
		return "", fmt.Errorf("mount root file system %s: %w", id.Short(), err)
	}
	return path, nil
}

// UnmountRootfs unmounts a root file system, however often it was mounted. Not
// mounted or gone is success.
func (s *Store) UnmountRootfs(ctx context.Context, id spec.ContainerID) error {
	store, err := s.open()
	if err != nil {
		return err
	}
	err = untilSettled(store, func() error {
		_, err := store.Unmount(string(id), true)
		return err
	})
	if err == nil || errors.Is(err, storage.ErrLayerUnknown) || errors.Is(err, storage.ErrLayerNotMounted) {
		return nil
	}
	return fmt.Errorf("unmount root file system %s: %w", id.Short(), err)
}

// LetGoRootfs takes back one MountRootfs: it stays mounted for others.
func (s *Store) LetGoRootfs(_ context.Context, id spec.ContainerID) error {
	store, err := s.open()
	if err != nil {
		return err
	}
	_, err = store.Unmount(string(id), false)
	if err == nil || errors.Is(err, storage.ErrLayerUnknown) || errors.Is(err, storage.ErrLayerNotMounted) {
		return nil
	}
	return fmt.Errorf("unmount root file system %s: %w", id.Short(), err)
}

// RemoveRootfs unmounts and deletes a root file system. Gone is success.
func (s *Store) RemoveRootfs(ctx context.Context, id spec.ContainerID) error {
	store, err := s.open()
	if err != nil {
		return err
	}
	err = untilSettled(store, func() error { return store.DeleteContainer(string(id)) }) // unmounts first
	if errors.Is(err, storage.ErrNotAContainer) || errors.Is(err, storage.ErrContainerUnknown) {
		err = store.DeleteLayer(string(id))
	}
	if err == nil || errors.Is(err, storage.ErrLayerUnknown) || errors.Is(err, storage.ErrNotALayer) {
		return nil
	}
	return fmt.Errorf("remove root file system %s: %w", id.Short(), err)
}

// RenameRootfs gives a root file system another name for people, unless somebody
// else's has it.
func (s *Store) RenameRootfs(_ context.Context, id spec.ContainerID, name string) error {
	store, err := s.open()
	if err != nil {
		return err
	}
	c, err := store.Container(string(id))
	if errors.Is(err, storage.ErrContainerUnknown) {
		return fmt.Errorf("root file system %s: %w", id.Short(), spec.ErrNotFound)
	}
	if err == nil && len(c.Names) > 0 { // its ID would be taken for the layer's
		err = untilSettled(store, func() error { return store.SetNames(c.Names[0], []string{name}) })
	}
	if err != nil && !errors.Is(err, storage.ErrDuplicateName) {
		return fmt.Errorf("rename root file system %s: %w", id.Short(), err)
	}
	return nil
}

// Rootfses lists the root file systems in the storage that are ours, and when
// each was made.
func (s *Store) Rootfses(ctx context.Context) (map[spec.ContainerID]time.Time, error) {
	store, err := s.open()
	if err != nil {
		return nil, err
	}
	containers, err := store.Containers()
	if err != nil {
		return nil, err
	}
	made := map[spec.ContainerID]time.Time{}
	for i := range containers {
		if isOurs(&containers[i]) {
			made[spec.ContainerID(containers[i].ID)] = containers[i].Created
		}
	}
	return made, nil
}

func isOurs(c *storage.Container) bool {
	var m mark
	return json.Unmarshal([]byte(c.Metadata), &m) == nil && m.Engine == owner
}

// RootfsSize is what a root file system takes beside its image, in bytes. It
// walks the files: not for every ps.
func (s *Store) RootfsSize(ctx context.Context, id spec.ContainerID) (int64, error) {
	size, _, err := s.RootfsUsage(ctx, id)
	return size, err
}

// RootfsUsage is what a root file system takes beside its image, in bytes and
// inodes; these are 0 where the driver does not say. It walks the files.
func (s *Store) RootfsUsage(ctx context.Context, id spec.ContainerID) (size, inodes int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	store, err := s.open()
	if err != nil {
		return 0, 0, err
	}
	c, err := store.Container(string(id))
	if err != nil {
		return 0, 0, fmt.Errorf("root file system %s: %w", id.Short(), spec.ErrNotFound)
	}
	if store.GraphDriverName() != "overlay" {
		size, err := store.DiffSize("", c.LayerID)
		return size, 0, err
	}
	driver, err := store.GraphDriver()
	if err != nil {
		return 0, 0, err
	}
	usage, err := driver.ReadWriteDiskUsage(c.LayerID)
	if err != nil {
		return 0, 0, fmt.Errorf("size of root file system %s: %w", id.Short(), err)
	}
	return usage.Size, usage.InodeCount, nil
}
