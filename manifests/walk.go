package manifests

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/source"
)

// Bounds of a folder.
const (
	maxDepth = 32
	maxFiles = 10000
	maxLinks = 40 // in one path, as the kernel has it
)

// walked is what a walk through a folder found.
type walked struct {
	files map[string]stamp // by path
	// lost lists paths below which something could not be read; "" is the
	// folder itself. What was known of them stays.
	lost     []string
	problems source.Diagnostics
	watch    watchSet
	dev      uint64 // the file system the folder lies on
}

// watchSet is what to watch, by real path of a folder: everything in it (nil),
// or only certain names, such as a symlink that may be swapped.
type watchSet map[string]map[string]bool

func (w watchSet) all(dir string) { w[dir] = nil }

func (w watchSet) name(dir, name string) {
	names, known := w[dir]
	if known && names == nil {
		return
	}
	if names == nil {
		names = map[string]bool{}
		w[dir] = names
	}
	names[name] = true
}

// wants reports whether a change of that name in that folder can matter.
func (w watchSet) wants(dir, name string) bool {
	names, known := w[dir]
	switch {
	case !known:
		return true // it was watched a moment ago; better look
	case names == nil:
		return !ignored(name)
	}
	return names[name]
}

// walker goes through one folder.
type walker struct {
	walked
	match func(name string) bool
	seen  map[[2]uint64]bool // folders by device and inode, so that links cannot lead in circles
}

// walk finds the files of a folder, following symlinks, and all that must be
// watched to learn of changes.
func walk(root string, match func(name string) bool) walked {
	w := &walker{match: match, seen: map[[2]uint64]bool{}}
	w.files, w.watch = map[string]stamp{}, watchSet{}
	w.follow(root)
	real, err := filepath.EvalSymlinks(root)
	if err == nil {
		w.watch.name(filepath.Dir(real), filepath.Base(real))
	}
	var st unix.Stat_t
	if err := unix.Stat(root, &st); err == nil {
		w.dev = uint64(st.Dev) //nolint:unconvert // 32 bits wide on some platforms
	}
	w.dir(root, "", 0)
	return w.walked
}

// follow has every symlink on the way to path watched, where it lies, and where
// a part of the path is missing, the place where it would appear. It returns
// the real path as far as there is one.
func (w *walker) follow(path string) string {
	at, rest := "/", strings.Split(path, "/")
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		info, err := os.Lstat(next)
		switch {
		case err != nil:
			w.watch.name(at, name)
			return at
		case info.Mode()&fs.ModeSymlink == 0:
			at = next
			continue
		}
		w.watch.name(at, name)
		target, err := os.Readlink(next)
		if links++; err != nil || links > maxLinks {
			return at
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return at
}

// dir reads one folder. rel is its path below the root.
func (w *walker) dir(path, rel string, depth int) {
	if depth > maxDepth {
		w.lose(path, rel, fmt.Errorf("folders are nested deeper than %d", maxDepth))
		return
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		w.unreadable(path, rel, err)
		return
	}
	id := [2]uint64{uint64(st.Dev), st.Ino} //nolint:unconvert // 32 bits wide on some platforms
	if w.seen[id] {
		return
	}
	w.seen[id] = true
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		w.unreadable(path, rel, err)
		return
	}
	w.watch.all(real)
	entries, err := os.ReadDir(path)
	if err != nil {
		w.unreadable(path, rel, err)
		return
	}
	for _, e := range entries {
		if !ignored(e.Name()) {
			w.entry(filepath.Join(path, e.Name()), filepath.Join(rel, e.Name()), e, depth)
		}
	}
}

func (w *walker) entry(path, rel string, e fs.DirEntry, depth int) {
	link := e.Type()&fs.ModeSymlink != 0
	if link && !w.match(e.Name()) && (isUnit(e.Name()) || holdsDropIns(e.Name())) {
		return // of others, who say what is wrong with it
	}
	if link {
		real := w.follow(path)
		w.watch.name(filepath.Dir(real), filepath.Base(real))
	} else if !e.IsDir() && !w.match(e.Name()) {
		return
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		if w.match(e.Name()) || (link && !errors.Is(err, unix.ENOENT)) {
			w.unreadable(path, rel, err)
		}
		return
	}
	switch {
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		w.dir(path, rel, depth+1)
	case !w.match(e.Name()):
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		w.problems = append(w.problems, source.Diagnostic{
			Pos: source.Pos{File: path}, Message: "it is not a regular file and is not read", Warning: true,
		})
	case len(w.files) >= maxFiles:
		w.lose(path, "", fmt.Errorf("there are more than %d files", maxFiles))
	default:
		w.files[path] = stampOf(&st)
	}
}

// unreadable notes what could not be read. What vanished since its folder was
// read is simply not there, unless it is a dangling link or the folder itself.
func (w *walker) unreadable(path, rel string, err error) {
	if errors.Is(err, fs.ErrNotExist) && rel != "" {
		if _, lerr := os.Lstat(path); lerr != nil {
			return
		}
	}
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	w.lose(path, rel, err)
}

func (w *walker) lose(path, rel string, err error) {
	if slices.Contains(w.lost, rel) {
		return
	}
	w.lost = append(w.lost, rel)
	w.problems = append(w.problems, source.Diagnostic{
		Pos: source.Pos{File: path}, Message: fmt.Sprintf("cannot be read (%v): what was known from there goes on", err),
	})
}

// sortedPaths lists paths in order.
func sortedPaths(files map[string]stamp) []string { return slices.Sorted(maps.Keys(files)) }
