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

	"berth/internal/atomicfile"
)

// writePid writes a process's number where a person wants it; nowhere if path is
// empty. Everybody may read it: service managers run as anybody.
func writePid(path string, pid int) error {
	if path == "" {
		return nil
	}
	if err := atomicfile.WriteVolatile(path, []byte(strconv.Itoa(pid)), 0o644); err != nil {
		return fmt.Errorf("write a process's number: %w", err)
	}
	return nil
}

// removePid removes what writePid wrote; what is no number is not ours to remove.
func removePid(path string) error {
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
	data, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return err
	}
	if _, err := strconv.Atoi(strings.TrimSpace(string(data))); err != nil {
		return nil
	}
	return atomicfile.Remove(path)
}
