package hostexec

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// helperDirs is where distributions keep programs that are not on PATH.
var helperDirs = []string{"/usr/local/libexec/podman", "/usr/local/lib/podman", "/usr/libexec/podman", "/usr/lib/podman"}

// Find returns the absolute path of a helper: in dirs (containers.conf's
// helper_binaries_dir), then on PATH, then where distributions put podman's
// helpers.
func Find(name string, dirs []string) (string, error) {
	for _, dir := range dirs {
		if path := filepath.Join(dir, name); executable(path) {
			return path, nil
		}
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range helperDirs {
		if path := filepath.Join(dir, name); executable(path) {
			return path, nil
		}
	}
	searched := append(append(append([]string(nil), dirs...), "$PATH"), helperDirs...)
	return "", fmt.Errorf("%s is not installed: looked in %s", name, strings.Join(searched, ", "))
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
