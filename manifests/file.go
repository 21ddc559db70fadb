package manifests

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// maxFile is how large one file may be; kube's decoder accepts no more.
const maxFile = 4 << 20

// errBusy is a file that somebody has open for writing.
var errBusy = errors.New("it is being written")

// errTooLarge is a file of more than maxFile.
var errTooLarge = fmt.Errorf("it is larger than %d MiB: split it", maxFile>>20)

// stamp is by what a changed file is told from an unchanged one without reading it.
type stamp struct {
	dev, ino     uint64
	size         int64
	mtime, ctime unix.Timespec
}

func stampOf(st *unix.Stat_t) stamp {
	return stamp{uint64(st.Dev), st.Ino, st.Size, st.Mtim, st.Ctim} //nolint:unconvert // Dev is 32 bits wide on some platforms
}

// racy reports whether the file changed so shortly before it was looked at that
// a later change may bear the same times: file systems count in ticks.
func (s stamp) racy(looked time.Time) bool {
	return looked.Sub(time.Unix(s.ctime.Unix())) < 2*time.Second
}

// readRegular reads a regular file of bounded size. It neither waits for a
// writer, as opening a fifo would, nor follows what was swapped in after it was
// opened. With wary set, a file that is open for writing is errBusy.
//
// It makes the system calls itself: os.File would make twice as many, and there
// are hundreds of files.
func readRegular(path string, wary bool) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	for errors.Is(err, unix.EINTR) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	switch err := unix.Fstat(fd, &st); {
	case err != nil:
		return nil, &os.PathError{Op: "stat", Path: path, Err: err}
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, errors.New("it is not a regular file")
	case st.Size > maxFile:
		return nil, errTooLarge
	case wary && openForWriting(fd):
		return nil, errBusy
	}
	data := make([]byte, 0, st.Size+1) // one more, to see its end
	for len(data) <= maxFile {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		n, err := unix.Read(fd, data[len(data):cap(data)])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, fmt.Errorf("read it: %w", err)
		case n == 0:
			return data, nil
		}
		data = data[:len(data)+n]
	}
	return nil, errTooLarge
}

// openForWriting reports whether anybody has the file open for writing: only
// then is a read lease refused with EAGAIN (fcntl(2), F_SETLEASE). Where leases
// do not exist, the answer is no.
func openForWriting(fd int) bool {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK)
	if err == nil {
		_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_UNLCK) // closing gives it up as well
	}
	return errors.Is(err, unix.EAGAIN)
}

// readBounded reads all there is, up to the limit.
func readBounded(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read it: %w", err)
	}
	if len(data) > maxFile {
		return nil, errTooLarge
	}
	return data, nil
}
