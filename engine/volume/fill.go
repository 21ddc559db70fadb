package volume

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
// holds something already; one whose filling was cut short is emptied first.
func (s *Store) Fill(ctx context.Context, name string, fill func(dir string) error) error {
	dir := filepath.Join(s.dir, name)
	if _, err := os.Lstat(filepath.Join(dir, filled)); err == nil {
		return nil
	}
	v, err := s.Inspect(ctx, name)
	if err != nil {
		return err
	}
	unlock, err := lockFolder(ctx, dir, unix.LOCK_EX)
	if err != nil {
		return fmt.Errorf("fill volume %q: %w", name, err)
	}
	defer unlock()
	if _, err := os.Lstat(filepath.Join(dir, filled)); err == nil {
		return nil
	}
	begun := true
	if _, err := os.Lstat(filepath.Join(dir, filling)); errors.Is(err, fs.ErrNotExist) {
		begun = false
	}
	empty, err := isEmpty(v.Mountpoint)
	if err != nil {
		return fmt.Errorf("fill volume %q: %w", name, err)
	}
	if empty || begun {
		if err := fillAnew(dir, v.Mountpoint, fill); err != nil {
			return fmt.Errorf("fill volume %q: %w", name, err)
		}
	}
	if err := atomicfile.WriteVolatile(filepath.Join(dir, filled), nil, 0o600); err != nil {
		return err
	}
	return atomicfile.Remove(filepath.Join(dir, filling))
}

func fillAnew(dir, data string, fill func(dir string) error) error {
	if err := atomicfile.WriteVolatile(filepath.Join(dir, filling), nil, 0o600); err != nil {
		return err
	}
	left, err := os.ReadDir(data)
	if err != nil {
		return err
	}
	for _, e := range left {
		if err := tree.Remove(filepath.Join(data, e.Name())); err != nil {
			return err
		}
	}
	return fill(data)
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
