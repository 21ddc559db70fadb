package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/engine/state"
	"berth/internal/atomicfile"
	"berth/internal/tree"
)

// Room says what the host has left. It reads one file and asks two file systems.
func (e *Engine) Room(context.Context) (spec.Room, error) {
	var room spec.Room
	meminfo, err := atomicfile.ReadFile("/proc/meminfo")
	if err != nil {
		return room, err
	}
	room.Memory = readMemory(string(meminfo))
	if room.Node, err = fileSystem(e.records.State); err != nil {
		return room, err
	}
	root, _, err := e.images.Roots()
	if err != nil {
		return room, err
	}
	room.Images, err = fileSystem(root)
	return room, err
}

// readMemory reads proc_meminfo(5). As with the kubelet, what is not in use is
// what is free and the cache the kernel can take back at once; where the kernel
// itself finds more, as of its own caches, there is more.
func readMemory(meminfo string) spec.Amount {
	bytes := func(name string) int64 {
		_, after, ok := strings.Cut("\n"+meminfo, "\n"+name+":")
		fields := strings.Fields(after)
		if !ok || len(fields) == 0 {
			return 0
		}
		n, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			return 0
		}
		return n << 10
	}
	return spec.Amount{
		Capacity:  bytes("MemTotal"),
		Available: max(bytes("MemFree")+bytes("Inactive(file)"), bytes("MemAvailable")),
	}
}

// fileSystem asks the file system a folder lies on, or will once it is made.
func fileSystem(dir string) (spec.FileSystem, error) {
	var have unix.Statfs_t
	var on unix.Stat_t
	for {
		err := errors.Join(unix.Statfs(dir, &have), unix.Stat(dir, &on))
		if err == nil {
			break
		}
		if parent := filepath.Dir(dir); errors.Is(err, fs.ErrNotExist) && parent != dir {
			dir = parent
			continue
		}
		return spec.FileSystem{}, fmt.Errorf("ask the file system of %s: %w", dir, err)
	}
	return spec.FileSystem{
		Device: on.Dev,
		Space:  spec.Amount{Capacity: int64(have.Blocks) * have.Bsize, Available: int64(have.Bavail) * have.Bsize},
		Inodes: spec.Amount{Capacity: int64(have.Files), Available: int64(have.Ffree)},
	}, nil
}

// PodUsage measures what a pod takes. With disk it walks through its writable
// layers, logs and volumes of its own until ctx ends; what was measured by then
// is returned with the error.
func (e *Engine) PodUsage(ctx context.Context, id spec.PodID, disk bool) (spec.PodUsage, error) {
	used := spec.PodUsage{Containers: map[string]spec.Usage{}}
	sb, _, err := e.records.ReadSandbox(id)
	if err != nil {
		return used, err
	}
	run, err := e.runtimeFor(sb)
	if err != nil {
		return used, err
	}
	containers, err := e.records.Containers(id)
	if err != nil {
		return used, err
	}
	var errs []error
	for name, c := range containers {
		one, err := spec.Usage{}, error(nil)
		if disk {
			one, err = e.diskUsed(ctx, id, name, c.Rootfs())
		} else {
			one.Memory, err = run.MemoryUsed(e.target(run, id, c).CgroupFolder())
		}
		errs = append(errs, err)
		used.Containers[name] = one
		used.Disk, used.Inodes = used.Disk+one.Disk, used.Inodes+one.Inodes
	}
	if !disk {
		if folder := run.PodCgroup(id, sb.Cgroup); folder != "" {
			used.Memory, err = run.MemoryUsed(folder)
			return used, errors.Join(append(errs, err)...)
		}
		for _, one := range used.Containers {
			used.Memory += one.Memory
		}
		return used, errors.Join(append(errs, err)...)
	}
	for _, dir := range []string{"empty", "image-volumes"} {
		err := folderUsed(ctx, filepath.Join(e.records.Pod(id), dir), &used.Usage)
		errs = append(errs, err)
	}
	return used, errors.Join(errs...)
}

// diskUsed is a container's layer and logs.
func (e *Engine) diskUsed(ctx context.Context, id spec.PodID, name string, c spec.ContainerID) (spec.Usage, error) {
	var used spec.Usage
	size, inodes, err := e.images.RootfsUsage(ctx, c)
	if errors.Is(err, spec.ErrNotFound) {
		err = nil
	}
	used.Disk, used.Inodes = size, inodes
	return used, errors.Join(err, folderUsed(ctx, filepath.Dir(e.records.Log(id, name, 0)), &used))
}

// folderUsed adds what lies in a folder to used, in blocks: a file with holes
// takes less than it is long.
func folderUsed(ctx context.Context, dir string, used *spec.Usage) error {
	return filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		used.Inodes++
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			used.Disk += st.Blocks * 512
		}
		return nil
	})
}

// clearPatience is how long a pod is waited for that somebody is changing.
const clearPatience = time.Second

// ClearDead removes what ended containers leave that can be of no use any more:
// their layer and the volumes their image declares, and the volumes of pods that
// are over by a verdict. Logs stay, and how the containers ended. It says whether
// there was anything. Pods that somebody is changing just now are left to the
// next call.
func (e *Engine) ClearDead(ctx context.Context) (found bool, err error) {
	layers, err := e.images.Rootfses(ctx)
	if err != nil {
		return false, err
	}
	layered := make(map[spec.ContainerID]bool, len(layers))
	for id := range layers {
		layered[id] = true
	}
	pods, _, err := e.records.ListPods()
	errs := []error{err}
	for i := range pods {
		if ctx.Err() != nil {
			return found, ctx.Err()
		}
		some, err := e.clearPod(ctx, &pods[i], layered)
		found = found || some
		if err != nil {
			errs = append(errs, fmt.Errorf("clear away what pod %s left: %w", pods[i].Key(), err))
		}
	}
	return found, errors.Join(errs...)
}

// clearPod takes the pod's lock only if there is anything to clear.
func (e *Engine) clearPod(ctx context.Context, pod *spec.Pod, layered map[spec.ContainerID]bool) (found bool, err error) {
	dead, over, err := e.dead(ctx, pod, layered)
	if err != nil || len(dead) == 0 && !over {
		return false, err
	}
	waiting, cancel := context.WithTimeout(ctx, clearPatience)
	defer cancel()
	unlock, err := e.Lock(waiting, pod.Key())
	if errors.Is(err, context.DeadlineExceeded) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer unlock()
	if dead, over, err = e.dead(ctx, pod, layered); errors.Is(err, spec.ErrNotFound) {
		return false, nil
	}
	errs := []error{err}
	for i := range dead {
		errs = append(errs, e.clearLayer(ctx, pod, &dead[i]))
	}
	if over {
		errs = append(errs, tree.Remove(filepath.Join(e.records.Pod(pod.ID), "empty")))
	}
	return len(dead) > 0 || over, errors.Join(errs...)
}

// dead are a pod's containers that have ended and still have a layer; over says
// that its volumes can go, too.
func (e *Engine) dead(ctx context.Context, pod *spec.Pod, layered map[spec.ContainerID]bool) (dead []state.Container, over bool, err error) {
	st, err := e.ObservePod(ctx, pod.ID)
	if err != nil {
		return nil, false, err
	}
	for i := range st.Containers {
		c := &st.Containers[i]
		if !layered[c.Rootfs()] || !c.Finished() {
			continue
		}
		record, err := e.records.ReadContainer(pod.ID, c.Name)
		if err != nil {
			return nil, false, err
		}
		if c.State == spec.StateExited || record.Ended != nil { // else it may run, without its conmon
			dead = append(dead, record)
		}
	}
	_, err = os.Lstat(filepath.Join(e.records.Pod(pod.ID), "empty"))
	return dead, st.Verdict != nil && st.Sandbox == spec.SandboxNone && err == nil, nil
}

// clearLayer records how a container ended and removes all of it but its log.
func (e *Engine) clearLayer(ctx context.Context, pod *spec.Pod, c *state.Container) error {
	return errors.Join(
		e.endContainer(ctx, pod, c, 0),
		e.deleteContainer(ctx, pod, *c),
		e.images.RemoveRootfs(ctx, c.Rootfs()),
		tree.Remove(e.imageVolumes(pod.ID, c.ID)))
}

// StoredImages lists all images; those that refs, names or IDs, mean are Wanted.
func (e *Engine) StoredImages(ctx context.Context, refs []string) ([]spec.StoredImage, error) {
	return e.images.Stored(ctx, refs)
}

// RemoveImage removes an image whatever its names. One that is gone is success,
// one that is in use spec.ErrInUse.
func (e *Engine) RemoveImage(ctx context.Context, id string) error {
	_, err := e.images.Discard(ctx, id)
	return err
}
