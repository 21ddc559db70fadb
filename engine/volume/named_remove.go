package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/internal/tree"
)

// Remove deletes a volume and its data. Whether a pod uses it is the caller's
// to ask (Take).
func (s *Store) Remove(ctx context.Context, name string) error {
	discard, err := s.Take(ctx, name, func() error { return nil })
	if err != nil {
		return err
	}
	return discard()
}

// Take takes a volume away unless allowed fails, which is called while no pod
// can obtain a volume: who was recorded as its user before has it, who comes
// after gets a new one. The root file system of the driver image is left to the
// caller. discard deletes the data; pods may have it mounted until
// then.
func (s *Store) Take(ctx context.Context, name string, allowed func() error) (discard func() error, err error) {
	v, err := s.Inspect(ctx, name)
	if err != nil {
		return nil, err
	}
	unlock, err := lockFolder(ctx, s.dir, unix.LOCK_EX)
	if err != nil {
		return nil, fmt.Errorf("remove volume %q: %w", name, err)
	}
	defer unlock()
	if err := allowed(); err != nil {
		return nil, err
	}
	if err := s.Unmount(ctx, v); err != nil {
		return nil, err
	}
	if inside, err := mountinfo.GetMounts(mountinfo.PrefixFilter(v.Mountpoint)); err != nil || len(inside) > 0 {
		if err == nil {
			err = fmt.Errorf("%s: %w", inside[0].Mountpoint, tree.ErrMounted)
		}
		return nil, fmt.Errorf("remove volume %q: %w", name, err)
	}
	// Renamed first: a removal that is cut short leaves no volume with half its
	// data. Under a new name, as an earlier one may have been cut short as well.
	gone, err := os.MkdirTemp(s.dir, ".gone-*")
	if err != nil {
		return nil, fmt.Errorf("remove volume %q: %w", name, err)
	}
	err = os.Rename(filepath.Join(s.dir, name), filepath.Join(gone, name))
	if errors.Is(err, fs.ErrNotExist) { // somebody else was faster
		err = spec.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("remove volume %q: %w", name, errors.Join(err, tree.Remove(gone)))
	}
	s.tell("remove", v)
	return func() error {
		if err := tree.Remove(gone); err != nil {
			return fmt.Errorf("remove volume %q: %w", name, err)
		}
		return nil
	}, nil
}

// Release unmounts a volume unless allowed fails, which is called while no pod can
// obtain a volume.
func (s *Store) Release(ctx context.Context, v Volume, allowed func() error) error {
	unlock, err := lockFolder(ctx, s.dir, unix.LOCK_EX)
	if err != nil {
		return fmt.Errorf("unmount volume %q: %w", v.Name, err)
	}
	defer unlock()
	if err := allowed(); err != nil {
		return err
	}
	return s.Unmount(ctx, v)
}
