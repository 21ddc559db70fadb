package image

import (
	"context"
	"errors"
	"fmt"

	"go.podman.io/storage"

	"berth/engine/spec"
)

// Mount mounts the files of an image, which nobody can write to, and returns where
// and its ID. It stays so until Unmount or a reboot.
func (s *Store) Mount(ctx context.Context, name string) (path, id string, err error) {
	store, err := s.open()
	if err != nil {
		return "", "", err
	}
	img, err := s.find(ctx, name)
	if err != nil {
		return "", "", err
	}
	err = untilSettled(store, func() error {
		path, err = store.MountImage(img.ID, nil, "")
		return err
	})
	if err != nil {
		return "", "", fmt.Errorf("mount image %s: %w", name, err)
	}
	s.note("mount", img.ID, first(img.Names))
	return path, img.ID, nil
}

// Unmount unmounts the files of an image once, or with force however often it was
// mounted, and returns its ID. One that is not mounted is success.
func (s *Store) Unmount(ctx context.Context, name string, force bool) (id string, err error) {
	store, err := s.open()
	if err != nil {
		return "", err
	}
	img, err := s.find(ctx, name)
	if err != nil {
		return "", err
	}
	if mounted, err := store.Mounted(img.TopLayer); err != nil || mounted == 0 {
		return img.ID, err
	}
	err = untilSettled(store, func() error {
		_, err := store.UnmountImage(img.ID, force)
		return err
	})
	if err != nil && !errors.Is(err, storage.ErrLayerNotMounted) {
		return "", fmt.Errorf("unmount image %s: %w", name, err)
	}
	s.note("unmount", img.ID, first(img.Names))
	return img.ID, nil
}

// Mounted maps the images whose files are mounted to where.
func (s *Store) Mounted(ctx context.Context) (map[string]string, error) {
	store, err := s.open()
	if err != nil {
		return nil, err
	}
	images, err := store.Images()
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, img := range images {
		if img.TopLayer == "" {
			continue
		}
		path, err := mountedAt(store, img.TopLayer)
		if err != nil {
			return nil, err
		}
		if path != "" {
			out[img.ID] = path
		}
	}
	return out, ctx.Err()
}

// RootfsMounted says where a root file system is mounted; "" if it is not.
func (s *Store) RootfsMounted(_ context.Context, id spec.ContainerID) (string, error) {
	store, err := s.open()
	if err != nil {
		return "", err
	}
	return mountedAt(store, string(id))
}

func mountedAt(store storage.Store, layer string) (string, error) {
	l, err := store.Layer(layer)
	if errors.Is(err, storage.ErrLayerUnknown) {
		return "", nil
	}
	if err != nil || l.MountCount == 0 {
		return "", err
	}
	return l.MountPoint, nil
}
