package unitdir

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/web"
	"berth/quadlet"
)

// Limits of what is installed at once.
const (
	maxFiles = 1000
	maxBytes = 64 << 20
)

// Fetch reads what a URL names.
type Fetch func(ctx context.Context, url string) ([]byte, error)

// Gather reads what is to be installed: unit files, bundles, other files, by
// path or URL. A folder stands alone, and is an application of its name.
func Gather(ctx context.Context, args []string, fetch Fetch) (app string, files []Item, err error) {
	for i, arg := range args {
		switch info, statErr := os.Stat(arg); {
		case web.IsURL(arg):
			var data []byte
			if data, err = fetch(ctx, arg); err == nil {
				shown := web.Shown(arg)
				files, err = add(files, Item{Name: path.Base(shown), Data: data, Perm: 0o644}, shown)
			}
		case statErr != nil:
			err = statErr
		case info.IsDir() && i > 0:
			err = fmt.Errorf("%s is a folder: it has to come first", arg)
		case info.IsDir():
			app = appName(arg)
			files, err = folder(arg)
		default:
			var f *os.File
			var item Item
			if f, err = os.OpenFile(arg, readOnly, 0); err == nil {
				item, err = readItem(f, arg, filepath.Base(arg))
			}
			if err == nil {
				files, err = add(files, item, arg)
			}
		}
		if err != nil {
			return "", nil, err
		}
	}
	return app, files, nil
}

// appName is a folder's own name, however it is written.
func appName(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		return filepath.Base(abs)
	}
	return filepath.Base(dir)
}

// add takes a file, or the unit files of a bundle.
func add(files []Item, item Item, from string) ([]Item, error) {
	if !strings.HasSuffix(item.Name, quadlet.BundleExt) {
		return append(files, item), nil
	}
	parts, problems := quadlet.SplitBundle(from, item.Data)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	for _, p := range parts {
		files = append(files, Item{Name: p.Name, Data: p.Data, Perm: item.Perm})
	}
	return files, nil
}

// folder reads all files below a folder. Links within it stay links, as
// instances of templates are; others are refused.
func folder(dir string) ([]Item, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	var files []Item
	total := 0
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		case len(files) == maxFiles:
			return fmt.Errorf("%s has more than %d files", dir, maxFiles)
		}
		item, err := rooted(root, dir, name, d)
		if err != nil {
			return err
		}
		if total += len(item.Data); total > maxBytes {
			return fmt.Errorf("%s has more than %d MiB", dir, maxBytes>>20)
		}
		files, err = add(files, item, filepath.Join(dir, name))
		return err
	})
	return files, err
}

func rooted(root *os.Root, dir, name string, d fs.DirEntry) (Item, error) {
	if d.Type()&fs.ModeSymlink == 0 {
		f, err := root.OpenFile(name, readOnly|unix.O_NOFOLLOW, 0) // it may be a link by now
		if err != nil {
			return Item{}, err
		}
		return readItem(f, filepath.Join(dir, name), name)
	}
	if _, err := root.Stat(name); err != nil {
		return Item{}, fmt.Errorf("%s is a link out of the folder, or to nothing", filepath.Join(dir, name))
	}
	to, err := root.Readlink(name)
	if err == nil && filepath.IsAbs(to) {
		err = fmt.Errorf("%s is a link to an absolute path", filepath.Join(dir, name))
	}
	return Item{Name: name, Link: to}, err
}

// readOnly opens a file to be read, and waits for nobody who writes to a pipe.
const readOnly = os.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY

// readItem reads an open file, which has to be a regular one of bounded size, and
// closes it.
func readItem(f *os.File, path, name string) (Item, error) {
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Item{}, err
	}
	if !info.Mode().IsRegular() {
		return Item{}, fmt.Errorf("%s is no file", path)
	}
	most := int64(maxBytes)
	if _, unit := quadlet.ParseName(filepath.Base(name)); unit {
		most = quadlet.MaxSize
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s has more than %d KiB", path, most>>10)
	}
	return Item{Name: name, Data: data, Perm: info.Mode().Perm()}, err
}
