package ociarchive

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// File is one entry of a layer. Its parents are made when no entry before it
// made them.
type File struct {
	Path     string // in the image
	Mode     fs.FileMode
	UID, GID int
	Content  []byte
	// Source is a file of this machine to take content and, if Mode is 0, mode from.
	Source string
	// Link makes a symbolic link to it.
	Link string
	// Dir makes a folder.
	Dir bool
}

// Files is a layer of the given entries, in that order.
func Files(files ...File) Layer {
	return func(w *tar.Writer) error {
		made := map[string]bool{".": true}
		for _, f := range files {
			name := strings.TrimPrefix(path.Clean("/"+f.Path), "/")
			if err := parents(w, name, made); err != nil {
				return err
			}
			made[name] = true
			if err := f.write(w, name); err != nil {
				return fmt.Errorf("add %s: %w", f.Path, err)
			}
		}
		return nil
	}
}

func parents(w *tar.Writer, name string, made map[string]bool) error {
	dir := path.Dir(name)
	if made[dir] {
		return nil
	}
	if err := parents(w, dir, made); err != nil {
		return err
	}
	made[dir] = true
	if err := (File{Dir: true}).write(w, dir); err != nil {
		return fmt.Errorf("add %s: %w", dir, err)
	}
	return nil
}

func (f File) write(w *tar.Writer, name string) error {
	h := &tar.Header{Name: name, Mode: int64(f.Mode.Perm()), Uid: f.UID, Gid: f.GID, ModTime: epoch()}
	if f.Mode&fs.ModeSticky != 0 {
		h.Mode |= 0o1000
	}
	switch {
	case f.Dir:
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
		if h.Mode == 0 {
			h.Mode = 0o755
		}
		return w.WriteHeader(h)
	case f.Link != "":
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, f.Link, 0o777
		return w.WriteHeader(h)
	case f.Source != "":
		return f.copySource(w, h)
	}
	if h.Mode == 0 {
		h.Mode = 0o644
	}
	h.Typeflag, h.Size = tar.TypeReg, int64(len(f.Content))
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err := w.Write(f.Content)
	return err
}

func (f File) copySource(w *tar.Writer, h *tar.Header) error {
	in, err := os.Open(f.Source)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	h.Typeflag, h.Size = tar.TypeReg, info.Size()
	if f.Mode == 0 {
		h.Mode = int64(info.Mode().Perm())
	}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(w, in)
	return err
}
