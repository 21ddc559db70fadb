package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"berth/engine/spec"
	"berth/internal/atomicfile"
	"berth/internal/filename"
)

// SaveWait records why a pod could not be made yet. Like restart counts it is not
// synced.
func (s *Store) SaveWait(w spec.Wait) error {
	if err := os.MkdirAll(s.Waits(), 0o700); err != nil {
		return err
	}
	return save(atomicfile.WriteVolatileJSON, s.wait(w.Key), w)
}

// ReadWait reads why a pod could not be made yet; ok is false where that is not
// known. A torn file counts as none.
func (s *Store) ReadWait(key spec.PodKey) (w spec.Wait, ok bool, err error) {
	w, err = load[spec.Wait](s.wait(key))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrTorn) || err == nil && w.Key != key {
		return spec.Wait{}, false, nil
	}
	return w, err == nil, err
}

// RemoveWait forgets why a pod could not be made.
func (s *Store) RemoveWait(key spec.PodKey) error { return atomicfile.Remove(s.wait(key)) }

// ListWaits reads all of them.
func (s *Store) ListWaits() ([]spec.Wait, error) { return loadAll[spec.Wait](s.Waits()) }

// loadAll reads all values of a folder that need not be there. A torn file counts
// as none.
func loadAll[T any](dir string) ([]T, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var list []T
	var errs []error
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		v, err := load[T](filepath.Join(dir, e.Name()))
		switch {
		case err == nil:
			list = append(list, v)
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrTorn):
			errs = append(errs, err)
		}
	}
	return list, errors.Join(errs...)
}

func (d Dirs) wait(key spec.PodKey) string {
	return filepath.Join(d.Waits(), filename.Fit(key.Namespace, key.Name, ".json"))
}
