package translate

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"berth/engine/spec"
	"berth/kube"
)

// templateHashLabel tells the pods of one template from those of another.
const templateHashLabel = "pod-template-hash"

// Lengths of the parts of a replica's name, as Kubernetes has them.
const (
	templateHashLen = 10
	suffixLen       = 5
	maxNameLen      = 63
)

// builders returns one builder for each pod of o, at least one.
func (t *translation) builders(o *kube.Object, opts Options) []*builder {
	if o.Pod != nil {
		b := t.builder(o, opts, "", o.Pod.Labels, o.Pod.Annotations, &o.Pod.Spec)
		b.pod.Name = o.Name
		return []*builder{b}
	}
	template := &o.Deployment.Spec.Template
	hash := templateHash(template)
	names := ReplicaNames(o.Namespace, o.Name, hash, max(1, replicas(o)))
	builders := make([]*builder, len(names))
	for i, name := range names {
		b := t.builder(o, opts, "spec.template.", template.Labels, template.Annotations, &template.Spec)
		b.pod.Name, b.pod.Origin.Ordinal, b.replicas = name, i, len(names)
		if b.pod.Labels == nil {
			b.pod.Labels = map[string]string{}
		}
		b.pod.Labels[templateHashLabel] = hash
		builders[i] = b
	}
	return builders
}

func (t *translation) builder(o *kube.Object, opts Options, prefix string, labels, annotations map[string]string, from *corev1.PodSpec) *builder {
	b := &builder{index: t.index, host: t.host, options: opts, object: o, prefix: prefix, from: from, replicas: 1}
	b.pod = &spec.Pod{
		Namespace: o.Namespace,
		Owner:     spec.Owner(o.Owner),
		Origin:    spec.Origin{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, File: o.Pos.File},
		Labels:    maps.Clone(labels),
	}
	b.pod.Annotations = maps.Clone(annotations)
	if b.pod.Annotations == nil && len(opts.Annotations) > 0 {
		b.pod.Annotations = map[string]string{}
	}
	maps.Copy(b.pod.Annotations, opts.Annotations)
	return b
}

// templateHash identifies a pod template in names and labels. It takes only
// what describes the pod, so that fields the API adds to metadata do not rename
// everything.
func templateHash(template *corev1.PodTemplateSpec) string {
	data, err := json.Marshal(struct {
		Labels, Annotations map[string]string
		Spec                *corev1.PodSpec
	}{template.Labels, template.Annotations, &template.Spec})
	if err != nil {
		panic("a decoded pod template cannot be encoded: " + err.Error())
	}
	return safeEncode(templateHashLen, data)
}

// ReplicaNames are the names of a controller's pods:
// "<name>-<template hash>-<suffix>". A replica keeps its name when others are
// added or removed. Long names are cut so that a pod's name is a valid hostname.
func ReplicaNames(namespace, name, templateHash string, replicas int) []string {
	base := name
	if longest := maxNameLen - len("-") - len(templateHash) - len("-") - suffixLen; len(base) > longest {
		base = strings.TrimRight(base[:longest], "-.")
	}
	taken := map[string]bool{}
	names := make([]string, replicas)
	for ordinal := range names {
		for attempt := 0; ; attempt++ {
			seed := fmt.Sprintf("%s/%s/%s/%d/%d", namespace, name, templateHash, ordinal, attempt)
			suffix := safeEncode(suffixLen, []byte(seed))
			if !taken[suffix] {
				taken[suffix] = true
				names[ordinal] = base + "-" + templateHash + "-" + suffix
				break
			}
		}
	}
	return names
}

// safeEncode digests data to n letters that cannot form words or be misread,
// Kubernetes' alphabet for generated names.
func safeEncode(n int, data []byte) string {
	const alphabet = "bcdfghjklmnpqrstvwxz2456789"
	sum := sha256.Sum256(data)
	out := make([]byte, n)
	for i := range out {
		out[i] = alphabet[int(sum[i])%len(alphabet)]
	}
	return string(out)
}
