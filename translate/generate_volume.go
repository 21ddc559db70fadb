package translate

import (
	"maps"
	"slices"
	"strings"

	"github.com/docker/go-units"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"

	"berth/engine/spec"
	"berth/internal/source"
	"berth/kube"
)

func (g *generator) volumes() {
	for i := range g.pod.Volumes {
		v := &g.pod.Volumes[i]
		out := corev1.Volume{Name: validName(v.Name)}
		switch {
		case v.Host != nil:
			out.HostPath = &corev1.HostPathVolumeSource{Path: v.Host.Path}
			if v.Host.Type != spec.HostExists { // a word of ours: Kubernetes looks at what is there only if told what
				out.HostPath.Type = (*corev1.HostPathType)(&v.Host.Type)
			}
		case v.Named != nil && v.Named.Anonymous:
			out.EmptyDir = &corev1.EmptyDirVolumeSource{}
		case v.Named != nil:
			out.PersistentVolumeClaim = &corev1.PersistentVolumeClaimVolumeSource{ClaimName: g.claimName(v.Named.Volume), ReadOnly: v.Named.ReadOnly}
		case v.Files != nil:
			g.lost("it is not known where the files of volume %s come from: an empty one takes their place, make it a configMap or a secret", v.Name)
			out.EmptyDir = &corev1.EmptyDirVolumeSource{}
		case v.Tmpfs != nil:
			out.EmptyDir = g.tmpfs(v)
		case v.Image != nil:
			out.Image = &corev1.ImageVolumeSource{Reference: v.Image.Image}
			if v.Image.Writable {
				g.lost("an image is read-only in Kubernetes, volume %s is not", v.Name)
			}
		default:
			out.EmptyDir = &corev1.EmptyDirVolumeSource{}
			if v.Empty != nil && v.Empty.Memory {
				out.EmptyDir.Medium = corev1.StorageMediumMemory
			}
			if v.Empty != nil && v.Empty.SizeLimit > 0 {
				out.EmptyDir.SizeLimit = resource.NewQuantity(v.Empty.SizeLimit, resource.BinarySI)
			}
		}
		if v.Overlay != nil {
			g.lost("Kubernetes has no field for an overlay: what is written to volume %s stays in it", v.Name)
		}
		g.out.Spec.Volumes = append(g.out.Spec.Volumes, out)
	}
}

// tmpfs is a file system in memory, of the size it was given.
func (g *generator) tmpfs(v *spec.Volume) *corev1.EmptyDirVolumeSource {
	out := &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}
	var unsaid []string
	if v.Tmpfs.Kind != "" {
		unsaid = append(unsaid, v.Tmpfs.Kind)
	}
	for _, option := range v.Tmpfs.Options {
		if text, ok := strings.CutPrefix(option, "size="); ok {
			if n, err := units.RAMInBytes(text); err == nil {
				out.SizeLimit = resource.NewQuantity(n, resource.BinarySI)
				continue
			}
		}
		if !slices.Contains([]string{"rw", "exec", "nosuid", "nodev", "tmpcopyup"}, option) { // those go without saying
			unsaid = append(unsaid, option)
		}
	}
	if len(unsaid) > 0 {
		g.lost("Kubernetes has no field for %s of the tmpfs %s: it is left out", strings.Join(unsaid, ", "), v.Name)
	}
	return out
}

// claimName is the claim that stands for a volume, where a name of Kubernetes can.
func (g *generator) claimName(volume string) string {
	claim := claimOf(g.pod.Namespace, volume)
	valid := validSubdomain(claim)
	if VolumeName(g.pod.Namespace, valid) != volume {
		g.lost("volume %s is not what the claim %s stands for in namespace %s: its data is not found there", volume, valid, g.pod.Namespace)
	}
	return valid
}

// claimOf is the way back of VolumeName.
func claimOf(namespace, volume string) string {
	if namespace == spec.DefaultNamespace {
		return volume
	}
	return strings.TrimPrefix(volume, namespace+"_")
}

// validSubdomain is a name as pods and claims can have it: labels with dots
// between them.
func validSubdomain(name string) string {
	if len(validation.IsDNS1123Subdomain(name)) == 0 {
		return name
	}
	return validName(name)
}

// GenerateClaim is the PersistentVolumeClaim that stands for a volume, with
// podman's annotations for what Kubernetes has no field for.
func GenerateClaim(v spec.NamedVolume) (Generated, source.Diagnostics) {
	namespace, claim := spec.DefaultNamespace, v.Volume
	if ns, rest, ok := strings.Cut(v.Volume, "_"); ok && len(validation.IsDNS1123Label(ns)) == 0 && VolumeName(ns, rest) == v.Volume {
		namespace, claim = ns, rest
	}
	name := validSubdomain(claim)
	key := kube.Key{Kind: "PersistentVolumeClaim", Namespace: namespace, Name: name}
	var ds source.Diagnostics
	if VolumeName(namespace, name) != v.Volume {
		ds = append(ds, source.Diagnostic{Field: "volume " + v.Volume, Warning: true,
			Message: "Kubernetes takes no claim of this name: it is called " + name + ", and its data is not found there"})
	}
	meta := map[string]any{"name": name}
	if namespace != spec.DefaultNamespace {
		meta["namespace"] = namespace
	}
	if len(v.Labels) > 0 {
		meta["labels"] = anyMap(v.Labels)
	}
	annotations, unsaid := claimAnnotations(v.Options)
	if len(annotations) > 0 {
		meta["annotations"] = annotations
	}
	for _, option := range unsaid {
		ds = append(ds, source.Diagnostic{Field: "volume " + v.Volume, Warning: true, Message: "neither Kubernetes nor podman has a word in a claim for the option " + option})
	}
	return Generated{key, map[string]any{
		"apiVersion": "v1", "kind": key.Kind, "metadata": meta,
		"spec": map[string]any{ // podman's: a volume here knows neither
			"accessModes": []any{string(corev1.ReadWriteOnce)},
			"resources":   map[string]any{"requests": map[string]any{"storage": "1Gi"}},
		},
	}}, ds
}

// claimAnnotations say what a volume was made with; unsaid are the options they
// have no word for.
func claimAnnotations(options map[string]string) (out map[string]any, unsaid []string) {
	out = map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(options)) {
		value := options[key]
		switch key {
		case "device", "type", "uid", "gid":
			out[claimPrefix+key] = value
		case "o":
			var rest []string
			for word := range strings.SplitSeq(value, ",") {
				name, id, _ := strings.Cut(word, "=")
				if name == "uid" || name == "gid" {
					out[claimPrefix+name] = id
					continue
				}
				rest = append(rest, word)
			}
			if len(rest) > 0 {
				out[claimPrefix+"mount-options"] = strings.Join(rest, ",")
			}
		default:
			unsaid = append(unsaid, key)
		}
	}
	return out, unsaid
}

func anyMap(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}
