package manifests

import (
	"path/filepath"
	"strings"

	"berth/internal/source"
	"berth/kube"
)

// decoder reads the objects of one file.
type decoder func(file string, data []byte) ([]*kube.Object, source.Diagnostics)

// decodeFile reads a file of Kubernetes objects, in which no object may stand twice.
func decodeFile(file string, data []byte) ([]*kube.Object, source.Diagnostics) {
	objects, diags := kube.Decode(file, data)
	return objects, append(diags, kube.Duplicates(objects)...)
}

// isManifest reports whether a file name is one of Kubernetes objects.
func isManifest(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// ignored reports whether a name is hidden or an editor's: those come and go
// while a person types.
func ignored(name string) bool {
	switch {
	case strings.HasPrefix(name, "."), strings.HasSuffix(name, "~"):
		return true
	case strings.HasPrefix(name, "#") && strings.HasSuffix(name, "#"):
		return true
	case name == "4913": // vim's test whether it may write here
		return true
	}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".swp", ".swo", ".swx", ".tmp", ".bak", ".orig", ".part", ".crdownload":
		return true
	}
	return strings.HasSuffix(name, "___jb_tmp___") || strings.HasSuffix(name, "___jb_old___")
}
