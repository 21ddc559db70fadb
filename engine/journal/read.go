package journal

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/fsnotify/fsnotify"

	"berth/engine/spec"
)

// Read calls each with all acts, the oldest first; with follow it goes on with
// those that come, until ctx ends. An error of each ends it, and is returned.
func (j *Journal) Read(ctx context.Context, follow bool, each func(spec.Act) error) error {
	r := &reader{journal: j, each: each}
	defer r.close()
	if !follow {
		return r.read()
	}
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return err
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch the journal: %w", err)
	}
	defer w.Close()
	if err := w.Add(j.dir); err != nil {
		return fmt.Errorf("watch the journal: %w", err)
	}
	for {
		if err := r.read(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.Events:
		case <-w.Errors: // events were lost: look
		}
	}
}

// reader reads the lines of the journal's files, each once.
type reader struct {
	journal *Journal
	each    func(spec.Act) error
	file    *os.File // the one that is read; nil: none yet
	lines   *bufio.Reader
	part    []byte // of a line that is not whole yet
}

func (r *reader) close() {
	if r.file != nil {
		_ = r.file.Close()
	}
}

// read reads on to the end of the newest file.
func (r *reader) read() error {
	for {
		if r.file != nil {
			if err := r.drain(); err != nil {
				return err
			}
		}
		next, err := r.next()
		if err != nil || next == nil {
			return err
		}
		if r.file != nil { // what was written between the look at its end and its renaming
			if err := r.drain(); err != nil {
				return err
			}
		}
		r.close()
		r.file, r.lines, r.part = next, bufio.NewReader(next), nil
	}
}

// next is the file after the one that is read, nil if that is the newest.
func (r *reader) next() (*os.File, error) {
	before, err := open(r.journal.before())
	if err != nil {
		return nil, err
	}
	current, err := open(r.journal.current())
	if err != nil {
		return nil, errors.Join(err, shut(before))
	}
	switch {
	case r.is(current):
		return nil, errors.Join(shut(before), shut(current))
	case before == nil || r.is(before):
		return current, shut(before)
	}
	// It is the older one that comes first. Where that is the one that was opened
	// as the current one, too, the renaming came in between.
	return before, shut(current)
}

func (r *reader) is(f *os.File) bool {
	if r.file == nil || f == nil {
		return false
	}
	a, err1 := r.file.Stat()
	b, err2 := f.Stat()
	return err1 == nil && err2 == nil && os.SameFile(a, b)
}

// open opens a file, nil if it is not there.
func open(path string) (*os.File, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return f, err
}

func shut(f *os.File) error {
	if f == nil {
		return nil
	}
	return f.Close()
}

// drain reads to the end of the file. What is no act is skipped, and so is a line
// that is longer than any of ours.
func (r *reader) drain() error {
	for {
		line, err := r.lines.ReadSlice('\n')
		if len(r.part)+len(line) <= 2*mostLine {
			r.part = append(r.part, line...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the journal: %w", err)
		}
		var a spec.Act
		err = json.Unmarshal(r.part, &a)
		r.part = r.part[:0]
		if err != nil || a.Type == "" {
			continue
		}
		if err := r.each(a); err != nil {
			return err
		}
	}
}
