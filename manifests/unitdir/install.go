package unitdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/atomicfile"
	"berth/quadlet"
)

// Store is the folder unit files are installed into. A folder in it is an
// application: files that came together and go together. Files a unit brought
// along are listed in ".NAME.asset" beside it. What podman installed together it
// lists in ".NAME.app", and is known by that.
type Store struct{ Dir string }

// Stores are the folders one may install into: podman's, and berth's own, or all
// that QUADLET_UNIT_DIRS names.
func Stores(w Who) []Store {
	if w.Getenv("QUADLET_UNIT_DIRS") != "" {
		var all []Store
		for _, dir := range Path(w) {
			all = append(all, Store{dir})
		}
		return all
	}
	if !w.User {
		return []Store{{"/etc/containers/systemd"}, {"/etc/berth/quadlet"}}
	}
	if config := w.config(); config != "" {
		return []Store{{config + "/containers/systemd"}, {config + "/berth/quadlet"}}
	}
	return nil
}

// Target is the folder to install into: the first, but where podman's generator is
// in place, which would take the units for its own, berth's. ok is false if there is
// none.
func Target(w Who, rival bool) (s Store, ok bool) {
	stores := Stores(w)
	switch {
	case len(stores) == 0:
		return Store{}, false
	case rival && w.Getenv("QUADLET_UNIT_DIRS") == "":
		return stores[len(stores)-1], true
	}
	return stores[0], true
}

// Placed is a unit file that was installed.
type Placed struct{ Name, Path, App string }

// Units lists all unit files of the store, also those that a file of the same name
// hides from the generator.
func (s Store) Units() ([]Placed, error) {
	apps, err := s.Apps()
	if err != nil {
		return nil, err
	}
	var all []Placed
	// Not filepath's: the folder itself may be a link.
	err = fs.WalkDir(os.DirFS(s.Dir), ".", func(rel string, d fs.DirEntry, err error) error {
		path, name := filepath.Join(s.Dir, rel), ""
		if d != nil {
			name = d.Name()
		}
		switch {
		case errors.Is(err, fs.ErrNotExist), rel == "." && err == nil:
			return nil
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".d") || ofOthers(filepath.Dir(path), name)):
			return fs.SkipDir
		}
		if _, unit := quadlet.ParseName(name); unit && !d.IsDir() && !strings.HasPrefix(name, ".") {
			all = append(all, Placed{name, path, apps(path)})
		}
		return nil
	})
	return all, err
}

// Item is a file to install: a path below the application, or a name.
type Item struct {
	Name string
	Data []byte
	Link string // where it leads, if it is a symbolic link
	Perm fs.FileMode
}

// Unit says whether it is a unit file.
func (i Item) Unit() bool {
	_, ok := quadlet.ParseName(i.Name)
	return ok
}

// ErrExists is a file or application that is there already.
var ErrExists = errors.New("is already there; --replace replaces it")

// InstallApp puts files into an application of their own, in one step: whoever
// reads the folder sees all of the old or all of the new ones.
func (s Store) InstallApp(app string, files []Item, replace bool) ([]string, error) {
	if err := ValidApp(app); err != nil {
		return nil, err
	}
	target := filepath.Join(s.Dir, app)
	if _, err := os.Lstat(target); err == nil && !replace {
		return nil, fmt.Errorf("application %s: %s %w", app, target, ErrExists)
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return nil, err
	}
	// A name that begins with a dot is not read.
	fresh, err := os.MkdirTemp(s.Dir, ".tmp-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(fresh)
	if err := os.Chmod(fresh, 0o755); err != nil {
		return nil, err
	}
	var paths []string
	for _, f := range files {
		if !filepath.IsLocal(f.Name) {
			return nil, fmt.Errorf("%s leads out of the application", f.Name)
		}
		if to := filepath.Join(target, f.Name); slices.Contains(paths, to) {
			return nil, fmt.Errorf("two files of the application are called %s", f.Name)
		}
		path := filepath.Join(fresh, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := f.write(path); err != nil {
			return nil, err
		}
		paths = append(paths, filepath.Join(target, f.Name))
	}
	err = unix.Renameat2(unix.AT_FDCWD, fresh, unix.AT_FDCWD, target, unix.RENAME_EXCHANGE)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.Rename(fresh, target)
	}
	return paths, err
}

// ValidApp says what is wrong with an application's name.
func ValidApp(app string) error {
	_, unit := quadlet.ParseName(app)
	if app == "" || unit || strings.ContainsAny(app, "/\n") || strings.HasPrefix(app, ".") || strings.HasSuffix(app, ".d") || app == "users" {
		return fmt.Errorf("%q is no application's name: it is a folder's, and begins with no dot, ends in no unit's extension or .d", app)
	}
	return nil
}

// Install puts unit files, and other files that belong to the first of them,
// side by side into the store.
func (s Store) Install(files []Item, replace bool) ([]string, error) {
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return nil, err
	}
	var paths, assets []string
	first := ""
	for _, f := range files {
		path := filepath.Join(s.Dir, f.Name)
		if f.Name != filepath.Base(f.Name) || f.Name == "." || f.Name == ".." || strings.Contains(f.Name, "\n") { // the list of assets has lines
			return nil, fmt.Errorf("%q is no file's name", f.Name)
		}
		if slices.Contains(paths, path) {
			return nil, fmt.Errorf("two of the files are called %s", f.Name)
		}
		if _, err := os.Lstat(path); err == nil && !replace {
			return nil, fmt.Errorf("%s %w", path, ErrExists)
		}
		paths = append(paths, path)
		if !f.Unit() {
			assets = append(assets, f.Name)
		} else if first == "" {
			first = f.Name
		}
	}
	for i, f := range files {
		if err := f.write(paths[i]); err != nil {
			return nil, err
		}
	}
	if len(assets) > 0 {
		return paths, atomicfile.Write(s.assets(first), []byte(strings.Join(assets, "\n")+"\n"), 0o644)
	}
	return paths, nil
}

func (s Store) assets(unit string) string { return filepath.Join(s.Dir, "."+unit+".asset") }

func (i Item) write(path string) error {
	if i.Link != "" {
		return os.Symlink(i.Link, path)
	}
	perm := i.Perm & 0o755
	if perm == 0 {
		perm = 0o644
	}
	return atomicfile.Write(path, i.Data, perm)
}

// Apps tells of a file the application it is of, "" for none.
func (s Store) Apps() (func(path string) string, error) {
	lists, err := s.lists()
	listed := map[string]string{}
	for _, l := range lists {
		for _, file := range l.files {
			if _, other := listed[file]; l.app() && !other {
				listed[file] = l.name
			}
		}
	}
	return func(path string) string {
		rel, err := filepath.Rel(s.Dir, path)
		if err != nil || !filepath.IsLocal(rel) {
			return "" // of another folder
		}
		if app, _, below := strings.Cut(rel, "/"); below {
			return app
		}
		return listed[rel]
	}, err
}

// Has says whether a file was installed here.
func (s Store) Has(path string) bool {
	rel, err := filepath.Rel(s.Dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// RemoveApp removes an application with all its files.
func (s Store) RemoveApp(app string) error {
	if err := ValidApp(app); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(filepath.Join(s.Dir, app)), s.removeListed(app))
}

// Remove removes a unit file of no application, with what it brought along.
func (s Store) Remove(name string) error {
	if name != filepath.Base(name) {
		return fmt.Errorf("%s is no file's name", name)
	}
	list, err := os.ReadFile(s.assets(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, asset := range slices.Concat(strings.Split(string(list), "\n"), []string{name}) {
		if asset == "" || asset != filepath.Base(asset) {
			continue // not one of ours
		}
		if err := atomicfile.Remove(filepath.Join(s.Dir, asset)); err != nil {
			return err
		}
	}
	return errors.Join(atomicfile.Remove(s.assets(name)), s.unlist(name))
}
