package state

import (
	"errors"
	"io/fs"
	"path/filepath"

	"berth/engine/spec"
	"berth/internal/atomicfile"
)

// SaveRemoval records that a pod is to be forgotten; nil takes that back. It goes
// with the boot, as all that runs does: who wants the pod gone says so elsewhere,
// too, or says it again.
func (s *Store) SaveRemoval(id spec.PodID, r *spec.Removal) error {
	if r == nil {
		return atomicfile.Remove(s.removalFile(id))
	}
	err := save(atomicfile.WriteVolatileJSON, s.removalFile(id), r)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing of it is up that could take long to end
	}
	return err
}

// ReadRemoval reads whether a pod is to be forgotten; nil: it is not.
func (s *Store) ReadRemoval(id spec.PodID) (*spec.Removal, error) {
	r, err := load[spec.Removal](s.removalFile(id))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrTorn) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &r, nil
}

func (s *Store) removalFile(id spec.PodID) string {
	return filepath.Join(s.PodRun(id), "removal.json")
}
