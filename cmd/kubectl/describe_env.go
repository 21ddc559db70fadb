package kubectl

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// environment names where values come from; what is in a Secret is not shown.
func (d *describer) environment(pod *corev1.Pod, c *corev1.Container) {
	if len(c.EnvFrom) > 0 {
		d.line(2, "Environment Variables from:")
		for _, e := range c.EnvFrom {
			kind, name, optional := "", "", false
			switch {
			case e.ConfigMapRef != nil:
				kind, name, optional = "ConfigMap", e.ConfigMapRef.Name, e.ConfigMapRef.Optional != nil && *e.ConfigMapRef.Optional
			case e.SecretRef != nil:
				kind, name, optional = "Secret", e.SecretRef.Name, e.SecretRef.Optional != nil && *e.SecretRef.Optional
			}
			text := fmt.Sprintf("%s\t%s\tOptional: %s", name, kind, strconv.FormatBool(optional))
			if e.Prefix != "" {
				text = fmt.Sprintf("%s\t%s with prefix '%s'\tOptional: %s", name, kind, e.Prefix, strconv.FormatBool(optional))
			}
			d.line(3, "%s", text)
		}
	}
	if len(c.Env) == 0 {
		d.line(2, "Environment:\t<none>")
		return
	}
	d.line(2, "Environment:")
	for _, e := range c.Env {
		first, rest, _ := strings.Cut(envText(pod, c, e), "\n")
		d.line(3, "%s:\t%s", e.Name, first)
		if rest != "" {
			d.line(3, "\t%s", strings.ReplaceAll(rest, "\n", "\n      \t"))
		}
	}
}

func envText(pod *corev1.Pod, c *corev1.Container, e corev1.EnvVar) string {
	from := e.ValueFrom
	switch {
	case from == nil:
		return e.Value
	case from.FieldRef != nil:
		return fmt.Sprintf("%s (%s:%s)", fieldText(pod, from.FieldRef.FieldPath), orV1(from.FieldRef.APIVersion), from.FieldRef.FieldPath)
	case from.ResourceFieldRef != nil:
		return fmt.Sprintf("%s (%s)", resourceText(c, from.ResourceFieldRef), from.ResourceFieldRef.Resource)
	case from.SecretKeyRef != nil:
		return keyText("secret", from.SecretKeyRef.Key, from.SecretKeyRef.Name, from.SecretKeyRef.Optional)
	case from.ConfigMapKeyRef != nil:
		return keyText("config map", from.ConfigMapKeyRef.Key, from.ConfigMapKeyRef.Name, from.ConfigMapKeyRef.Optional)
	}
	return ""
}

func orV1(version string) string {
	if version == "" {
		return "v1"
	}
	return version
}

func keyText(kind, key, name string, optional *bool) string {
	return fmt.Sprintf("<set to the key '%s' in %s '%s'>\tOptional: %t", key, kind, name, optional != nil && *optional)
}

// fieldText is what a field holds of which kubectl tells: those of the metadata.
func fieldText(pod *corev1.Pod, path string) string {
	switch path {
	case "metadata.name":
		return pod.Name
	case "metadata.namespace":
		return pod.Namespace
	case "metadata.uid":
		return string(pod.UID)
	}
	if key, ok := strings.CutPrefix(path, "metadata.labels['"); ok {
		return pod.Labels[strings.TrimSuffix(key, "']")]
	}
	if key, ok := strings.CutPrefix(path, "metadata.annotations['"); ok {
		return pod.Annotations[strings.TrimSuffix(key, "']")]
	}
	return ""
}

// resourceText is what a container has of a resource, rounded up to the divisor.
func resourceText(c *corev1.Container, ref *corev1.ResourceFieldSelector) string {
	kind, name, _ := strings.Cut(ref.Resource, ".")
	amount, there := c.Resources.Requests[corev1.ResourceName(name)]
	if kind == "limits" || !there { // what is not requested is requested as far as it is limited
		amount, there = c.Resources.Limits[corev1.ResourceName(name)]
	}
	divisor := ref.Divisor
	if divisor.IsZero() {
		divisor = resource.MustParse("1")
	}
	switch {
	case !there && (ref.Resource == "limits.cpu" || ref.Resource == "limits.memory"):
		return "node allocatable"
	case name == string(corev1.ResourceCPU):
		return strconv.FormatInt((amount.MilliValue()+divisor.MilliValue()-1)/divisor.MilliValue(), 10)
	}
	return strconv.FormatInt((amount.Value()+divisor.Value()-1)/divisor.Value(), 10)
}
