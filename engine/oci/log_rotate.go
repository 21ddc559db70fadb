package oci

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/atomicfile"
)

// The kubelet's defaults: containerLogMaxSize and containerLogMaxFiles.
const (
	DefaultLogSize  = 10 << 20
	DefaultLogFiles = 5
)

// LogNeedsRotation reports whether a log has reached maxSize bytes, or whether a
// rotation was cut short: then conmon writes to the rotated file, where nobody
// who follows looks.
func LogNeedsRotation(path string, maxSize int64) (bool, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return exists(rotatedPath(path, 1)), nil
	}
	if err != nil {
		return false, err
	}
	return info.Size() >= maxSize, nil
}

// RotateLog renames a container's log to path.1, path.1 to path.2 and so on,
// keeps at most files of them with the current one, and has conmon open a new
// one. Whoever follows the log misses no line. Where conmon cannot be reached
// the name is given back: what it goes on writing must be found.
func (r *Runtime) RotateLog(c Container, path string, files int) error {
	if !exists(path) { // renamed by a rotation that was cut short
		return r.ReopenLog(c)
	}
	err := errors.Join(atomicfile.Remove(rotatedPath(path, 0)), makeRoom(path, files), rename(path, rotatedPath(path, 1)))
	if err != nil {
		return fmt.Errorf("rotate log: %w", err)
	}
	if err := r.ReopenLog(c); err != nil {
		return errors.Join(fmt.Errorf("rotate log: %w", err), rename(rotatedPath(path, 1), path))
	}
	return nil
}

// makeRoom renames path.1 to path.2 and so on, so that with a new path.1 there
// are at most so many files, the current one counted.
func makeRoom(path string, files int) error {
	files = max(files, 2)
	highest := highestRotated(path)
	for n := highest; n >= files-1; n-- {
		if err := atomicfile.Remove(rotatedPath(path, n)); err != nil {
			return err
		}
	}
	for n := min(highest, files-2); n >= 1; n-- {
		if err := rename(rotatedPath(path, n), rotatedPath(path, n+1)); err != nil {
			return err
		}
	}
	return nil
}

// TendLog rotates the log of a running container when it has reached maxSize.
// It is to be called at intervals.
//
// conmon's own limit counts all it wrote, through rotations, and when that is
// reached puts an empty file in the place of the current one. So the current
// file of a log that was rotated before has a second name, path.0, under which
// it is found again and counts as rotated.
func (r *Runtime) TendLog(c Container, path string, maxSize int64, files int) error {
	if err := rescue(path, files); err != nil {
		return fmt.Errorf("rotate log: %w", err)
	}
	full, err := LogNeedsRotation(path, maxSize)
	if err == nil && full {
		if err = r.RotateLog(c, path, files); err == nil {
			awaitFile(path)
		}
	}
	if err != nil || !exists(rotatedPath(path, 1)) {
		return err
	}
	err = os.Link(path, rotatedPath(path, 0))
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EOPNOTSUPP) {
		return nil // it has it, or cannot have it on this file system
	}
	return err
}

// rescue makes what conmon gave up path.1.
func rescue(path string, files int) error {
	kept := rotatedPath(path, 0)
	old, err := os.Lstat(kept)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case isFile(path, old):
		return nil
	case isFile(rotatedPath(path, 1), old): // a rotation was cut short
		return atomicfile.Remove(kept)
	}
	if err := makeRoom(path, files); err != nil {
		return err
	}
	return rename(kept, rotatedPath(path, 1))
}

func isFile(path string, file os.FileInfo) bool {
	info, err := os.Lstat(path)
	return err == nil && os.SameFile(info, file)
}

// reopenLimit is how long conmon may take to open a new log. It tells nobody.
const reopenLimit = time.Second

func awaitFile(path string) {
	for end := time.Now().Add(reopenLimit); !exists(path) && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// RemoveLog removes a log and its rotated files; gone is success.
func RemoveLog(path string) error {
	err := atomicfile.Remove(path)
	for n := highestRotated(path); n >= 0; n-- {
		err = errors.Join(err, atomicfile.Remove(rotatedPath(path, n)))
	}
	return err
}

func rotatedPath(path string, n int) string { return path + "." + strconv.Itoa(n) }

// highestRotated is the number of the oldest rotated file, 0 if there is none.
func highestRotated(path string) int {
	highest := 0
	dir, base := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Clean(dir))
	if err != nil {
		return 0
	}
	for _, entry := range entries {
		suffix, ok := strings.CutPrefix(entry.Name(), base+".")
		if !ok {
			continue
		}
		if n, err := strconv.Atoi(suffix); err == nil && n > highest && strconv.Itoa(n) == suffix {
			highest = n
		}
	}
	return highest
}

func rename(from, to string) error {
	err := os.Rename(from, to)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
