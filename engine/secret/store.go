package secret

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/internal/atomicfile"
	"berth/internal/tree"
)

// Bounds are podman's (podman-secret-create(1)).
const (
	MostData = 512000 - 1 // bytes of data
	mostName = 253        // bytes of a name
	idLength = 25         // hexadecimal digits
)

// Secret is what is known of a secret besides its data.
type Secret struct {
	ID            string            `json:"id"`
	Name          string            `json:"name"`
	DriverOptions map[string]string `json:"driverOptions,omitempty"` // said when it was made; nothing depends on them
	Labels        map[string]string `json:"labels,omitempty"`
	CreatedAt     time.Time         `json:"createdAt"`
	UpdatedAt     time.Time         `json:"updatedAt"` // when its data was last given
}

// Store keeps secrets, one file each.
type Store struct {
	dir  string
	note func(spec.Act)
}

// NewStore keeps secrets below dir; note is told what was done, nil: nobody is.
func NewStore(dir string, note func(spec.Act)) *Store { return &Store{dir, note} }

func (s *Store) tell(status string, of Secret) {
	if s.note != nil {
		s.note(spec.Act{Type: spec.ActSecret, Status: status, ID: of.ID, Name: of.Name})
	}
}

type stored struct {
	Version int    `json:"version"`
	Secret  Secret `json:"secret"`
	Data    []byte `json:"data"`
}

// Create keeps data under the name in s. One of that name is spec.ErrExists; with
// replace it gets this data, these labels and options, and stays the one it was
// (its ID and when it was made).
func (s *Store) Create(of Secret, data []byte, replace bool) (Secret, error) {
	if err := check(of.Name, data); err != nil {
		return Secret{}, err
	}
	of.ID = idOf(of.Name)
	of.CreatedAt = time.Now()
	of.UpdatedAt = of.CreatedAt
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return Secret{}, err
	}
	unlock, err := s.lock()
	if err != nil {
		return Secret{}, err
	}
	defer unlock()
	switch old, err := s.read(of.ID); {
	case err == nil && !replace:
		return Secret{}, fmt.Errorf("secret %q: %w", of.Name, spec.ErrExists)
	case err == nil:
		of.CreatedAt = old.Secret.CreatedAt
	case !errors.Is(err, spec.ErrNotFound):
		return Secret{}, err
	}
	if err := atomicfile.WriteJSON(s.path(of.ID), stored{1, of, data}, 0o600); err != nil {
		return Secret{}, fmt.Errorf("keep secret %q: %w", of.Name, err)
	}
	s.tell("create", of)
	return of, nil
}

// lock makes the caller the only one who writes secrets, and removes what writers
// left who were killed: it holds data.
func (s *Store) lock() (unlock func(), err error) {
	f, err := os.Open(s.dir)
	if err != nil {
		return nil, err
	}
	for {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err == nil {
		err = s.sweep()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// sweep removes half-written files. The folder is locked.
func (s *Store) sweep() error {
	entries, err := os.ReadDir(s.dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			err = errors.Join(err, tree.Remove(filepath.Join(s.dir, e.Name())))
		}
	}
	return err
}

func check(name string, data []byte) error {
	if name == "" || len(name) > mostName || strings.ContainsAny(name, ",/=\x00") {
		return fmt.Errorf("secret name %q: want 1 to %d bytes without ',', '/', '=' and NUL", name, mostName)
	}
	if len(data) == 0 || len(data) > MostData {
		return fmt.Errorf("secret %q has %d bytes: want 1 to %d", name, len(data), MostData)
	}
	return nil
}

// idOf is the ID of the secret of a name.
func idOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])[:idLength]
}

func (s *Store) path(id string) string { return filepath.Join(s.dir, id+".json") }

func (s *Store) read(id string) (stored, error) {
	var v stored
	err := atomicfile.ReadJSON(s.path(id), &v)
	if errors.Is(err, fs.ErrNotExist) {
		err = spec.ErrNotFound
	}
	return v, err
}

// Read finds a secret by name, ID or a unique beginning of its ID, with its data.
func (s *Store) Read(name string) (Secret, []byte, error) {
	id, err := s.find(name)
	if err != nil {
		return Secret{}, nil, fmt.Errorf("secret %q: %w", name, err)
	}
	v, err := s.read(id)
	if err != nil {
		return Secret{}, nil, fmt.Errorf("secret %q: %w", name, err)
	}
	return v.Secret, v.Data, nil
}

// Find is Read without the data.
func (s *Store) Find(name string) (Secret, error) {
	found, _, err := s.Read(name)
	return found, err
}

// find is the ID of the secret that a name or a beginning of an ID means.
func (s *Store) find(name string) (string, error) {
	ids, err := s.ids()
	if err != nil {
		return "", err
	}
	if id := idOf(name); slices.Contains(ids, id) {
		return id, nil
	}
	var found []string
	for _, id := range ids {
		if name != "" && strings.HasPrefix(id, name) {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 0:
		return "", spec.ErrNotFound
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("could be any of %s: say more of the ID, or the name", strings.Join(found, ", "))
}

func (s *Store) ids() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), ".json"); ok && len(id) == idLength {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// List returns all secrets by name.
func (s *Store) List() ([]Secret, error) {
	ids, err := s.ids()
	if err != nil {
		return nil, err
	}
	var list []Secret
	for _, id := range ids {
		v, err := s.read(id)
		if errors.Is(err, spec.ErrNotFound) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		list = append(list, v.Secret)
	}
	slices.SortFunc(list, func(a, b Secret) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Remove deletes a secret, found as by Read, and returns its ID. What was given
// to containers stays with them.
func (s *Store) Remove(name string) (string, error) {
	id, err := s.find(name)
	if err != nil {
		return "", fmt.Errorf("secret %q: %w", name, err)
	}
	unlock, err := s.lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	removed := Secret{ID: id, Name: name} // should its file be broken
	if v, err := s.read(id); err == nil {
		removed = v.Secret
	}
	err = os.Remove(s.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		err = spec.ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("secret %q: %w", name, err)
	}
	s.tell("remove", removed)
	return id, atomicfile.SyncDir(s.dir)
}

// Clear removes all secrets.
func (s *Store) Clear() error { return os.RemoveAll(s.dir) }
