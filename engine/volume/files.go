package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"berth/engine/spec"
)

// A files volume looks as the kubelet makes it:
//
//	volume/..2f3a…/nginx.conf     the files of one content
//	volume/..data -> ..2f3a…      swapped by one rename
//	volume/nginx.conf -> ..data/nginx.conf
//
// A reader sees all files of one content, never a mixture.
const dataLink = "..data"

// filesRoot is where contents of Secrets may lie: never on a disk. Where Run is
// no tmpfs, one is mounted.
func (s Set) filesRoot() (string, error) {
	root := filepath.Join(s.Run, "files")
	if err := os.MkdirAll(root, 0o700); err != nil {
		return "", err
	}
	memory, err := onTmpfs(root)
	if err != nil || memory {
		return root, err
	}
	return root, ensureTmpfs(root, "mode=700")
}

// errGone ends a message about contents that are kept in memory only.
var errGone = fmt.Errorf("are kept in memory only and are gone, apply the manifests again: %w", spec.ErrConfig)

func (s Set) files(name string, v *spec.FilesVolume) (string, error) {
	root, err := s.filesRoot()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, name)
	if err := s.ensureDir(dir, 0o755); err != nil {
		return "", err
	}
	if v.Omitted {
		if s.Content(name) == "" {
			return "", fmt.Errorf("its files %w", errGone)
		}
		return dir, nil
	}
	return dir, s.swap(dir, v)
}

// Update gives a files volume another content. One that is not there, because
// its pod is down, gets its content when it is made.
func (s Set) Update(name string, v *spec.FilesVolume) error {
	dir := filepath.Join(s.Run, "files", name)
	switch _, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("volume %q: %w", name, err)
	}
	if err := s.swap(dir, v); err != nil {
		return fmt.Errorf("volume %q: %w", name, err)
	}
	return nil
}

// Content is the digest of what a files volume holds now, "" if nothing.
func (s Set) Content(name string) string {
	target, err := os.Readlink(filepath.Join(s.Run, "files", name, dataLink))
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(target, "..")
}

func (s Set) swap(dir string, v *spec.FilesVolume) error {
	content := ".." + v.Content
	old, err := os.Readlink(filepath.Join(dir, dataLink))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if old == content { // all but, perhaps, the visible names: who swapped may have been killed
		return tidy(dir, content, topsOf(v.Files))
	}
	if err := os.RemoveAll(filepath.Join(dir, content)); err != nil { // left by a swap that was cut short
		return err
	}
	if err := writeFiles(filepath.Join(dir, content), s.filled(v.Files)); err != nil {
		return err
	}
	if s.UID != 0 || s.GID != 0 {
		if err := Own(filepath.Join(dir, content), s.UID, s.GID); err != nil {
			return err
		}
	}
	next := filepath.Join(dir, "..data_next")
	_ = os.Remove(next)
	if err := os.Symlink(content, next); err != nil {
		return err
	}
	if err := os.Rename(next, filepath.Join(dir, dataLink)); err != nil {
		return err
	}
	return tidy(dir, content, topsOf(v.Files))
}

// filled is files with what only this pod knows of itself.
func (s Set) filled(files []spec.File) []spec.File {
	out := slices.Clone(files)
	for i := range out {
		if out[i].Late {
			out[i].Data = []byte(spec.Facts{PodUID: string(s.Pod)}.Fill(string(out[i].Data)))
		}
	}
	return out
}

// topsOf are the first path elements of files, which are the visible names.
func topsOf(files []spec.File) map[string]bool {
	tops := map[string]bool{}
	for _, f := range files {
		top, _, _ := strings.Cut(f.Path, "/")
		tops[top] = true
	}
	return tops
}

// writeFiles writes files below dir.
func writeFiles(dir string, files []spec.File) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, f := range files {
		if !filepath.IsLocal(f.Path) {
			return fmt.Errorf("file %q leaves the volume", f.Path)
		}
		if parent := filepath.Dir(f.Path); parent != "." {
			if err := root.MkdirAll(parent, 0o755); err != nil {
				return err
			}
		}
		if err := root.WriteFile(f.Path, f.Data, 0o600); err != nil {
			return err
		}
		if err := root.Chmod(f.Path, os.FileMode(f.Mode&0o777)); err != nil {
			return err
		}
	}
	return nil
}

// tidy makes the visible names agree with tops and drops older contents.
func tidy(dir, content string, tops map[string]bool) error {
	for top := range tops {
		err := os.Symlink(filepath.Join(dataLink, top), filepath.Join(dir, top))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if tops[name] || name == content || name == dataLink {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}
