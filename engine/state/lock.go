package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/internal/filename"
)

// Lock makes the caller the only one, in this process and any other, who
// changes pods of that key. The file is for helpers to inherit: a helper that
// outlives its killed caller keeps the lock until its work is done. Close it to
// unlock.
func (s *Store) Lock(ctx context.Context, key spec.PodKey) (*os.File, error) {
	path := s.LockPath(key)
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lock pod %s: %w", key, err)
		}
		if err := flock(ctx, f); err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("lock pod %s: %w", key, err)
		}
		if same(f, path) {
			return f, nil
		}
		_ = f.Close() // the last holder removed the file while we waited
	}
}

// LockPath is the file of that key's lock; it is there while somebody has it.
func (d Dirs) LockPath(key spec.PodKey) string {
	return filepath.Join(d.locks(), filename.Fit(key.Namespace, key.Name, ""))
}

// Unlock gives the lock up. With remove, the file goes too: the pod is gone.
func (s *Store) Unlock(f *os.File, remove bool) error {
	var err error
	if remove && same(f, f.Name()) {
		err = os.Remove(f.Name())
	}
	return errors.Join(err, f.Close())
}

// flock waits for the lock without tying up a thread that ctx cannot free: it
// asks, with growing pauses, until it gets it.
func flock(ctx context.Context, f *os.File) error {
	pause := time.Millisecond
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("somebody else is changing it: %w", ctx.Err())
		case <-time.After(pause):
			pause = min(2*pause, 50*time.Millisecond)
		}
	}
}

// same reports whether path still names the open file.
func same(f *os.File, path string) bool {
	open, err1 := f.Stat()
	named, err2 := os.Stat(path)
	return err1 == nil && err2 == nil && os.SameFile(open, named)
}

// waitFlock waits for a lock that is only ever held for a moment.
func waitFlock(f *os.File) error {
	for {
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
