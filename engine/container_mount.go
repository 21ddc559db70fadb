package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/internal/tree"
)

// MountContainer mounts a container's root file system, without its volumes, on this
// host, and says where. It stays so until UnmountContainer, or the container's end.
func (e *Engine) MountContainer(ctx context.Context, id spec.PodID, name string) (string, error) {
	path, _, err := e.ownRootfs(ctx, id, name)
	if err == nil {
		e.noteByName(id, name, "mount")
	}
	return path, err
}

// UnmountContainer takes back one MountContainer, or with force all of them. A
// container that runs is spec.ErrInUse.
func (e *Engine) UnmountContainer(ctx context.Context, id spec.PodID, name string, force bool) error {
	st, err := e.ObservePod(ctx, id)
	if err != nil {
		return err
	}
	unlock, err := e.Lock(ctx, st.Pod.Key())
	if err != nil {
		return err
	}
	defer unlock()
	if st, err = e.ObservePod(ctx, id); err != nil {
		return err
	}
	c, ok := st.Container(name)
	switch {
	case !ok || c.ID == "":
		return fmt.Errorf("container %q: %w", name, spec.ErrNotFound)
	case c.Running():
		return fmt.Errorf("container %q runs on it: %w", st.Pod.ContainerName(name), spec.ErrInUse)
	case force:
		err = e.images.UnmountRootfs(ctx, c.Rootfs())
	default:
		err = e.images.LetGoRootfs(ctx, c.Rootfs())
	}
	if err == nil {
		e.noteByName(id, name, "unmount")
	}
	return err
}

// ownRootfs mounts a container's root file system; letGo takes that back. It waits
// for who is changing the pod: a layer may be emptied that is not mounted.
func (e *Engine) ownRootfs(ctx context.Context, id spec.PodID, name string) (path string, letGo func() error, err error) {
	pod, err := e.records.ReadPod(id)
	if err != nil {
		return "", nil, err
	}
	unlock, err := e.Lock(ctx, pod.Key())
	if err != nil {
		return "", nil, err
	}
	defer unlock()
	if pod, err = e.records.ReadPod(id); err != nil {
		return "", nil, err
	}
	c, ok := pod.Container(name)
	if !ok {
		return "", nil, fmt.Errorf("container %q: %w", name, spec.ErrNotFound)
	}
	return e.standingRootfs(ctx, &pod, c)
}

// ExportContainer writes a container's files, without its volumes, as a tar archive.
// One that runs goes on.
func (e *Engine) ExportContainer(ctx context.Context, id spec.PodID, name string, to io.Writer) error {
	pod, err := e.records.ReadPod(id)
	if err != nil {
		return err
	}
	path, letGo, err := e.ownRootfs(ctx, id, name)
	if err != nil {
		return err
	}
	root, err := os.OpenFile(path, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return errors.Join(err, letGo())
	}
	defer root.Close()
	inside := (&ContainerRoot{pod: pod}).inside
	flaws, err := tree.Archive(ctx, root, to, tree.ArchiveOptions{Name: ".", Owner: inside})
	if err = errors.Join(append(flaws, err, letGo())...); err != nil {
		return fmt.Errorf("export container %q: %w", pod.ContainerName(name), err)
	}
	e.noteByName(id, name, "export")
	return nil
}
