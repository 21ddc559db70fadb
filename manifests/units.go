package manifests

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/source"
	"berth/manifests/unitdir"
	"berth/quadlet"
)

// Units is the Quadlet unit files of folders, as one source: their references
// reach over all of them. Of two files of a name, that in the first folder counts.
type Units struct {
	dirs    []string
	options quadlet.Options
	opts    FolderOptions

	found quadlet.Found
	print string
	read  bool              // there is a found
	sums  map[string]string // of the files it was made from
	devs  map[string]uint64 // the file system a folder lay on when it last had units
	busy  time.Time         // since when a file is open for writing; zero: none is
}

// NewUnits makes a source of the unit files in folders, which need not exist yet.
func NewUnits(dirs []string, options quadlet.Options, o FolderOptions) (*Units, error) {
	u := &Units{options: options, opts: o, sums: map[string]string{}, devs: map[string]uint64{}}
	for _, dir := range dirs {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, fmt.Errorf("folder %s: %w", dir, err)
		}
		u.dirs = append(u.dirs, abs)
	}
	return u, nil
}

// Run hands over what is found now and whenever it changes, until ctx ends.
func (u *Units) Run(ctx context.Context, emit func(quadlet.Found)) error {
	newWatcher(strings.Join(u.dirs, ", "), u.opts, func() sight {
		watch, busy := u.scan()
		found := u.found
		return sight{print: u.print, watch: watch, busy: busy, tell: func() { emit(found) }}
	}).run(ctx)
	return nil
}

// Read reads the folders now.
func (u *Units) Read() quadlet.Found {
	u.scan()
	return u.found
}

// isUnit reports whether a file name is a unit's or a drop-in's.
func isUnit(name string) bool {
	_, ok := quadlet.ParseName(name)
	return ok || strings.HasSuffix(name, ".conf")
}

// holdsDropIns reports whether a folder of that name holds drop-ins: of a unit, or of
// all of a kind.
func holdsDropIns(name string) bool {
	of, ok := strings.CutSuffix(name, ".d")
	return ok && (isUnit(of) || isUnit("any."+of))
}

// scan looks at the folders. While a file is being written all stays as it was.
func (u *Units) scan() (watch watchSet, busy bool) {
	watch = watchSet{}
	units := unitdir.Read(u.dirs)
	unknown, hidden := u.walk(watch, units.Files)
	units.Problems = append(units.Problems, hidden...)
	sums := map[string]string{}
	for _, f := range units.Files {
		sums[f.Path] = sumOf(f.Data)
		for _, d := range f.DropIns {
			sums[d.Path] = sumOf(d.Data)
		}
	}
	if u.read && u.beingWritten(sums) {
		return watch, true
	}
	for _, p := range units.Problems {
		if p.Warning {
			continue
		}
		unknown = append(unknown, p.File)
	}
	unknown = append(unknown, units.Halved...)
	found := quadlet.Found{
		Results: quadlet.Convert(units.Files, u.options), Problems: units.Problems, Unknown: unknown, Contents: map[string]string{},
	}
	for _, r := range found.Results {
		u.contents(&found, r, watch)
	}
	u.found, u.sums, u.read = found, sums, true
	u.print = fmt.Sprint(sums, found.Contents, unknown, found.Problems, problemsOf(found.Results)) // maps are printed in order
	return watch, false
}

func problemsOf(results []quadlet.Result) source.Diagnostics {
	var all source.Diagnostics
	for _, r := range results {
		all = append(all, r.Problems...)
	}
	return all
}

// walk finds what is to be watched, what is unknown of each folder, and which files
// another of their name hides.
func (u *Units) walk(watch watchSet, files []quadlet.Input) (unknown []string, hidden source.Diagnostics) {
	counts := map[string]string{}
	for _, f := range files {
		counts[f.Name] = f.Path
	}
	for _, dir := range u.dirs {
		found := walk(dir, isUnit)
		for at, names := range found.watch {
			if names == nil {
				watch.all(at)
			}
			for name := range names {
				watch.name(at, name)
			}
		}
		for _, rel := range found.lost {
			unknown = append(unknown, filepath.Join(dir, rel))
		}
		if dev, had := u.devs[dir]; had && len(found.files) == 0 && found.dev != dev {
			unknown = append(unknown, dir) // another file system is mounted there, and it is empty
		}
		if len(found.files) > 0 && len(files) > 0 {
			u.devs[dir] = found.dev
		}
		for _, path := range sortedPaths(found.files) {
			if first, ok := counts[filepath.Base(path)]; ok && first != path && !strings.Contains(path, ".d/") {
				hidden = append(hidden, source.Diagnostic{
					Pos: source.Pos{File: path}, Warning: true, Message: "is not read: " + first + " has the same name and comes first",
				})
			}
		}
	}
	return unknown, hidden
}

// beingWritten reports whether somebody is writing a file that is new or changed.
func (u *Units) beingWritten(sums map[string]string) bool {
	for path, sum := range sums {
		if u.sums[path] == sum {
			continue
		}
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		writing := openForWriting(fd)
		unix.Close(fd)
		switch {
		case !writing:
		case u.busy.IsZero():
			u.busy = time.Now()
			return true
		case time.Since(u.busy) < busyMost:
			return true
		}
	}
	u.busy = time.Time{}
	return false
}

// contents notes what the files hold that a unit names, and has them watched.
func (u *Units) contents(found *quadlet.Found, r quadlet.Result, watch watchSet) {
	for _, path := range filesOf(r.Unit) {
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			real = path
		}
		watch.name(filepath.Dir(path), filepath.Base(path))
		watch.name(filepath.Dir(real), filepath.Base(real))
		data, err := readRegular(path, false)
		if err != nil {
			found.Contents[path] = "" // whoever reads it says what is wrong
			continue
		}
		found.Contents[path] = sumOf(data)
	}
}

// filesOf are the files whose contents a unit stands for, too: the YAML that a .kube
// unit plays, and the service's variables. Those whose paths hold specifiers are left
// out.
func filesOf(u *quadlet.Unit) []string {
	if u == nil {
		return nil
	}
	var named []string
	if u.Name.Kind == quadlet.Kube {
		for _, c := range u.Start {
			named = append(named, c.Args...)
		}
	}
	for _, l := range u.File.Lines("Service", "EnvironmentFile") {
		named = append(named, strings.TrimPrefix(l.Value, "-"))
	}
	var paths []string
	for _, name := range named {
		plain := strings.ReplaceAll(name, "%%", "")
		if filepath.IsAbs(name) && !strings.Contains(plain, "%") {
			paths = append(paths, strings.ReplaceAll(name, "%%", "%"))
		}
	}
	return paths
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}
