package engine

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"berth/engine/oci"
	"berth/engine/spec"
	"berth/engine/state"
)

// mounts are a container's volumes and the files every container gets:
// /etc/hosts, /etc/resolv.conf, /etc/hostname, the one for its last words and
// /dev/shm. in knows the container, its root file system and facts.
func (e *Engine) mounts(ctx context.Context, sb state.Sandbox, in *oci.Input) error {
	pod, c := in.Pod, in.Container
	var mounts []oci.Mount
	unlock := e.serial.lock(pod.ID) // containers of a pod share what is made here
	defer unlock()

	for i := range c.Mounts {
		m := &c.Mounts[i]
		v, ok := pod.Volume(m.Volume)
		if !ok {
			return fmt.Errorf("mount %s: volume %q: %w", m.Path, m.Volume, spec.ErrNotFound)
		}
		if v.Tmpfs != nil {
			mount, err := tmpfs(*in, v.Tmpfs, m)
			if err != nil {
				return err
			}
			mounts = append(mounts, mount)
			continue
		}
		source, err := e.source(ctx, *in, v, i)
		if err != nil {
			return err
		}
		options, err := runtimeOptions(*in, v, m)
		if err != nil {
			return err
		}
		mounts = append(mounts, oci.Mount{
			Source: source, Path: m.Path, Propagation: m.Propagation, Options: options,
			ReadOnly:  m.ReadOnly || readOnly(v),
			Recursive: m.RecursiveRO,
		})
	}
	own, err := e.ownMounts(sb, *in)
	if err != nil {
		return err
	}
	for _, f := range own { // a volume of the user's goes before
		if !slices.ContainsFunc(mounts, func(m oci.Mount) bool { return filepath.Clean(m.Path) == f.Path }) {
			mounts = append(mounts, f)
		}
	}
	message, ok, err := e.messageMount(pod, c)
	if err != nil {
		return err
	}
	if ok {
		mounts = append(mounts, message)
	}
	in.Mounts = mounts
	in.ShmPath, in.ShmSize, err = e.shm(pod, c)
	return err
}

// runtimeOptions are what the runtime is told of a mount.
func runtimeOptions(in oci.Input, v *spec.Volume, m *spec.Mount) ([]string, error) {
	options, err := idMapped(in, m)
	if err != nil {
		return nil, err
	}
	for _, o := range bindOptions(in.Container, v, m) {
		if o == "no-dereference" {
			if filepath.Base(in.Host.Runtime) != "crun" {
				return nil, fmt.Errorf("%w: mount %s: only crun mounts a symbolic link itself: choose it with --runtime, or drop no-dereference", spec.ErrConfig, m.Path)
			}
			o = oci.CopySymlink
		}
		options = append(options, o)
	}
	return options, nil
}

// bindOptions are a mount's: on a volume that was made for containers by hand there
// are neither devices nor setuid programs, unless asked for (podman-run(1)).
func bindOptions(c *spec.Container, v *spec.Volume, m *spec.Mount) []string {
	options := slices.Clone(m.Options)
	if c.ByHand == nil || v.Named == nil {
		return options
	}
	for _, word := range []string{"suid", "dev"} {
		if !slices.Contains(options, word) && !slices.Contains(options, "no"+word) {
			options = append(options, "no"+word)
		}
	}
	return options
}

// readOnly reports whether nothing can be written to a volume however it is mounted.
func readOnly(v *spec.Volume) bool {
	return v.Named != nil && v.Named.ReadOnly || v.Files != nil || v.Image != nil && !v.Image.Writable
}

// ownMounts are the files in /etc that a container gets.
func (e *Engine) ownMounts(sb state.Sandbox, in oci.Input) ([]oci.Mount, error) {
	files, err := e.etcFiles(in, sb)
	if err != nil {
		return nil, err
	}
	zone, err := timezone(in.Container)
	return append(files, zone...), err
}

func (e *Engine) shmPath(id spec.PodID) string { return filepath.Join(e.records.PodRun(id), "shm") }

// keyedMutex makes work on one pod inside this process happen one at a time.
type keyedMutex struct {
	mu    sync.Mutex
	locks map[spec.PodID]*entry
}

type entry struct {
	sync.Mutex
	users int
}

func (k *keyedMutex) lock(id spec.PodID) (unlock func()) {
	k.mu.Lock()
	if k.locks == nil {
		k.locks = map[spec.PodID]*entry{}
	}
	l := k.locks[id]
	if l == nil {
		l = &entry{}
		k.locks[id] = l
	}
	l.users++
	k.mu.Unlock()
	l.Lock()
	return func() {
		l.Unlock()
		k.mu.Lock()
		defer k.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(k.locks, id)
		}
	}
}
