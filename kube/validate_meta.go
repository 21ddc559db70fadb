package kube

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
)

const keyRule = `want a name of letters, digits, "-", "_" and ".", at most 63 characters, with or without a domain and "/" before it`

// metadata checks what every object has. Names are DNS subdomains, except
// where a kind says otherwise.
func (c *check) metadata(name func(at *path, name string)) {
	meta, at := c.object.Meta(), (*path)(nil).field("metadata")
	if meta.Name == "" && meta.GenerateName != "" {
		c.bad(at.field("name"), "is missing: generateName is not enough, the object needs a name of its own")
	} else {
		name(at.field("name"), meta.Name)
	}
	if meta.Namespace != "" {
		c.label(at.field("namespace"), meta.Namespace)
	}
	c.labelsAndAnnotations(at, meta)
}

func (c *check) labelsAndAnnotations(at *path, meta *metav1.ObjectMeta) {
	c.labels(at.field("labels"), meta.Labels)
	size := 0
	for _, key := range slices.Sorted(maps.Keys(meta.Annotations)) {
		size += len(key) + len(meta.Annotations[key])
		if len(validation.IsQualifiedName(strings.ToLower(key))) > 0 {
			c.bad(at.field("annotations").key(key), "%s is not a valid key: %s", quote(key), keyRule)
		}
	}
	if size > maxAnnotations {
		c.bad(at.field("annotations"), "%d bytes are too many: at most %d (256 KiB) in all", size, maxAnnotations)
	}
}

func (c *check) labels(at *path, set map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(set)) {
		if len(validation.IsQualifiedName(key)) > 0 {
			c.bad(at.key(key), "%s is not a valid key: %s", quote(key), keyRule)
		}
		if len(validation.IsValidLabelValue(set[key])) > 0 {
			c.bad(at.key(key), `%s is not a valid value: want letters, digits, "-", "_" and ".", at most 63 characters`, quote(set[key]))
		}
	}
}

func checkNamespace(c *check, _ *Object) { c.metadata(c.label) }

func checkDeployment(c *check, o *Object) {
	c.metadata(c.subdomain)
	d, at := &o.Deployment.Spec, (*path)(nil).field("spec")
	if n := *d.Replicas; n < 0 || n > maxReplicas {
		c.bad(at.field("replicas"), "%d is out of range: want 0 to %d", n, maxReplicas)
	}
	template := at.field("template")
	c.replicatedPorts(at.field("replicas"), *d.Replicas, &d.Template.Spec)
	c.labelsAndAnnotations(template.field("metadata"), &d.Template.ObjectMeta)
	c.selector(at.field("selector"), d.Selector, template.field("metadata").field("labels"), d.Template.Labels)
	if d.Template.Spec.RestartPolicy != "Always" {
		c.bad(template.field("spec").field("restartPolicy"), "%s is not possible in a Deployment: want Always", quote(string(d.Template.Spec.RestartPolicy)))
	}
	if d.Template.Spec.ActiveDeadlineSeconds != nil {
		c.bad(template.field("spec").field("activeDeadlineSeconds"), "is not possible in a Deployment, whose pods go on until they are replaced: remove it")
	}
	c.podSpec(template.field("spec"), &d.Template.Spec)
}

// replicatedPorts reports a port of the host that several pods of this one host
// would have to share.
func (c *check) replicatedPorts(at *path, replicas int32, spec *corev1.PodSpec) {
	if replicas < 2 || spec.HostNetwork {
		return
	}
	for _, container := range spec.Containers {
		for _, port := range container.Ports {
			if port.HostPort != 0 {
				c.bad(at, "%d pods cannot share port %d of the host: want 1 replica, or no hostPort", replicas, port.HostPort)
				return
			}
		}
	}
}

// selector checks that a Deployment finds the pods it makes.
func (c *check) selector(at *path, s *metav1.LabelSelector, labelsAt *path, set map[string]string) {
	if s == nil || len(s.MatchLabels)+len(s.MatchExpressions) == 0 {
		c.missing(at, "say which labels of the template it selects, under matchLabels")
		return
	}
	c.labels(at.field("matchLabels"), s.MatchLabels)
	for i := range s.MatchExpressions {
		c.requirement(at.field("matchExpressions").at(i), &s.MatchExpressions[i])
	}
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err == nil && c.read(at) && !selector.Matches(labels.Set(set)) {
		c.bad(labelsAt, "the selector (%s) does not match these labels", shorten(selector.String(), 200))
	}
}

func (c *check) requirement(at *path, r *metav1.LabelSelectorRequirement) {
	if len(validation.IsQualifiedName(r.Key)) > 0 {
		c.bad(at.field("key"), "%s is not a valid key: %s", quote(r.Key), keyRule)
	}
	oneOf(c, at.field("operator"), r.Operator, metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist)
	switch needsValues := r.Operator == metav1.LabelSelectorOpIn || r.Operator == metav1.LabelSelectorOpNotIn; {
	case needsValues && len(r.Values) == 0:
		c.missing(at.field("values"), "the operator needs them")
	case !needsValues && len(r.Values) > 0:
		c.bad(at.field("values"), "the operator has none")
	}
}
