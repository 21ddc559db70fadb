package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
)

// Bounds, in bytes.
const (
	mostFile = 512 << 10
	mostLine = 8 << 10
)

// Journal is the journal in a folder. Many processes may have one each.
type Journal struct{ dir string }

// New returns the journal in a folder, which is made when it is first written to.
func New(dir string) *Journal { return &Journal{dir} }

func (j *Journal) current() string { return filepath.Join(j.dir, "acts") }
func (j *Journal) before() string  { return filepath.Join(j.dir, "acts.1") }

// Add appends an act.
func (j *Journal) Add(a spec.Act) error {
	line, err := lineOf(a)
	if err != nil {
		return err
	}
	f, err := j.open()
	if err != nil {
		return fmt.Errorf("open the journal: %w", err)
	}
	defer f.Close()
	if _, err := f.Write(line); err != nil {
		return fmt.Errorf("write to the journal: %w", err)
	}
	return j.rotate(f)
}

// lineOf is an act as a line. Of one with many or long labels these are left out.
func lineOf(a spec.Act) ([]byte, error) {
	line, err := json.Marshal(a)
	if err == nil && len(line) >= mostLine {
		a.Attributes = nil
		a.Error = a.Error[:min(len(a.Error), mostLine/4)]
		line, err = json.Marshal(a)
	}
	if err == nil && len(line) >= mostLine {
		err = fmt.Errorf("an act of %d bytes is too long for the journal", len(line))
	}
	return append(line, '\n'), err
}

func (j *Journal) open() (*os.File, error) {
	open := func() (*os.File, error) {
		return os.OpenFile(j.current(), os.O_APPEND|os.O_CREATE|os.O_WRONLY|unix.O_NOFOLLOW, 0o600)
	}
	f, err := open()
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return nil, err
	}
	return open()
}

// rotate begins a new file if f, which was just written to, has become too long.
// Of those who find so at once one does it.
func (j *Journal) rotate(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Size() < mostFile {
		return err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil
		}
		return fmt.Errorf("lock the journal: %w", err)
	}
	now, err := os.Lstat(j.current())
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, now) {
		return nil // it was done
	}
	if err != nil {
		return err
	}
	return os.Rename(j.current(), j.before())
}
