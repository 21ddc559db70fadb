package hostexec

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	return "", &MissingError{Name: name, Package: packageOf(name), Searched: slices.Concat(dirs, []string{"$PATH"}, helperDirs)}
}

// MissingError is a program that this host does not have.
type MissingError struct {
	Name     string
	Package  string   // of Debian, and most others, that has it
	Searched []string // where it was looked for
}

// Error says what to install.
func (e *MissingError) Error() string {
	return fmt.Sprintf("%s is not installed: install the package %s (looked in %s)", e.Name, e.Package, strings.Join(e.Searched, ", "))
}

// packageOf names the package of a program; most have the same name.
func packageOf(name string) string {
	switch name {
	case "iptables-save", "ip6tables-save", "iptables-restore", "ip6tables-restore":
		return "iptables"
	case "nft":
		return "nftables"
	case "pasta":
		return "passt"
	}
	return name
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
