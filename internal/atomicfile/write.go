package atomicfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Write replaces the file at path: a temporary file beside it is written,
// synced and renamed over it, and its folder synced. The folder must exist.
func Write(path string, data []byte, perm os.FileMode) error {
	return write(path, data, perm, true, os.Rename)
}

// WriteVolatile is Write without the syncs: for tmpfs, and for what may be
// lost with the power but must never be seen half written.
func WriteVolatile(path string, data []byte, perm os.FileMode) error {
	return write(path, data, perm, false, os.Rename)
}

// CreateVolatile is WriteVolatile where nothing is yet: a file that is there stays, and
// of several who make one at the same time all find the first.
func CreateVolatile(path string, data []byte, perm os.FileMode) error {
	return write(path, data, perm, false, func(half, path string) error {
		err := os.Link(half, path)
		if errors.Is(err, fs.ErrExist) {
			err = nil
		}
		return errors.Join(err, os.Remove(half))
	})
}

// WriteJSON replaces the file at path by v as JSON.
func WriteJSON(path string, v any, perm os.FileMode) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return Write(path, append(data, '\n'), perm)
}

// WriteVolatileJSON is WriteJSON without the syncs.
func WriteVolatileJSON(path string, v any, perm os.FileMode) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return WriteVolatile(path, append(data, '\n'), perm)
}

// Remove deletes the file at path; one that is gone already is no error.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func write(path string, data []byte, perm os.FileMode, sync bool, place func(half, path string) error) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".tmp-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err := f.Chmod(perm); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if sync {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := place(f.Name(), path); err != nil {
		return err
	}
	if sync {
		return SyncDir(dir)
	}
	return nil
}

// SyncDir has what was made, renamed or removed in a folder survive a power cut.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
