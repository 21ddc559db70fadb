package translate

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"berth/engine/spec"
	"berth/kube"
)

// defaultFileMode is the mode of ConfigMap and Secret files.
const defaultFileMode = 0o644

// files is a volume with the keys of a ConfigMap or Secret as files, or only
// those that items name. nameField is the field that names the object.
func (b *builder) files(key kube.Key, optional *bool, items []corev1.KeyToPath, mode *int32, field, nameField string) *spec.FilesVolume {
	out := &spec.FilesVolume{}
	content, ok := b.config(key, optional, field+"."+nameField)
	if ok && items == nil {
		for _, k := range content.keys() {
			data, _ := content.data(k)
			out.Files = append(out.Files, spec.File{Path: k, Mode: fileMode(mode, nil), Data: data})
		}
	}
	if ok {
		for i, item := range items {
			at := fmt.Sprintf("%s.items[%d]", field, i)
			data, found := content.data(item.Key)
			switch {
			case path.IsAbs(item.Path) || item.Path == "" || slices.Contains(splitPath(item.Path), ".."):
				b.errorf(at+".path", "%q leaves the volume: give a relative path without ..", item.Path)
			case found:
				out.Files = append(out.Files, spec.File{Path: path.Clean(item.Path), Mode: fileMode(mode, item.Mode), Data: data})
			case !isTrue(optional):
				b.errorf(at+".key", "%s", content.missingKey(key, item.Key))
			}
		}
	}
	slices.SortStableFunc(out.Files, func(x, y spec.File) int { return strings.Compare(x.Path, y.Path) })
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
