package translate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"berth/engine/spec"
	"berth/internal/source"
	"berth/kube"
)

// claimPrefix begins podman's annotations of a PersistentVolumeClaim.
const claimPrefix = "volume.podman.io/"

// VolumeName is the name on this host of a claim's volume: the claim's own in
// the default namespace, "<namespace>_<claim>" in others. No Kubernetes name
// holds an underscore, so two claims never share a volume. One too long for a
// volume is cut, and ends with a digest of the whole.
func VolumeName(namespace, claim string) string {
	if namespace == spec.DefaultNamespace {
		return claim
	}
	name := namespace + "_" + claim
	if len(name) > longestVolume {
		name = name[:longestVolume-len("_")-volumeHashLen] + "_" + safeEncode(volumeHashLen, []byte(name))
	}
	return name
}

const (
	longestVolume = 253
	volumeHashLen = 20
)

// Volumes are the volumes that the claims of set stand for, used by a pod or not.
func Volumes(set *kube.Set) ([]spec.NamedVolume, source.Diagnostics) {
	var volumes []spec.NamedVolume
	var ds source.Diagnostics
	for _, o := range set.Objects {
		if o.PersistentVolumeClaim != nil {
			v, more := claimVolume(o)
			volumes = append(volumes, v)
			ds = append(ds, more...)
		}
	}
	return volumes, ds
}

// claim is the volume of a claim. Like podman we make one that nothing declares.
func (b *builder) claim(from *corev1.PersistentVolumeClaimVolumeSource, field string) *spec.NamedVolume {
	key := b.key("PersistentVolumeClaim", from.ClaimName)
	volume := spec.NamedVolume{Volume: VolumeName(key.Namespace, key.Name)}
	if o, ok := b.index.objects[key]; ok && o.PersistentVolumeClaim != nil {
		declared, ds := claimVolume(o)
		volume = declared
		b.diagnostics = append(b.diagnostics, ds...)
		if ds.Err() != nil {
			b.errorf(field, "%s has errors", key)
		}
	}
	volume.ReadOnly = from.ReadOnly
	return &volume
}

func claimVolume(o *kube.Object) (spec.NamedVolume, source.Diagnostics) {
	v := spec.NamedVolume{Volume: VolumeName(o.Namespace, o.Name), Labels: o.PersistentVolumeClaim.Labels, Options: map[string]string{}}
	var ds source.Diagnostics
	fail := func(key, format string, args ...any) {
		field := annotationField(claimPrefix + key)
		ds = append(ds, source.Diagnostic{Pos: o.Fields.At(field), Field: field, Message: fmt.Sprintf(format, args...)})
	}
	mount := map[string]string{}
	for name, value := range o.PersistentVolumeClaim.Annotations {
		key, ours := strings.CutPrefix(name, claimPrefix)
		if !ours {
			continue
		}
		switch key {
		case "driver":
			if value != "" && value != "local" {
				fail(key, "volume driver %q is not supported: use local", value)
			}
		case "device", "type":
			v.Options[key] = value
		case "uid", "gid":
			if _, err := strconv.ParseUint(value, 10, 32); err != nil {
				fail(key, "%q is not a numeric ID", value)
			}
			mount[key] = key + "=" + value
		case "mount-options":
			mount[key] = value
		default:
			known := []string{"driver", "device", "type", "uid", "gid", "mount-options"}
			fail(key, "this annotation cannot be honoured%s", didYouMeanOneOf(key, known))
		}
	}
	if mount["mount-options"] != "" && v.Options["device"] == "" && v.Options["type"] == "" {
		fail("mount-options", "nothing is mounted for this claim: give the annotation %sdevice or %stype, too", claimPrefix, claimPrefix)
	}
	words := unique([]string{mount["uid"], mount["gid"], mount["mount-options"]})
	if len(words) > 0 {
		v.Options["o"] = strings.Join(words, ",")
	}
	slices.SortFunc(ds, func(x, y source.Diagnostic) int { return strings.Compare(x.Field, y.Field) })
	return v, ds
}
