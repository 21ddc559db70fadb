package oci

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"berth/engine/spec"
	"berth/internal/atomicfile"
)

// ReadExit reads the file conmon leaves in the exit folder dir when a container
// ends. ok is false while there is none. Codes are a shell's: 128 + n for a
// process killed by signal n.
func ReadExit(dir string, id spec.ContainerID) (code int, finished time.Time, ok bool, err error) {
	path := filepath.Join(dir, string(id))
	data, err := atomicfile.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, time.Time{}, false, nil
	}
	if err != nil {
		return 0, time.Time{}, false, err
	}
	code, err = strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0, time.Time{}, false, fmt.Errorf("read exit file %s: %w", path, err)
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, time.Time{}, false, nil
	}
	if err != nil {
		return 0, time.Time{}, false, err
	}
	return code, info.ModTime(), true, nil
}
