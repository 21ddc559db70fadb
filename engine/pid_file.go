package engine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"berth/engine/spec"
	"berth/internal/atomicfile"
)

// mostNumber bounds a file that holds a number or an ID, in bytes.
const mostNumber = 128

// writePid writes a process's number where a person wants it; nowhere if path is
// empty. Everybody may read it: service managers run as anybody.
func writePid(path string, pid int) error {
	if path == "" {
		return nil
	}
	if err := atomicfile.WriteVolatile(path, []byte(strconv.Itoa(pid)), 0o644); err != nil {
		return fmt.Errorf("write a process's number to %s: %w", path, err)
	}
	return nil
}

// removePid removes what writePid wrote; what is no number is not ours to remove.
func removePid(path string) error {
	return removeFileOf(path, func(text string) bool {
		_, err := strconv.Atoi(text)
		return err == nil
	})
}

// removeIDFile removes the file in which a container's ID stands, unless another's
// stands there by now.
func removeIDFile(path string, id spec.ContainerID) error {
	return removeFileOf(path, func(text string) bool { return text == string(id) })
}

// removeFileOf removes a file that a person named, if what it says is ours.
func removeFileOf(path string, ours func(text string) bool) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ELOOP) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, mostNumber))
	if err != nil || !ours(strings.TrimSpace(string(data))) {
		return err
	}
	return atomicfile.Remove(path)
}
