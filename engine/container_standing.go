package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"berth/engine/oci"
	"berth/engine/spec"
	"berth/internal/tree"
)

// openStanding opens the files of a container that does not run.
func (e *Engine) openStanding(ctx context.Context, r *ContainerRoot, c *spec.Container) error {
	unlock, err := e.Lock(ctx, r.pod.Key())
	if err != nil {
		return err
	}
	defer unlock()
	if r.root, err = e.runningRoot(&r.pod, c.Name); !errors.Is(err, spec.ErrNotRunning) {
		return err // it was started meanwhile
	}
	rootfs, letGo, err := e.standingRootfs(ctx, &r.pod, c)
	if err != nil {
		return err
	}
	mounts, err := e.standingMounts(ctx, &r.pod, c)
	if err != nil {
		return errors.Join(err, letGo())
	}
	uid, gid, err := hostIDs(&r.pod, 0, 0)
	if err != nil {
		return errors.Join(err, letGo())
	}
	root, leave, err := assemble(rootfs, mounts, uid, gid)
	if err != nil {
		return errors.Join(err, letGo())
	}
	r.root, r.release = root, func() error { leave(); return letGo() }
	return nil
}

// standingRootfs mounts the root file system of a container that does not run.
func (e *Engine) standingRootfs(ctx context.Context, pod *spec.Pod, c *spec.Container) (path string, letGo func() error, err error) {
	if c.ByHand != nil && c.ByHand.Rootfs != nil {
		if c.ByHand.Rootfs.Overlay {
			return "", nil, fmt.Errorf("the layer above %s is there only while it runs: %w", c.ByHand.Rootfs.Path, spec.ErrNotRunning)
		}
		path, err := e.tree(pod, c)
		return path, func() error { return nil }, err
	}
	record, err := e.records.ReadContainer(pod.ID, c.Name)
	if err != nil {
		return "", nil, err
	}
	path, err = e.images.MountRootfs(ctx, record.Rootfs())
	return path, func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), letGoLimit)
		defer cancel()
		return e.images.LetGoRootfs(ctx, record.Rootfs())
	}, err
}

// letGoLimit is how long unmounting may take.
const letGoLimit = 30 * time.Second

// standingMount is a volume as a container that does not run would see it.
type standingMount struct {
	source, subPath, path string
	readOnly              bool
}

// standingMounts are a container's volumes, but for those that are there only
// while it runs, outer ones first.
func (e *Engine) standingMounts(ctx context.Context, pod *spec.Pod, c *spec.Container) ([]standingMount, error) {
	set := e.volumeSet(pod)
	var out []standingMount
	for _, m := range c.Mounts {
		v, ok := pod.Volume(m.Volume)
		switch {
		case !ok || v.Overlay != nil || strings.Contains(m.SubPath, "\x00"):
			continue
		case v.Named == nil && v.Host == nil && (v.Empty == nil || v.Empty.Memory):
			continue
		}
		source, err := set.Prepare(ctx, v)
		if err != nil {
			return nil, err
		}
		out = append(out, standingMount{source, m.SubPath, filepath.Clean("/" + m.Path), m.ReadOnly || readOnly(v)})
	}
	slices.SortStableFunc(out, func(a, b standingMount) int {
		return cmp.Compare(strings.Count(a.path, "/"), strings.Count(b.path, "/"))
	})
	return out, nil
}

// assemble puts volumes into a root file system, in a mount namespace that nobody
// else sees, and opens its root. leave ends the namespace; killed, it ends with us.
// uid and gid are root's in the container.
func assemble(rootfs string, mounts []standingMount, uid, gid int) (root *os.File, leave func(), err error) {
	type result struct {
		root *os.File
		err  error
	}
	ready, done := make(chan result), make(chan struct{})
	go func() { // ends with leave
		runtime.LockOSThread() // for good: the thread ends with the goroutine, and the namespace with it
		var r result
		r.root, r.err = assembleHere(rootfs, mounts, uid, gid)
		ready <- r
		if r.err == nil {
			<-done // what is mounted below the root is reached only while the namespace lasts
		}
	}()
	r := <-ready
	return r.root, func() { close(done) }, r.err
}

func assembleHere(rootfs string, mounts []standingMount, uid, gid int) (*os.File, error) {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return nil, fmt.Errorf("make a mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, fmt.Errorf("leave the host's mounts alone: %w", err)
	}
	root, err := os.OpenFile(rootfs, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	for _, m := range mounts {
		if err := m.mount(root, rootfs, uid, gid); err != nil {
			return nil, errors.Join(fmt.Errorf("mount %s: %w", m.path, err), root.Close())
		}
	}
	return root, nil
}

// mount mounts a volume through descriptors, as its container would find it; one
// whose part is missing, or whose place is, as for a file, is left out.
func (m standingMount) mount(root *os.File, rootfs string, uid, gid int) error {
	source, err := os.OpenFile(m.source, unix.O_PATH, 0)
	if err == nil && m.subPath != "" {
		volume := source
		source, err = tree.OpenIn(volume, m.subPath, unix.O_PATH)
		_ = volume.Close()
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil {
		return err
	}
	if info.IsDir() {
		if err := oci.MkdirInRoot(rootfs, m.path, 0o755, uid, gid); err != nil {
			return err
		}
	}
	target, err := tree.OpenIn(root, m.path, unix.O_PATH)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer target.Close()
	if err := unix.Mount(fdPath(source), fdPath(target), "", unix.MS_BIND|unix.MS_REC, ""); err != nil || !m.readOnly {
		return err
	}
	mounted, err := tree.OpenIn(root, m.path, unix.O_PATH)
	if err != nil {
		return err
	}
	defer mounted.Close()
	return unix.Mount("", fdPath(mounted), "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
}
