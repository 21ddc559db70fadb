package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"berth/engine/oci"
	"berth/engine/spec"
	"berth/internal/tree"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// ContainerRoot is the files of a container as its processes see them, volumes
// included, or of one that does not run, as they would. Tmpfs, ConfigMaps and
// Secrets are only there while it runs.
type ContainerRoot struct {
	root    *os.File
	pod     spec.Pod
	owner   tree.Owner // on the host: the container's user
	release func() error
}

// Close gives the files back.
func (r *ContainerRoot) Close() error { return errors.Join(r.root.Close(), r.release()) }

// host says who on the host a user of the container is.
func (r *ContainerRoot) host(o tree.Owner) (tree.Owner, error) {
	uid, gid, err := hostIDs(&r.pod, uint32(o.UID), uint32(o.GID))
	return tree.Owner{UID: uid, GID: gid}, err
}

// inside says who in the container a user of the host is.
func (r *ContainerRoot) inside(o tree.Owner) tree.Owner {
	uid, gid := r.pod.Users.Inside(o.UID, o.GID)
	return tree.Owner{UID: uid, GID: gid}
}

// OpenContainer opens the files of a container. Until they are closed again, one
// that did not run should not be removed.
func (e *Engine) OpenContainer(ctx context.Context, id spec.PodID, name string) (*ContainerRoot, error) {
	pod, err := e.records.ReadPod(id)
	if err != nil {
		return nil, err
	}
	c, ok := pod.Container(name)
	if !ok {
		return nil, fmt.Errorf("container %q: %w", name, spec.ErrNotFound)
	}
	r := &ContainerRoot{pod: pod, release: func() error { return nil }}
	if r.root, err = e.runningRoot(&pod, name); errors.Is(err, spec.ErrNotRunning) {
		err = e.openStanding(ctx, r, c)
	}
	if err != nil {
		return nil, fmt.Errorf("open the files of container %q: %w", pod.ContainerName(name), err)
	}
	if err := e.findOwner(ctx, r, c); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// runningRoot opens the root of a running container's first process.
func (e *Engine) runningRoot(pod *spec.Pod, name string) (*os.File, error) {
	_, _, first, err := e.firstProcess(pod.ID, name)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenFile("/proc/"+strconv.Itoa(first.Pid)+"/root", unix.O_PATH|unix.O_DIRECTORY, 0)
	switch {
	case errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH):
		return nil, spec.ErrNotRunning
	case err != nil:
		return nil, err
	case !first.Alive(): // it may be another process's that has the number now
		return nil, errors.Join(spec.ErrNotRunning, root.Close())
	}
	return root, nil
}

// findOwner finds the user whom files belong to that are given to a container.
func (e *Engine) findOwner(ctx context.Context, r *ContainerRoot, c *spec.Container) error {
	var config ociv1.ImageConfig
	if c.ByHand == nil || c.ByHand.Rootfs == nil {
		record, err := e.records.ReadContainer(r.pod.ID, c.Name)
		if err != nil {
			return err
		}
		image, err := e.images.Config(ctx, record.ImageID)
		if err != nil {
			return err
		}
		config = image.Config
	}
	uid, gid, err := oci.UserOf(oci.Input{Container: c, Pod: &r.pod, Image: config, Rootfs: fdPath(r.root)})
	if err != nil {
		return err
	}
	r.owner, err = r.host(tree.Owner{UID: int(uid), GID: int(gid)})
	return err
}

// fdPath is a path to what is open.
func fdPath(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(int(f.Fd())) }
