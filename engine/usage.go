package engine

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"berth/engine/image"
	"berth/engine/spec"
	"berth/engine/volume"
)

// Usage is what images, containers and volumes take on disk. Sizes are bytes.
type Usage struct {
	Images      []image.Usage
	ImagesSize  int64 // of all, each layer once
	ImagesSpare int64 // of it what no container stands on
	Containers  []ContainerUsage
	Volumes     []VolumeUsage
}

// ContainerUsage is what a container takes beside its image and its volumes.
type ContainerUsage struct {
	Pod    *spec.Pod
	Status spec.ContainerStatus
	Size   int64
}

// VolumeUsage is what a volume takes.
type VolumeUsage struct {
	volume.Volume
	Users []spec.PodKey
	Size  int64
}

// Usage measures what images, containers and volumes take on disk. It walks all
// files of containers and volumes.
func (e *Engine) Usage(ctx context.Context) (Usage, error) {
	var u Usage
	pods, err := e.Observe(ctx)
	if err != nil {
		return u, err
	}
	for i := range pods {
		for _, c := range pods[i].Containers {
			if c.ID == "" {
				continue
			}
			size, err := e.images.RootfsSize(ctx, c.Rootfs())
			if errors.Is(err, spec.ErrNotFound) {
				continue // removed meanwhile
			}
			if err != nil {
				return u, err
			}
			u.Containers = append(u.Containers, ContainerUsage{&pods[i].Pod, c, size})
		}
	}
	if u.Images, u.ImagesSize, u.ImagesSpare, err = e.images.DiskUsage(ctx); err != nil {
		return u, err
	}
	volumes, err := e.volumes.List(ctx)
	if err != nil {
		return u, err
	}
	users, err := e.VolumeUsers(ctx)
	if err != nil {
		return u, err
	}
	for _, v := range volumes {
		size, err := folderSize(v.Mountpoint)
		if err != nil {
			return u, err
		}
		u.Volumes = append(u.Volumes, VolumeUsage{v, users[v.Name], size})
	}
	return u, nil
}

func folderSize(dir string) (int64, error) {
	var size int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if info, err := d.Info(); err == nil {
			size += info.Size()
		}
		return nil
	})
	return size, err
}
