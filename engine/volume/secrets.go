package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"berth/internal/atomicfile"
)

// secretsFile lies beside the folders of files volumes; no volume has its name.
const secretsFile = "..secrets.json"

// EnsureSecrets keeps the values of a pod's Late secrets as long as its sandbox.
// With none given those kept before must still be there.
func (s Set) EnsureSecrets(values map[string]string) error {
	if values == nil {
		_, err := s.Secrets()
		return err
	}
	root, err := s.filesRoot()
	if err != nil {
		return fmt.Errorf("keep the secrets of the environment: %w", err)
	}
	return atomicfile.WriteVolatileJSON(filepath.Join(root, secretsFile), values, 0o600)
}

// Secrets are the values that are kept.
func (s Set) Secrets() (map[string]string, error) {
	var values map[string]string
	err := atomicfile.ReadJSON(filepath.Join(s.Run, "files", secretsFile), &values)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the secrets of the environment %w", errGone)
	}
	return values, err
}
