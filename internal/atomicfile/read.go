package atomicfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// ReadFile reads a whole small file, of /proc too. It does in four system calls
// what os.ReadFile does in ten: looking at hundreds of pods is reading thousands
// of such files.
func ReadFile(path string) (data []byte, err error) {
	err = Use(path, func(found []byte) error {
		data = bytes.Clone(found)
		return nil
	})
	return data, err
}

// Use reads a whole small file, as ReadFile does, and hands it to do, which must
// not keep it: the memory is the next file's. Thousands of small files are
// otherwise thousands of pages to clear.
func Use(path string, do func(data []byte) error) error {
	fd, err := retried(func() (int, error) { return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	buffer, ok := buffers.Get().(*[]byte)
	if !ok {
		buffer = &[]byte{}
		*buffer = make([]byte, 0, 4096)
	}
	defer buffers.Put(buffer)
	data, err := readAll(fd, (*buffer)[:0])
	_ = unix.Close(fd) // nothing was written
	if err != nil {
		return &os.PathError{Op: "read", Path: path, Err: err}
	}
	if cap(data) <= keptBuffer {
		*buffer = data
	}
	return do(data)
}

// keptBuffer is how large a buffer may have grown to be kept for the next file.
const keptBuffer = 64 << 10

// buffers holds what files were read into.
var buffers sync.Pool

func readAll(fd int, data []byte) ([]byte, error) {
	for {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		n, err := retried(func() (int, error) { return unix.Read(fd, data[len(data):cap(data)]) })
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return data, nil
		}
		data = data[:len(data)+n]
	}
}

// retried does a system call again that a signal interrupted.
func retried(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// ReadJSON decodes the JSON file at path into v.
func ReadJSON(path string, v any) error {
	return Use(path, func(data []byte) error {
		if err := json.Unmarshal(data, v); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		return nil
	})
}
