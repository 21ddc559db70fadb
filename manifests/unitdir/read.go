package unitdir

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/sys/unix"

	"berth/internal/source"
	"berth/quadlet"
)

// Units is what was found.
type Units struct {
	Files    []quadlet.Input // ordered by name
	Folders  []string        // that were read
	Problems source.Diagnostics
	Halved   []string // paths of unit files that are left out for their drop-ins, which could not be read
}

// Read reads all unit files in dirs and below.
func Read(dirs []string) Units {
	w := newWalk()
	for _, dir := range dirs {
		w.root(dir)
	}
	files := make([]quadlet.Input, 0, len(w.units))
	real := map[string]string{}
	for name, path := range w.units {
		if path != "" {
			files = append(files, quadlet.Input{Name: name, Path: path, Folder: realFolder(real, filepath.Dir(path))})
		}
	}
	slices.SortFunc(files, func(a, b quadlet.Input) int { return cmp.Compare(a.Name, b.Name) })
	files = w.contents(w.assignDropIns(files))
	slices.SortStableFunc(w.problems, func(a, b source.Diagnostic) int { return cmp.Compare(a.File, b.File) })
	slices.Sort(w.halved)
	return Units{Files: files, Folders: w.folders, Problems: w.problems, Halved: w.halved}
}

// realFolder is a folder without links on the way to it, as far as known already.
func realFolder(known map[string]string, dir string) string {
	if _, have := known[dir]; !have {
		known[dir], _ = filepath.EvalSymlinks(dir) // where it is gone, so is what it held
	}
	return known[dir]
}

type id struct{ dev, ino uint64 }

// walk gathers the paths of unit files and of folders of drop-ins.
type walk struct {
	units    map[string]string   // by file name; empty: masked
	dropIns  map[string][]string // by the folder's name, in order of precedence
	seen     map[id]bool
	above    []id // the folders one is in
	folders  []string
	mu       sync.Mutex
	problems source.Diagnostics
	halved   []string
}

func newWalk() *walk {
	return &walk{units: map[string]string{}, dropIns: map[string][]string{}, seen: map[id]bool{}}
}

// fail notes what is wrong with a path, once: a drop-in may be that of many units.
func (w *walk) fail(path, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := source.Diagnostic{Pos: source.Pos{File: visible(path)}, Message: fmt.Errorf(format, args...).Error()}
	if !slices.Contains(w.problems, d) {
		w.problems = append(w.problems, d)
	}
}

// visible is a path as it may stand in a line of a log.
func visible(path string) string {
	if strings.ContainsFunc(strings.ToValidUTF8(path, "\x00"), unicode.IsControl) {
		return strconv.Quote(path)
	}
	return path
}

// halve notes a unit file whose drop-ins cannot be read: half a unit is another unit.
func (w *walk) halve(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.halved = append(w.halved, path)
}

// root walks a folder of the search path, which need not be there.
func (w *walk) root(dir string) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return
	}
	w.dir(dir)
}

// dir walks a folder. One that was walked before, through another link, is left
// out; a link to a folder it is in is a mistake.
func (w *walk) dir(dir string) {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		w.fail(dir, "%s", reason(err, true))
		return
	}
	me := id{st.Dev, st.Ino}
	if slices.Contains(w.above, me) {
		w.fail(dir, "is a loop: the link leads to a folder it is in")
		return
	}
	if w.seen[me] {
		return
	}
	w.seen[me] = true
	w.above = append(w.above, me)
	defer func() { w.above = w.above[:len(w.above)-1] }()
	entries, err := os.ReadDir(dir)
	if err != nil {
		w.fail(dir, "%s", reason(err, false))
		return
	}
	w.folders = append(w.folders, dir)
	var below []string
	for _, e := range entries {
		name := e.Name()
		_, unit := quadlet.ParseName(name)
		switch {
		case w.isDir(dir, e):
			below = append(below, name)
		case strings.HasPrefix(name, "."):
		case unit:
			w.file(dir+"/"+name, e)
		case e.Type()&fs.ModeSymlink != 0:
			w.lost(dir + "/" + name)
		}
	}
	for _, name := range below {
		switch path := dir + "/" + name; {
		case strings.HasSuffix(name, ".d"):
			w.dropIns[name] = append(w.dropIns[name], path)
		case !ofOthers(dir, name) && !strings.HasPrefix(name, "."):
			w.dir(path)
		}
	}
}

// lost reports a link that would be to a folder, by its name, but leads nowhere:
// units may be missing.
func (w *walk) lost(path string) {
	_, err := os.Stat(path)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, fs.ErrNotExist) && filepath.Ext(path) == "" {
		w.fail(path, "%s", reason(err, true))
	}
}

// isDir says whether an entry is a folder, or a link to one. A link by the name of a
// folder of drop-ins that leads nowhere is one that cannot be read.
func (w *walk) isDir(dir string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := os.Stat(dir + "/" + e.Name())
	return err == nil && info.IsDir() || err != nil && strings.HasSuffix(e.Name(), ".d")
}

// file takes a unit file unless an earlier folder has one of its name.
func (w *walk) file(path string, e fs.DirEntry) {
	name := e.Name()
	if _, have := w.units[name]; have {
		return
	}
	w.units[name] = path
	if e.Type()&fs.ModeSymlink != 0 {
		if to, err := filepath.EvalSymlinks(path); err == nil && to == "/dev/null" {
			w.units[name] = ""
		}
	}
}

// assignDropIns finds the drop-ins of each file, and those of none. Files whose
// drop-ins are not known are left out.
func (w *walk) assignDropIns(files []quadlet.Input) []quadlet.Input {
	if len(w.dropIns) == 0 {
		return files
	}
	used := map[string]bool{}
	whole := make([]quadlet.Input, 0, len(files))
	for _, f := range files {
		name, _ := quadlet.ParseName(f.Name)
		var mine []quadlet.DropIn
		good := true
		for _, folder := range name.DropInDirs() {
			used[folder] = true
			for _, path := range w.dropIns[folder] {
				more, ok := w.confs(path, mine)
				mine, good = append(mine, more...), good && ok
			}
		}
		if !good {
			w.halve(f.Path)
			continue
		}
		slices.SortFunc(mine, func(a, b quadlet.DropIn) int { return cmp.Compare(a.Name, b.Name) })
		f.DropIns = mine
		whole = append(whole, f)
	}
	for _, folder := range slices.Sorted(maps.Keys(w.dropIns)) {
		unit := strings.TrimSuffix(folder, ".d")
		n, ok := quadlet.ParseName(unit)
		if masked, have := w.units[unit]; !ok || used[folder] || strings.HasSuffix(n.Base, "-") || have && masked == "" {
			continue
		}
		for _, path := range w.dropIns[folder] {
			if confs, _ := w.confs(path, nil); len(confs) > 0 {
				w.fail(path, "has drop-ins for %s, but there is no such unit file%s", visible(unit), quadlet.DidYouMeanFile(unit, names(files)))
			}
		}
	}
	return whole
}

func names(files []quadlet.Input) []string {
	all := make([]string, len(files))
	for i, f := range files {
		all[i] = f.Name
	}
	return all
}

// confs are the drop-ins of a folder that no more specific one hides; ok is false
// where it cannot be read.
func (w *walk) confs(dir string, have []quadlet.DropIn) (all []quadlet.DropIn, ok bool) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		w.fail(dir, "%s", reason(err, isLink(dir)))
		return nil, false
	}
	for _, e := range entries {
		hidden := slices.ContainsFunc(have, func(d quadlet.DropIn) bool { return d.Name == e.Name() })
		if !hidden && strings.HasSuffix(e.Name(), ".conf") && !strings.HasPrefix(e.Name(), ".") && !w.isDir(dir, e) {
			all = append(all, quadlet.DropIn{Name: e.Name(), Path: dir + "/" + e.Name()})
		}
	}
	return all, true
}

// contents reads all files, several at a time, and leaves out what cannot be
// read.
func (w *walk) contents(files []quadlet.Input) []quadlet.Input {
	const readers = 4
	var wg sync.WaitGroup
	good := make([]bool, len(files))
	for r := range readers {
		wg.Go(func() { // ends when its share is read
			for i := r; i < len(files); i += readers {
				good[i] = w.read(&files[i])
			}
		})
	}
	wg.Wait()
	kept := files[:0]
	for i, f := range files {
		if good[i] {
			kept = append(kept, f)
		}
	}
	return kept
}

// read fills a file and its drop-ins in.
func (w *walk) read(f *quadlet.Input) bool {
	var ok bool
	if f.Data, ok = w.content(f.Path); !ok {
		return false
	}
	kept := f.DropIns[:0]
	for _, d := range f.DropIns {
		if d.Data, ok = w.content(d.Path); !ok {
			w.halve(f.Path)
			return false
		}
		if d.Data != nil {
			kept = append(kept, d)
		}
	}
	f.DropIns = kept
	return true
}

// content reads a file of bounded size. A drop-in that is a link to /dev/null
// is empty.
func (w *walk) content(path string) ([]byte, bool) {
	// A pipe must not hold the boot up.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		w.fail(path, "%s", reason(err, isLink(path)))
		return nil, false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		w.fail(path, "%s", reason(err, false))
		return nil, false
	}
	switch kind := st.Mode & unix.S_IFMT; {
	case kind == unix.S_IFCHR && st.Rdev == unix.Mkdev(1, 3):
		return nil, true
	case kind != unix.S_IFREG:
		w.fail(path, "is no regular file")
		return nil, false
	}
	data := make([]byte, min(st.Size, quadlet.MaxSize)+1) // one more tells that it is longer
	n := 0
	for n < len(data) {
		got, err := unix.Read(fd, data[n:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			w.fail(path, "%s", reason(err, false))
			return nil, false
		}
		if got == 0 {
			break
		}
		n += got
		if n == len(data) && n <= quadlet.MaxSize {
			data = append(data, make([]byte, min(n, quadlet.MaxSize+1-n))...) // it grew meanwhile
		}
	}
	return data[:n], true
}

func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

// reason says why something cannot be read.
func reason(err error, link bool) string {
	switch {
	case errors.Is(err, unix.ELOOP):
		return "is a loop of symbolic links"
	case errors.Is(err, fs.ErrNotExist) && link:
		return "is a symbolic link to nothing"
	case errors.Is(err, fs.ErrNotExist):
		return "disappeared while it was read"
	case errors.Is(err, fs.ErrPermission):
		return "may not be read: permission denied"
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return "cannot be read: " + err.Error()
}
