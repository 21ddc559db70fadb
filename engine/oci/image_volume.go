package oci

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/internal/tree"
)

// PrepareImageVolumes makes the folders that stand for the volumes in.Image
// declares, filled with what the image has there. It does nothing where
// BuildSpec mounts none; it is done once, before the container is created.
func PrepareImageVolumes(ctx context.Context, in Input) error {
	if in.Container.ByHand != nil || len(imageVolumes(in)) == 0 {
		return nil
	}
	for _, p := range imageVolumePaths(in) {
		dir := imageVolumeDir(in.VolumeDir, p)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := CopyFromRoot(ctx, in.Rootfs, p, dir); err != nil && !errors.Is(err, spec.ErrNotFound) {
			return fmt.Errorf("fill the image's volume %s: %w", p, err)
		}
	}
	return nil
}

// CopyFromRoot copies what an untrusted root file system has in a folder of the
// container's to one of the host, with owners and modes, that of the folder itself,
// too. One that it lacks is spec.ErrNotFound. Devices, FIFOs and sockets are left out.
func CopyFromRoot(ctx context.Context, rootfs, path, dir string) error {
	from, err := openInRoot(rootfs, path, unix.S_IFDIR)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", path, spec.ErrNotFound)
	}
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer to.Close()
	flaws, _, err := tree.Copy(ctx, from, to, tree.ArchiveOptions{Name: "."}, tree.UnpackOptions{
		Owner: func(o tree.Owner) (tree.Owner, error) { return o, nil }, Plain: true,
	})
	return errors.Join(append(flaws, err)...)
}
