package translate

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"berth/engine/spec"
)

// projected are the files of a volume of several sources.
func (b *builder) projected(v *corev1.ProjectedVolumeSource, field string) []spec.File {
	var out []spec.File
	for i, s := range v.Sources {
		at := fmt.Sprintf("%s[%d]", field, i)
		switch {
		case s.ConfigMap != nil:
			out = append(out, b.files(keySource{b.key("ConfigMap", s.ConfigMap.Name), s.ConfigMap.Optional, s.ConfigMap.Items, at + ".configMap", "name"}, v.DefaultMode)...)
		case s.Secret != nil:
			out = append(out, b.files(keySource{b.key("Secret", s.Secret.Name), s.Secret.Optional, s.Secret.Items, at + ".secret", "name"}, v.DefaultMode)...)
		case s.DownwardAPI != nil:
			out = append(out, b.downward(s.DownwardAPI.Items, v.DefaultMode, at+".downwardAPI.items")...)
		default:
			b.errorf(at, "this source cannot be honoured: use configMap, secret or downwardAPI")
		}
	}
	return out
}

// downward are files that hold what the pod says of itself.
func (b *builder) downward(items []corev1.DownwardAPIVolumeFile, mode *int32, field string) []spec.File {
	var out []spec.File
	for i, item := range items {
		at := fmt.Sprintf("%s[%d]", field, i)
		if !b.filePath(at+".path", item.Path) {
			continue
		}
		file := spec.File{Path: path.Clean(item.Path), Mode: fileMode(mode, item.Mode)}
		if b.downwardValue(&item, &file, at) {
			out = append(out, file)
		}
	}
	return out
}

func (b *builder) downwardValue(item *corev1.DownwardAPIVolumeFile, file *spec.File, field string) bool {
	var value string
	ok := false
	switch {
	case item.FieldRef != nil:
		switch item.FieldRef.FieldPath {
		case "metadata.labels":
			file.Data = mapFile(b.pod.Labels)
			return true
		case "metadata.annotations":
			file.Data = mapFile(b.pod.Annotations)
			return true
		}
		value, ok = b.fieldRef(item.FieldRef, field+".fieldRef.fieldPath")
		file.Late = value == spec.LatePodUID
	case item.ResourceFieldRef != nil:
		value, ok = b.resourceFieldRef(nil, item.ResourceFieldRef, field+".resourceFieldRef")
	default:
		b.errorf(field, "give fieldRef or resourceFieldRef")
	}
	file.Data = []byte(value)
	return ok
}

// mapFile is a map as a kubelet writes it: a line for each key, in order, the
// value quoted as in Go.
func mapFile(m map[string]string) []byte {
	var out bytes.Buffer
	for i, key := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			out.WriteByte('\n')
		}
		out.WriteString(key + "=" + strconv.Quote(m[key]))
	}
	return out.Bytes()
}
