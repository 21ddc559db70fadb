package kube

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

func (p podCheck) envFrom(at *path, e *corev1.EnvFromSource) {
	if e.Prefix != "" && len(validation.IsRelaxedEnvVarName(e.Prefix)) > 0 {
		p.bad(at.field("prefix"), "%s cannot begin the name of a variable", quote(e.Prefix))
	}
	if !p.exactlyOne(at, map[string]bool{"configMapRef": e.ConfigMapRef != nil, "secretRef": e.SecretRef != nil}) {
		return
	}
	if e.ConfigMapRef != nil {
		p.subdomain(at.field("configMapRef").field("name"), e.ConfigMapRef.Name)
	} else {
		p.subdomain(at.field("secretRef").field("name"), e.SecretRef.Name)
	}
}

func (p podCheck) env(at *path, e *corev1.EnvVar) {
	switch {
	case e.Name == "":
		p.missing(at.field("name"), "the variable's name")
	case len(validation.IsRelaxedEnvVarName(e.Name)) > 0:
		p.bad(at.field("name"), `%s cannot be the name of a variable: want printable ASCII characters without "="`, quote(e.Name))
	}
	from := e.ValueFrom
	if from == nil {
		return
	}
	at = at.field("valueFrom")
	if e.Value != "" {
		p.bad(at, "cannot be together with a value")
	}
	if !p.exactlyOne(at, map[string]bool{
		"fieldRef": from.FieldRef != nil, "resourceFieldRef": from.ResourceFieldRef != nil,
		"configMapKeyRef": from.ConfigMapKeyRef != nil, "secretKeyRef": from.SecretKeyRef != nil,
	}) {
		return
	}
	switch {
	case from.FieldRef != nil:
		p.fieldRef(at.field("fieldRef"), from.FieldRef, envFields)
	case from.ResourceFieldRef != nil:
		p.resourceFieldRef(at.field("resourceFieldRef"), from.ResourceFieldRef)
	case from.ConfigMapKeyRef != nil:
		p.keyRef(at.field("configMapKeyRef"), from.ConfigMapKeyRef.Name, from.ConfigMapKeyRef.Key)
	default:
		p.keyRef(at.field("secretKeyRef"), from.SecretKeyRef.Name, from.SecretKeyRef.Key)
	}
}

func (p podCheck) keyRef(at *path, name, key string) {
	p.subdomain(at.field("name"), name)
	if key == "" {
		p.missing(at.field("key"), "say which key's value is wanted")
		return
	}
	p.dataKey(at.field("key"), key)
}

// envFields is what a variable may take from its pod.
const envFields = `metadata.name metadata.namespace metadata.uid spec.nodeName spec.serviceAccountName
 status.hostIP status.hostIPs status.podIP status.podIPs`

// fieldRef checks that the pod has the field, and that it may be used there.
func (p podCheck) fieldRef(at *path, ref *corev1.ObjectFieldSelector, fields string) {
	if ref.APIVersion != "v1" {
		p.bad(at.field("apiVersion"), "%s is not possible: want v1", quote(ref.APIVersion))
	}
	field, at := ref.FieldPath, at.field("fieldPath")
	if field == "" {
		p.missing(at, "say which field of the pod is wanted, such as metadata.name")
		return
	}
	allowed := strings.Fields(fields)
	for _, set := range []string{"metadata.labels", "metadata.annotations"} {
		key, ok := strings.CutPrefix(field, set)
		if !ok || key == "" && slices.Contains(allowed, set) {
			continue
		}
		if !strings.HasPrefix(key, "['") || !strings.HasSuffix(key, "']") || len(key) < 5 {
			p.bad(at, "%s: want one of them, written %s['key']", quote(field), set)
			return
		}
		key = key[2 : len(key)-2]
		if set == "metadata.annotations" {
			key = strings.ToLower(key)
		}
		if len(validation.IsQualifiedName(key)) > 0 {
			p.bad(at, "%s is not a valid key: %s", quote(key), keyRule)
		}
		return
	}
	oneOf(p.check, at, field, append(allowed, "metadata.labels['key']", "metadata.annotations['key']")...)
}

func (p podCheck) resourceFieldRef(at *path, ref *corev1.ResourceFieldSelector) {
	p.reference(at.field("containerName"), "container", ref.ContainerName, p.containers[ref.ContainerName], sortedKeys(p.containers))
	what, divisor := at.field("resource"), at.field("divisor")
	if ref.Resource == "" {
		p.missing(what, "want limits.cpu, limits.memory, requests.cpu or requests.memory")
		return
	}
	switch _, name, _ := strings.Cut(ref.Resource, "."); {
	case name == "ephemeral-storage" || strings.HasPrefix(name, "hugepages-"):
		p.bad(what, resourceRule)
		return
	case name == "cpu":
		p.divisor(divisor, ref.Divisor, "1m", "1")
	case name == "memory":
		p.divisor(divisor, ref.Divisor, "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
	}
	oneOf(p.check, what, ref.Resource, "limits.cpu", "limits.memory", "requests.cpu", "requests.memory")
}

func (p podCheck) divisor(at *path, q resource.Quantity, allowed ...string) {
	if q.IsZero() {
		return
	}
	for _, a := range allowed {
		if want := resource.MustParse(a); q.Cmp(want) == 0 {
			return
		}
	}
	p.bad(at, "%s is not one of %s", q.String(), strings.Join(allowed, ", "))
}
