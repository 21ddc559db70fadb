package translate

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"berth/engine/spec"
	"berth/internal/source"
)

// podmanPrefix begins the annotations that stand for flags of podman run. They
// may end in "/<container>".
const podmanPrefix = "io.podman.annotations."

// bindOptionsKey is podman's annotation for options of hostPath mounts.
const bindOptionsKey = "bind-mount-options"

// podmanKeys says which of podman's annotations we honour (true). The others
// promise something we would not do and are refused.
func podmanKeys() map[string]bool {
	return map[string]bool{
		"ulimit": true, "pids-limit": true, "cpuset": true, "seccomp": true, "userns": true,

		"apparmor": false, "autoremove": false, "autoremove-image": false, "cid-file": false, "infra.name": false,
		"init": false, "init.container.type": false, "keep-original-groups": false, "kube.health.check": false,
		"kube.image.automount": false, "kube.image.volumes.mount": false, "label": false, "memory-nodes": false,
		"mount-context-type": false, "privileged": false, "publish-all": false, "service.name": false,
		"volumes-from": false,
	}
}

// berthPrefix begins annotations of ours, which say what Kubernetes has no field
// for.
const berthPrefix = "berth.io/"

// restartOnChangeKey has a pod restarted where changed ConfigMaps or Secrets
// would only swap its files.
const restartOnChangeKey = berthPrefix + "restart-on-change"

func (b *builder) restartOnChange() bool {
	value, ok := b.pod.Annotations[restartOnChangeKey]
	if ok && value != "true" && value != "false" {
		b.errorf(annotationField(restartOnChangeKey), `want "true" or "false", found %q`, value)
	}
	return value == "true"
}

// checkOwn refuses annotations of ours that do not exist: whoever writes one
// counts on it.
func (b *builder) checkOwn() {
	known := []string{restartOnChangeKey}
	for _, name := range slices.Sorted(maps.Keys(b.pod.Annotations)) {
		if strings.HasPrefix(name, berthPrefix) && !slices.Contains(known, name) {
			b.errorf(annotationField(name), "is not an annotation of berth%s", didYouMeanOneOf(name, known))
		}
	}
}

// isDefault reports values by which a refused annotation asks for what happens
// anyway.
func isDefault(key, value string) bool {
	switch key {
	case "init.container.type":
		return value == "always"
	case "autoremove", "autoremove-image", "init", "privileged", "publish-all", "keep-original-groups":
		return strings.EqualFold(value, "false")
	}
	return false
}

// checkAnnotations refuses annotations of podman that would not be honoured.
// Those of others are left alone.
func (b *builder) checkAnnotations() {
	b.checkOwn()
	known := podmanKeys()
	names := slices.Collect(maps.Keys(known))
	slices.Sort(names)
	for _, name := range slices.Sorted(maps.Keys(b.pod.Annotations)) {
		at := annotationField(name)
		base, container, hasContainer := strings.Cut(name, "/")
		switch base {
		case "io.containers.autoupdate":
			b.checkAutoUpdate(at, name)
		case "io.containers.sdnotify":
			b.warnf(at, "has no effect: systemd is told of berth, not of a pod")
		case "container.apparmor.security.beta.kubernetes.io": // podman reads it, and whoever writes it counts on it
			if b.pod.Annotations[name] != "unconfined" {
				b.errorf(at, "no AppArmor profile is applied to pods of YAML: remove it, or write unconfined")
			}
		}
		key, ours := strings.CutPrefix(base, podmanPrefix)
		if !ours && base != bindOptionsKey {
			continue
		}
		if hasContainer && !slices.Contains(containerNames(b.from), container) {
			b.errorf(at, "the pod has no container %q%s", container, didYouMeanOneOf(container, containerNames(b.from)))
		}
		honoured, isKnown := known[key]
		switch {
		case !ours || honoured || isDefault(key, b.pod.Annotations[name]):
		case isKnown:
			b.errorf(at, "podman's annotation %s cannot be honoured: remove it", base)
		default:
			b.warnf(at, "is not an annotation of podman and has no effect%s", source.DidYouMean(key, names))
		}
	}
}

// checkAutoUpdate refuses what auto-update could not carry out: which containers it
// is about is looked up when it runs.
func (b *builder) checkAutoUpdate(at, name string) {
	words, value := []string{"disabled", "image", "local", "registry"}, b.pod.Annotations[name]
	if !slices.Contains(words, value) {
		b.errorf(at, "%q is no policy%s", value, didYouMeanOneOf(value, words))
	}
	if _, container, ok := strings.Cut(name, "/"); ok && !slices.Contains(containerNames(b.from), container) {
		b.errorf(at, "the pod has no container %q%s", container, didYouMeanOneOf(container, containerNames(b.from)))
	}
}

// podmanAnnotation is the value of a podman annotation for a container: the one
// with its name before that of the whole pod.
func (b *builder) podmanAnnotation(key, container string) (value, field string, ok bool) {
	for _, name := range []string{podmanPrefix + key + "/" + container, podmanPrefix + key} {
		if value, ok = b.pod.Annotations[name]; ok {
			return value, annotationField(name), true
		}
	}
	return "", "", false
}

func annotationField(name string) string { return "metadata.annotations[" + name + "]" }

// resourceAnnotations applies podman's limits that Kubernetes has no field for.
func (b *builder) resourceAnnotations(container string, r *spec.Resources) {
	if value, at, ok := b.podmanAnnotation("pids-limit", container); ok {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < -1 {
			b.errorf(at, "%q is not a number of processes (-1: no limit)", value)
		}
		r.PidsLimit = max(0, n)
	}
	if value, at, ok := b.podmanAnnotation("cpuset", container); ok {
		if !IsCPUSet(value) {
			b.errorf(at, "%q is not a list of cores such as 0-2,4", value)
		}
		r.CPUSet = value
	}
	if value, at, ok := b.podmanAnnotation("ulimit", container); ok && value != "host" {
		for word := range strings.SplitSeq(value, ",") {
			u, err := ParseUlimit(word)
			if err != nil {
				b.errorf(at, "%v", err)
				continue
			}
			r.Ulimits = append(r.Ulimits, u)
		}
	}
}

// IsCPUSet reports whether s has the kernel's list format: "0-2,4".
func IsCPUSet(s string) bool {
	for part := range strings.SplitSeq(s, ",") {
		first, last, isRange := strings.Cut(part, "-")
		low, err := strconv.ParseUint(first, 10, 16)
		if err != nil {
			return false
		}
		if high, err := strconv.ParseUint(last, 10, 16); isRange && (err != nil || high < low) {
			return false
		}
	}
	return true
}

// ParseUlimit reads "name=soft[:hard]"; -1 and unlimited mean no limit.
func ParseUlimit(s string) (spec.Ulimit, error) {
	known := []string{"as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack"}
	name, limits, ok := strings.Cut(strings.TrimSpace(s), "=")
	if !ok {
		return spec.Ulimit{}, fmt.Errorf("%q is not a limit: write name=soft:hard, for example nofile=1024:2048", s)
	}
	name = strings.TrimPrefix(strings.ToLower(name), "rlimit_")
	if !slices.Contains(known, name) {
		return spec.Ulimit{}, fmt.Errorf("unknown limit %q%s", name, didYouMeanOneOf(name, known))
	}
	first, second, _ := strings.Cut(limits, ":")
	soft, err := parseLimit(first)
	if err != nil {
		return spec.Ulimit{}, fmt.Errorf("limit %s: %w", name, err)
	}
	hard, err := parseLimit(cmp.Or(second, first))
	if err != nil {
		return spec.Ulimit{}, fmt.Errorf("limit %s: %w", name, err)
	}
	if soft > hard {
		return spec.Ulimit{}, fmt.Errorf("limit %s: the soft limit %d is above the hard limit %d", name, soft, hard)
	}
	return spec.Ulimit{Name: name, Soft: soft, Hard: hard}, nil
}

func parseLimit(s string) (uint64, error) {
	if s == "-1" || s == "unlimited" {
		return math.MaxUint64, nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number (-1: no limit)", s)
	}
	return n, nil
}

// bindOptions are the options that the annotation bind-mount-options, written
// "<host path>:<option>", gives for a hostPath volume.
func (b *builder) bindOptions(container string, v *spec.Volume) []string {
	if v.Host == nil {
		return nil
	}
	name := bindOptionsKey + "/" + container
	value, ok := b.pod.Annotations[name]
	if !ok {
		name = bindOptionsKey
		value = b.pod.Annotations[name]
	}
	i := strings.LastIndex(value, ":")
	if i < 0 || b.onHost(value[:i]) != v.Host.Path {
		return nil
	}
	known := []string{"z", "Z", "U", "noexec", "nosuid", "nodev"}
	options := strings.Split(value[i+1:], ",")
	for _, o := range options {
		if !slices.Contains(known, o) {
			b.errorf(annotationField(name), "unknown mount option %q%s", o, didYouMeanOneOf(o, known))
		}
	}
	return options
}

func containerNames(pod *corev1.PodSpec) []string {
	var names []string
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		names = append(names, c.Name)
	}
	return names
}

// didYouMeanOneOf is a suggestion, or else all there is to choose from.
func didYouMeanOneOf(word string, known []string) string {
	if hint := source.DidYouMean(word, known); hint != "" {
		return hint
	}
	if len(known) == 0 {
		return ""
	}
	return ": use one of " + strings.Join(known, ", ")
}
