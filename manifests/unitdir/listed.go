package unitdir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/atomicfile"
	"berth/quadlet"
)

// listed is what podman installed together: the files lie in the store itself, and
// ".NAME.app" beside them lists them. NAME is a folder's or a bundle's, or the first
// unit file's, with which others and their files came along.
type listed struct {
	name, path string
	files      []string
}

// app says whether it goes as a whole. What only came along with a unit file is no
// application.
func (l listed) app() bool { return ValidApp(l.name) == nil }

func (l listed) units() bool {
	return slices.ContainsFunc(l.files, func(file string) bool {
		_, unit := quadlet.ParseName(file)
		return unit
	})
}

// lists are podman's lists of a store.
func (s Store) lists() ([]listed, error) {
	entries, err := os.ReadDir(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []listed
	for _, e := range entries {
		name, list := strings.CutSuffix(strings.TrimPrefix(e.Name(), "."), ".app")
		if !list || !strings.HasPrefix(e.Name(), ".") || !e.Type().IsRegular() {
			continue
		}
		l := listed{name: name, path: filepath.Join(s.Dir, e.Name())}
		f, err := os.OpenFile(l.path, readOnly|unix.O_NOFOLLOW, 0)
		if err != nil {
			return nil, err
		}
		item, err := readItem(f, l.path, e.Name())
		if err != nil {
			return nil, err
		}
		for file := range strings.SplitSeq(string(item.Data), "\n") {
			if file != "" && file == filepath.Base(file) && file != ".." && file != "." { // else it leads elsewhere
				l.files = append(l.files, file)
			}
		}
		all = append(all, l)
	}
	return all, nil
}

// removeListed removes an application of podman's with all its files.
func (s Store) removeListed(app string) error {
	lists, err := s.lists()
	if err != nil {
		return err
	}
	for _, l := range lists {
		if l.name == app {
			if err := s.removeFiles(l); err != nil {
				return err
			}
		}
	}
	return nil
}

// unlist takes a unit file that is gone off podman's lists. With the last unit file
// go the others of the list.
func (s Store) unlist(name string) error {
	lists, err := s.lists()
	if err != nil {
		return err
	}
	for _, l := range lists {
		if !slices.Contains(l.files, name) {
			continue
		}
		l.files = slices.DeleteFunc(l.files, func(file string) bool { return file == name })
		if l.units() {
			err = atomicfile.Write(l.path, []byte(strings.Join(l.files, "\n")+"\n"), 0o644)
		} else {
			err = s.removeFiles(l)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// removeFiles removes the list last: cut off, it is done again.
func (s Store) removeFiles(l listed) error {
	for _, file := range l.files {
		if err := atomicfile.Remove(filepath.Join(s.Dir, file)); err != nil {
			return err
		}
	}
	return atomicfile.Remove(l.path)
}
