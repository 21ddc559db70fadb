package translate

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"berth/engine/spec"
	"berth/kube"
)

// defaultFileMode is the mode of ConfigMap and Secret files.
const defaultFileMode = 0o644

// keySource is a ConfigMap or a Secret whose keys become files, or only those
// that items name. name is the field that names the object.
type keySource struct {
	object   kube.Key
	optional *bool
	items    []corev1.KeyToPath
	field    string
	name     string
}

// files are the files of one source. mode is the volume's.
func (b *builder) files(s keySource, mode *int32) []spec.File {
	content, ok := b.config(s.object, s.optional, s.field+"."+s.name)
	if !ok {
		return nil
	}
	var out []spec.File
	if s.items == nil {
		for _, k := range content.keys() {
			data, _ := content.data(k)
			out = append(out, spec.File{Path: k, Mode: fileMode(mode, nil), Data: data})
		}
	}
	for i, item := range s.items {
		at := fmt.Sprintf("%s.items[%d]", s.field, i)
		data, found := content.data(item.Key)
		switch {
		case !b.filePath(at+".path", item.Path):
		case found:
			out = append(out, spec.File{Path: path.Clean(item.Path), Mode: fileMode(mode, item.Mode), Data: data})
		case !isTrue(s.optional):
			kind := map[string]string{"ConfigMap": "config", "Secret": "secret"}[s.object.Kind]
			b.lackf(fmt.Sprintf("%s references non-existent %s key: %s", strings.ToLower(s.object.Kind), kind, item.Key),
				at+".key", "%s", content.missingKey(s.object, item.Key))
		}
	}
	return out
}

// filePath refuses a path that leaves its volume.
func (b *builder) filePath(field, p string) bool {
	if path.IsAbs(p) || p == "" || slices.Contains(splitPath(p), "..") {
		b.errorf(field, "%q leaves the volume: give a relative path without ..", p)
		return false
	}
	return true
}

// filesVolume is a volume of files. Of two with one path the later wins.
func filesVolume(files []spec.File) *spec.FilesVolume {
	byPath := map[string]spec.File{}
	for _, f := range files {
		byPath[f.Path] = f
	}
	out := &spec.FilesVolume{}
	for _, p := range slices.Sorted(maps.Keys(byPath)) {
		out.Files = append(out.Files, byPath[p])
	}
	out.Content = contentDigest(out.Files)
	return out
}

func fileMode(volume, item *int32) uint32 {
	switch {
	case item != nil:
		return uint32(*item) & 0o777
	case volume != nil:
		return uint32(*volume) & 0o777
	}
	return defaultFileMode
}

// contentDigest identifies a set of files: names, modes and data.
func contentDigest(files []spec.File) string {
	h := sha256.New()
	part := func(data []byte) {
		_ = binary.Write(h, binary.BigEndian, uint64(len(data))) // a hash takes everything
		h.Write(data)
	}
	for _, f := range files {
		part([]byte(f.Path))
		part(binary.BigEndian.AppendUint32(nil, f.Mode))
		part(f.Data)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func splitPath(p string) []string { return strings.Split(p, "/") }
