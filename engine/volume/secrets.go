package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

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

// handSecrets is the folder of files that SecretFile writes; no volume has its name.
const handSecrets = "..secrets"

// SecretFile writes a stored secret where a container is to find it, never on a
// disk, and returns where.
//
// container and index tell the files of one pod apart.
func (s Set) SecretFile(container string, index int, data []byte, uid, gid int, mode fs.FileMode) (string, error) {
	root, err := s.filesRoot()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, handSecrets, container)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	path := filepath.Join(dir, strconv.Itoa(index))
	if err := atomicfile.WriteVolatile(path, data, 0o600); err != nil {
		return "", err
	}
	if err := os.Chown(path, uid, gid); err != nil {
		return "", err
	}
	return path, os.Chmod(path, mode) // past the umask
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
