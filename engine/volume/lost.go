package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/atomicfile"
	"berth/internal/tree"
)

// Lost lists the folders of volumes whose record is gone. A volume comes and goes
// with its record, so a person or a failing disk took it.
func (s *Store) Lost() ([]string, error) {
	names, err := s.folders()
	var lost []string
	for _, name := range names {
		if strings.HasPrefix(name, ".") {
			continue // cut short
		}
		if _, err := os.Lstat(s.record(name)); errors.Is(err, fs.ErrNotExist) {
			lost = append(lost, name)
		}
	}
	return lost, err
}

// folders lists what is a volume, was one or was to be one. Other folders, such
// as lost+found where the volumes have a disk of their own, are not ours.
func (s *Store) folders() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && (nameForm().MatchString(e.Name()) || strings.HasPrefix(e.Name(), ".")) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func (s *Store) record(name string) string { return filepath.Join(s.dir, name, "volume.json") }

// Recover mends a volume whose record is gone: one that is not used and has no
// data is removed, any other recorded again. That has no labels or options, but
// what was written is not lost. Mended already is success.
func (s *Store) Recover(ctx context.Context, name string, used bool) error {
	unlock, err := lockFolder(ctx, s.dir, unix.LOCK_EX)
	if err != nil {
		return fmt.Errorf("recover volume %q: %w", name, err)
	}
	defer unlock()
	if _, err := os.Lstat(s.record(name)); err == nil {
		return nil
	}
	dir := filepath.Join(s.dir, name)
	data := filepath.Join(dir, "_data")
	if !used {
		// Empty folders go; nothing else does, so whether this fails is no matter.
		_ = unix.Rmdir(data)
		if err := unix.Rmdir(dir); err == nil || errors.Is(err, unix.ENOENT) {
			return nil
		}
	}
	if err := os.MkdirAll(data, 0o755); err != nil {
		return fmt.Errorf("recover volume %q: %w", name, err)
	}
	v := Volume{Name: name, Driver: "local", Scope: "local", CreatedAt: time.Now(), Mountpoint: data}
	if err := atomicfile.WriteJSON(s.record(name), stored{1, v}, 0o600); err != nil {
		return fmt.Errorf("recover volume %q: %w", name, err)
	}
	return nil
}

// Clear removes all volumes with their data, recorded or not.
func (s *Store) Clear(ctx context.Context) error {
	names, err := s.folders()
	if err != nil || len(names) == 0 {
		return err
	}
	unlock, err := lockFolder(ctx, s.dir, unix.LOCK_EX)
	if err != nil {
		return fmt.Errorf("remove all volumes: %w", err)
	}
	defer unlock()
	var errs []error
	for _, name := range names {
		dir := filepath.Join(s.dir, name)
		err := Unmount(filepath.Join(dir, "_data"))
		if err == nil {
			err = tree.Remove(dir)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("remove volume %q: %w", name, err))
		}
	}
	return errors.Join(errs...)
}
