package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"berth/engine/spec"
)

// index remembers which pod is whose, so that finding one does not mean reading
// every record. What lies on disk decides: a record that was replaced, by whomever,
// is read again.
type index struct {
	mu   sync.Mutex
	pods map[string]indexed // by UID
}

type indexed struct {
	id   spec.PodID
	key  spec.PodKey
	file os.FileInfo // of the record it was read from
}

// of reports whether it was read from this file.
func (i indexed) of(file os.FileInfo) bool {
	return i.file != nil && os.SameFile(i.file, file) && i.file.ModTime().Equal(file.ModTime())
}

// Find returns the pod of that key; ok is false if there is none. A pod whose
// record is ErrTorn has no key any more, and is in nobody's way.
func (s *Store) Find(key spec.PodKey) (id spec.PodID, ok bool, err error) {
	uids, err := s.uids()
	if err != nil {
		return "", false, err
	}
	for _, uid := range uids {
		pod, err := s.indexed(uid)
		if errors.Is(err, spec.ErrNotFound) || errors.Is(err, ErrTorn) {
			continue
		}
		if err != nil {
			return "", false, err
		}
		if pod.key == key {
			return pod.id, true, nil
		}
	}
	return "", false, nil
}

// ByUID returns the pod of that UID; spec.ErrNotFound if there is none.
func (s *Store) ByUID(uid string) (spec.PodID, error) {
	pod, err := s.indexed(uid)
	return pod.id, err
}

func (s *Store) indexed(uid string) (indexed, error) {
	s.index.mu.Lock()
	known := s.index.pods[uid]
	s.index.mu.Unlock()
	// Before it is read: should it be replaced meanwhile, it is read once more.
	file, err := os.Lstat(filepath.Join(s.Pods(), uid, "pod.json"))
	switch {
	case err == nil && known.of(file):
		return known, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return known, err
	}
	pod, err := s.readPod(uid)
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	if err != nil {
		delete(s.index.pods, uid)
		return indexed{}, err
	}
	if s.index.pods == nil {
		s.index.pods = map[string]indexed{}
	}
	s.index.pods[uid] = indexed{pod.ID, pod.Key(), file}
	return s.index.pods[uid], nil
}
