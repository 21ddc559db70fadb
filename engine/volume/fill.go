package volume

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"berth/internal/atomicfile"
	"berth/internal/tree"
)

// Beside a volume's data: that it is being filled, and that it was.
const (
	filling = "filling"
	filled  = "filled"
)

// Fill has fill put into a volume's data folder what the first container that
// mounts it has there. That is done once in a volume's life, and not where it
// holds something already; one whose filling was cut short is emptied first. What is
// kept on a device or an image has what is on that.
func (s *Store) Fill(ctx context.Context, name string, fill func(dir string) error) error {
	dir := filepath.Join(s.dir, name)
	if there(dir, filled) {
		return nil
	}
	v, err := s.Inspect(ctx, name)
	if err != nil || v.Mounts() {
		return err
	}
	unlock, err := lockFolder(ctx, dir, unix.LOCK_EX)
	if err != nil {
		return fmt.Errorf("fill volume %q: %w", name, err)
	}
	defer unlock()
	if there(dir, filled) {
		return nil
	}
	if err := clearHalf(dir, v.Mountpoint); err != nil {
		return fmt.Errorf("fill volume %q: %w", name, err)
	}
	empty, err := isEmpty(v.Mountpoint)
	if err != nil {
		return fmt.Errorf("fill volume %q: %w", name, err)
	}
	if empty {
		if err := atomicfile.Write(filepath.Join(dir, filling), nil, 0o600); err != nil {
			return err
		}
		if err := fill(v.Mountpoint); err != nil {
			return fmt.Errorf("fill volume %q: %w", name, err)
		}
	}
	// On the disk, before containers write: or after a power cut this, too, would
	// be a filling that was cut short.
	if err := atomicfile.Write(filepath.Join(dir, filled), nil, 0o600); err != nil {
		return err
	}
	return atomicfile.Remove(filepath.Join(dir, filling))
}

// settle empties a volume whose filling was cut short before somebody else uses
// it: what is on it from then on is his, and no later filling may take it away.
func (s *Store) settle(ctx context.Context, v Volume) error {
	dir := filepath.Join(s.dir, v.Name)
	if !there(dir, filling) {
		return nil
	}
	unlock, err := lockFolder(ctx, dir, unix.LOCK_EX) // or it is being filled just now
	if err == nil {
		defer unlock()
		err = clearHalf(dir, v.Mountpoint)
	}
	if err != nil {
		return fmt.Errorf("empty volume %q, whose filling was cut short: %w", v.Name, err)
	}
	return nil
}

// clearHalf removes what a filling left that was cut short, if one was. The
// volume's folder is locked.
func clearHalf(dir, data string) error {
	if there(dir, filling) && !there(dir, filled) {
		left, err := os.ReadDir(data)
		if err != nil {
			return err
		}
		for _, e := range left {
			if err := tree.Remove(filepath.Join(data, e.Name())); err != nil {
				return err
			}
		}
	}
	return atomicfile.Remove(filepath.Join(dir, filling))
}

// there reports whether a mark is beside a volume's data.
func there(dir, mark string) bool {
	_, err := os.Lstat(filepath.Join(dir, mark))
	return err == nil
}

func isEmpty(dir string) (bool, error) {
	f, err := os.Open(dir)
	if err != nil {
		return false, err
	}
	defer f.Close()
	_, err = f.Readdirnames(1)
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	return false, err
}
