package oci

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

// LogOptions say which lines of a log are read.
type LogOptions struct {
	Tail   int       // the last n lines; 0 or less: all
	Since  time.Time // zero: from the start
	Until  time.Time // zero: to the end
	Stream string    // "stdout" or "stderr"; empty: both
	Follow bool
	// Done ends following once what is there by then has been read: the
	// container has ended.
	Done <-chan struct{}
}

// maxRawLine bounds one line of the file: conmon writes what it read at once,
// some kilobytes; a longer one was not written by it and is cut.
const maxRawLine = 1 << 20

// ReadLog hands the lines of a k8s-file log to each, oldest first, rotated
// files (path.1 …) included, and follows the file when asked, across rotation.
// An error of each ends it and is returned. A log that is not there yet is
// empty. Lines that are not of the form are left out.
func ReadLog(ctx context.Context, path string, o LogOptions, each func(Line) error) error {
	f := &logFollower{ctx: ctx, path: path, options: o}
	f.lines = newJoiner(o.filter(each))
	if err := f.open(); err != nil {
		return err
	}
	defer f.close()
	err := f.backlog()
	if err == nil && o.Follow {
		err = f.follow()
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	if err != nil {
		return err
	}
	err = f.lines.flush()
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// errEnough ends reading where no later line can be wanted.
var errEnough = errors.New("no more lines wanted")

// wanted reports whether a line is within what the options ask for.
func (o LogOptions) wanted(l Line) bool {
	return (o.Stream == "" || l.Stream == o.Stream) && (o.Since.IsZero() || !l.Time.Before(o.Since))
}

// filter drops the lines that are not wanted and ends behind the last one.
func (o LogOptions) filter(each func(Line) error) func(Line) error {
	return func(l Line) error {
		if !o.Until.IsZero() && l.Time.After(o.Until) {
			return errEnough
		}
		if !o.wanted(l) {
			return nil
		}
		return each(l)
	}
}

// backlog reads what is there: of the rotated files, then of the current one.
func (f *logFollower) backlog() error {
	files, err := f.sources()
	if err != nil {
		return err
	}
	defer f.closeRotated(files)
	start := 0
	var offset int64
	if f.options.Tail > 0 {
		if start, offset, err = f.tailStart(files); err != nil {
			return err
		}
	}
	for i := start; i < len(files); i++ {
		if _, err := files[i].Seek(offset, io.SeekStart); err != nil {
			return err
		}
		offset = 0
		if err := f.readLines(files[i]); err != nil {
			return err
		}
	}
	return nil
}

// sources opens the rotated files, oldest first, and path.0 if that is not the
// current one any more (TendLog). Following goes on in the current one, which
// stays open; it comes last.
func (f *logFollower) sources() ([]*os.File, error) {
	var files []*os.File
	current, err := statOf(f.current)
	if err != nil {
		return nil, err
	}
	var last os.FileInfo
	for n := highestRotated(f.path); n >= 0; n-- {
		file, err := os.Open(rotatedPath(f.path, n))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			f.closeRotated(files)
			return nil, err
		}
		// Rotated since the current one was opened, it is the same file.
		info, err := file.Stat()
		if err == nil && (current != nil && os.SameFile(info, current) || last != nil && os.SameFile(info, last)) {
			_ = file.Close()
			continue
		}
		last = info
		files = append(files, file)
	}
	if f.current != nil {
		files = append(files, f.current)
	}
	return files, nil
}

func statOf(f *os.File) (os.FileInfo, error) {
	if f == nil {
		return nil, nil
	}
	return f.Stat()
}

// closeRotated closes the rotated files; the current one stays open to be followed.
func (f *logFollower) closeRotated(files []*os.File) {
	for _, file := range files {
		if file != f.current {
			_ = file.Close()
		}
	}
}

// readLines reads complete lines to the end of a file, and leaves the file
// behind the last of them.
func (f *logFollower) readLines(file *os.File) error {
	at, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	r := bufio.NewReaderSize(file, 64<<10)
	for {
		if err := f.ctx.Err(); err != nil {
			return err
		}
		raw, n, err := readRaw(r)
		if errors.Is(err, io.EOF) {
			_, err := file.Seek(at, io.SeekStart)
			return err
		}
		if err != nil {
			return err
		}
		at += n
		line, err := parseLogLine(raw)
		if err != nil {
			continue
		}
		if err := f.lines.add(line); err != nil {
			return err
		}
	}
}

// readRaw reads one line; n is its length in the file. What is over
// maxRawLine is cut.
func readRaw(r *bufio.Reader) (line []byte, n int64, err error) {
	for {
		part, err := r.ReadSlice('\n')
		n += int64(len(part))
		if len(line) < maxRawLine {
			line = append(line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return nil, n, err
		}
		return bytes.TrimSuffix(line, []byte{'\n'}), n, nil
	}
}

// tailStart finds where the last wanted lines begin: the file and the offset
// in it. It reads backwards, only as far as it must.
func (f *logFollower) tailStart(files []*os.File) (index int, offset int64, err error) {
	need := f.options.Tail
	for i := len(files) - 1; i >= 0; i-- {
		offset, found, err := f.tailOffset(files[i], need)
		if err != nil {
			return 0, 0, err
		}
		need -= found
		if need <= 0 || i == 0 {
			return i, offset, nil
		}
	}
	return 0, 0, nil
}

// tailOffset walks a file backwards until need wanted lines, ends of partial
// ones counted once, lie behind the offset it returns.
func (f *logFollower) tailOffset(file *os.File, need int) (offset int64, found int, err error) {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, 0, err
	}
	b := &backwards{file: file, at: size}
	count := 0
	end := size
	for {
		raw, start, err := b.line()
		if errors.Is(err, io.EOF) {
			return 0, count, nil
		}
		if err != nil {
			return 0, 0, err
		}
		line, err := parseLogLine(raw)
		// A whole line, or the end of one: the parts before it belong to it.
		if err == nil && !line.Partial && f.options.countable(line) {
			if count == need {
				return end, count, nil
			}
			count++
		}
		end = start
	}
}

// countable is wanted, without the lines behind Until.
func (o LogOptions) countable(l Line) bool {
	return o.wanted(l) && (o.Until.IsZero() || !l.Time.After(o.Until))
}

// backwards reads a file's lines from its end.
type backwards struct {
	file *os.File
	at   int64  // where buf begins in the file
	buf  []byte // read, not yet handed out
}

const backwardsChunk = 32 << 10

// line returns the last line not yet returned and where it begins. A tail
// without a newline is no line yet and is left out.
func (b *backwards) line() ([]byte, int64, error) {
	for {
		if end := bytes.LastIndexByte(b.buf, '\n'); end >= 0 {
			begin := bytes.LastIndexByte(b.buf[:end], '\n')
			if begin >= 0 || b.at == 0 {
				line := b.buf[begin+1 : end]
				start := b.at + int64(begin+1)
				b.buf = b.buf[:begin+1]
				return line, start, nil
			}
			if end > maxRawLine {
				return nil, 0, io.EOF
			}
		} else {
			b.buf = nil // of the tail that is no line, nothing is needed
		}
		if b.at == 0 {
			return nil, 0, io.EOF
		}
		n := min(b.at, backwardsChunk)
		chunk := make([]byte, n, n+int64(len(b.buf)))
		if _, err := b.file.ReadAt(chunk, b.at-n); err != nil && !errors.Is(err, io.EOF) {
			return nil, 0, err
		}
		b.buf, b.at = append(chunk, b.buf...), b.at-n
	}
}
