package vm

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// sharing remembers, for one boot, what the guest has of the shared folders.
type sharing struct {
	mu   sync.Mutex // held while files are sent, so that a command sees all of them
	sent map[string]stamp
}

// stamp tells a file's changes.
type stamp struct {
	size, time int64
	mode       fs.FileMode
}

// share copies what has changed in the shared folders into the guest.
func (m *Machine) share() error {
	m.mu.Lock()
	s := m.sent
	m.mu.Unlock()
	if s == nil {
		return errors.New("the virtual machine is off")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var archive bytes.Buffer
	fresh := map[string]stamp{}
	w := tar.NewWriter(&archive)
	for _, dir := range m.options.Share {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return s.add(w, fresh, path, d)
		})
		if err != nil {
			return fmt.Errorf("share %s: %w", dir, err)
		}
	}
	if err := w.Close(); err != nil || len(fresh) == 0 {
		return err
	}
	if err := m.unpack(&archive); err != nil {
		return err
	}
	if s.sent == nil {
		s.sent = map[string]stamp{}
	}
	for path, now := range fresh {
		s.sent[path] = now
	}
	return nil
}

// add puts a file into the archive, unless the guest has it as it is.
func (s *sharing) add(w *tar.Writer, fresh map[string]stamp, path string, d fs.DirEntry) error {
	info, err := d.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	now := stamp{info.Size(), info.ModTime().UnixNano(), info.Mode()}
	if d.IsDir() {
		now = stamp{mode: info.Mode()} // its files speak for themselves
	}
	if s.sent[path] == now || !d.IsDir() && !info.Mode().IsRegular() {
		return nil
	}
	h, err := tar.FileInfoHeader(info, "")
	if err != nil {
		return err
	}
	h.Name = path
	if err := w.WriteHeader(h); err != nil || d.IsDir() {
		fresh[path] = now
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	fresh[path] = now
	_, err = io.Copy(w, f)
	return err
}

func (m *Machine) unpack(archive io.Reader) error {
	command, err := json.Marshal(request{Argv: []string{"tar", "-x", "-P", "-m", "-f", "-"}, Dir: "/", Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}})
	if err != nil {
		return fmt.Errorf("encode a command: %w", err)
	}
	s, err := m.newSession()
	if err != nil {
		return err
	}
	defer s.Close()
	var said bytes.Buffer
	s.Stdin, s.Stderr = archive, &said
	if err := s.Run(string(command)); err != nil {
		return fmt.Errorf("copy files into the virtual machine: %w: %s", err, said.Bytes())
	}
	return nil
}
