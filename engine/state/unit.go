package state

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"berth/engine/spec"
	"berth/internal/atomicfile"
	"berth/internal/filename"
)

// SaveUnit records how a Quadlet unit does, until the next boot.
func (s *Store) SaveUnit(u spec.UnitState) error {
	if strings.Contains(u.Name, "/") {
		return fmt.Errorf("%q is no unit's name", u.Name)
	}
	if err := os.MkdirAll(s.Units(), 0o700); err != nil {
		return err
	}
	return save(atomicfile.WriteVolatileJSON, s.unit(u.Name), u)
}

// ListUnits reads what is recorded of all units.
func (s *Store) ListUnits() ([]spec.UnitState, error) { return loadAll[spec.UnitState](s.Units()) }

// RemoveUnit forgets a unit; one that is not known is success.
func (s *Store) RemoveUnit(name string) error { return atomicfile.Remove(s.unit(name)) }

func (d Dirs) unit(name string) string {
	return filepath.Join(d.Units(), filename.Fit("unit", name, ".json"))
}
