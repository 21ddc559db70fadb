package image

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// scratchPrefix begins the name of each scratch folder.
const scratchPrefix = "berth-image-"

// scratch makes a folder for one operation's temporary files. It is locked
// while the operation lives, so that a later one can tell, and removes, the
// folders of processes that were killed. release deletes it.
func (s *Store) scratch() (dir string, release func(), err error) {
	base := tempBase()
	s.sweepOnce.Do(func() { s.sweep(base) })
	// A sweep elsewhere may take the folder before it is locked: try again.
	for range 10 {
		dir, err = os.MkdirTemp(base, scratchPrefix)
		if err != nil {
			return "", nil, fmt.Errorf("make a scratch folder: %w", err)
		}
		lock, ok := lockDir(dir)
		if !ok {
			continue
		}
		return dir, func() {
			if err := os.RemoveAll(dir); err != nil {
				s.log.Warn("scratch folder not removed", "path", dir, "error", err)
			}
			_ = lock.Close()
		}, nil
	}
	return "", nil, fmt.Errorf("make a scratch folder in %s: each one was taken away", base)
}

// alias returns a path to the same file or folder without a colon, which image
// references cannot express: the path itself, or a link to it.
func (s *Store) alias(path string) (plain string, release func(), err error) {
	if !strings.Contains(path, ":") {
		return path, func() {}, nil
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", nil, err
	}
	dir, release, err := s.scratch()
	if err != nil {
		return "", nil, err
	}
	plain = filepath.Join(dir, "alias")
	if err := os.Symlink(absolute, plain); err != nil {
		release()
		return "", nil, err
	}
	return plain, release, nil
}

// sweep removes scratch folders that no process holds.
func (s *Store) sweep(base string) {
	entries, err := os.ReadDir(base)
	if err != nil {
		return // making one will say why
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), scratchPrefix) {
			continue
		}
		dir := filepath.Join(base, entry.Name())
		lock, ok := lockDir(dir)
		if !ok {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			s.log.Warn("stale scratch folder not removed", "path", dir, "error", err)
		}
		_ = lock.Close()
	}
}

// lockDir locks a folder of ours without waiting; ok is false when somebody
// else holds it, or it is gone or not ours.
func lockDir(dir string) (lock *os.File, ok bool) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, false
	}
	lock = os.NewFile(uintptr(fd), dir)
	var held, named unix.Stat_t
	err = errors.Join(unix.Fstat(fd, &held), unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB), unix.Lstat(dir, &named))
	if err != nil || held.Ino != named.Ino || held.Dev != named.Dev || int(held.Uid) != os.Geteuid() {
		_ = lock.Close()
		return nil, false
	}
	return lock, true
}
