package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
)

// logFollower reads one log: its backlog, then what is added.
//
// Rotation renames the file and has conmon open a new one. Whoever follows
// keeps the old one open, so it reads that to its end before it goes on in the
// new one. The folder is watched, not the file: its events tell of both.
type logFollower struct {
	ctx     context.Context
	path    string
	options LogOptions
	lines   *joiner
	current *os.File // nil while there is none
	watcher *fsnotify.Watcher
}

// open opens the current file and, to follow, watches first, so that nothing
// is missed between the two.
func (f *logFollower) open() error {
	if f.options.Follow {
		w, err := fsnotify.NewWatcher()
		if err != nil {
			return fmt.Errorf("follow log: %w", err)
		}
		if err := w.Add(filepath.Dir(f.path)); err != nil {
			_ = w.Close()
			return fmt.Errorf("follow log: %w", err)
		}
		f.watcher = w
	}
	if err := f.reopen(); err != nil {
		f.close()
		return err
	}
	return nil
}

func (f *logFollower) reopen() error {
	file, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if f.current != nil {
		_ = f.current.Close()
	}
	f.current = file
	return nil
}

func (f *logFollower) close() {
	if f.current != nil {
		_ = f.current.Close()
	}
	if f.watcher != nil {
		_ = f.watcher.Close()
	}
}

// follow reads what is added until the context or Done ends.
func (f *logFollower) follow() error {
	for {
		if err := f.catchUp(); err != nil {
			return err
		}
		select {
		case <-f.ctx.Done():
			return f.ctx.Err()
		case <-f.options.Done:
			return f.catchUp()
		case err, ok := <-f.watcher.Errors:
			if !ok {
				return nil
			}
			// Events were lost; what matters is in the file.
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				return fmt.Errorf("follow log: %w", err)
			}
		case _, ok := <-f.watcher.Events:
			if !ok {
				return nil
			}
		}
	}
}

// catchUp reads to the end of the log as it is now, through rotations.
func (f *logFollower) catchUp() error {
	for {
		replaced, err := f.replaced()
		if err != nil {
			return err
		}
		if f.current != nil {
			if err := f.truncated(); err != nil {
				return err
			}
			if err := f.readLines(f.current); err != nil {
				return err
			}
		}
		if !replaced {
			return nil
		}
		// Seen before the old file was read to its end: nothing more comes there.
		if err := f.reopen(); err != nil {
			return err
		}
	}
}

// replaced reports whether another file than the open one has the log's name.
func (f *logFollower) replaced() (bool, error) {
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if f.current == nil {
		return true, nil
	}
	open, err := f.current.Stat()
	if err != nil {
		return false, err
	}
	return !os.SameFile(info, open), nil
}

// truncated starts again at the beginning of a file that became shorter.
func (f *logFollower) truncated() error {
	at, err := f.current.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	info, err := f.current.Stat()
	if err != nil {
		return err
	}
	if info.Size() < at {
		_, err = f.current.Seek(0, io.SeekStart)
	}
	return err
}
