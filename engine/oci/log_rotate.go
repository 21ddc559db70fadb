package oci

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

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
	files = max(files, 2)
	highest := highestRotated(path)
	for n := highest; n >= files-1; n-- {
		if err := atomicfile.Remove(rotatedPath(path, n)); err != nil {
			return fmt.Errorf("rotate log: %w", err)
		}
	}
	for n := min(highest, files-2); n >= 1; n-- {
		if err := rename(rotatedPath(path, n), rotatedPath(path, n+1)); err != nil {
			return fmt.Errorf("rotate log: %w", err)
		}
	}
	if err := rename(path, rotatedPath(path, 1)); err != nil {
		return fmt.Errorf("rotate log: %w", err)
	}
	if err := r.ReopenLog(c); err != nil {
		return errors.Join(fmt.Errorf("rotate log: %w", err), rename(rotatedPath(path, 1), path))
	}
	return nil
}

// RemoveLog removes a log and its rotated files; gone is success.
func RemoveLog(path string) error {
	err := atomicfile.Remove(path)
	for n := highestRotated(path); n >= 1; n-- {
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
