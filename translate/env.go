package translate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"berth/engine/spec"
	"berth/kube"
)

// environment is a container's variables in the order they were first defined.
type environment struct {
	names  []string
	values map[string]string
}

func (e *environment) set(name, value string) {
	if _, ok := e.values[name]; !ok {
		e.names = append(e.names, name)
	}
	e.values[name] = value
}

func (e *environment) lookup(name string) (string, bool) {
	v, ok := e.values[name]
	return v, ok
}

func (e *environment) list() []spec.EnvVar {
	var list []spec.EnvVar
	for _, name := range e.names {
		list = append(list, spec.EnvVar{Name: name, Value: e.values[name]})
	}
	return list
}

// environment is envFrom, a later source winning, then env, which wins over it.
func (b *builder) environment(c *corev1.Container, field string) *environment {
	env := &environment{values: map[string]string{}}
	for i, from := range c.EnvFrom {
		b.envFrom(env, from, fmt.Sprintf("%s.envFrom[%d]", field, i))
	}
	for i, v := range c.Env {
		at := fmt.Sprintf("%s.env[%d]", field, i)
		if v.Value != "" || v.ValueFrom == nil {
			b.refuseBinary(at+".value", v.Value)
			env.set(v.Name, Expand(v.Value, env.lookup))
			continue
		}
		if value, ok := b.valueFrom(c, v.ValueFrom, at+".valueFrom"); ok {
			env.set(v.Name, value)
		}
	}
	return env
}

func (b *builder) envFrom(env *environment, from corev1.EnvFromSource, field string) {
	var key kube.Key
	var optional *bool
	switch {
	case from.ConfigMapRef != nil:
		key, optional = b.key("ConfigMap", from.ConfigMapRef.Name), from.ConfigMapRef.Optional
		field += ".configMapRef.name"
	case from.SecretRef != nil:
		key, optional = b.key("Secret", from.SecretRef.Name), from.SecretRef.Optional
		field += ".secretRef.name"
	default:
		return
	}
	content, ok := b.config(key, optional, field)
	if !ok {
		return
	}
	var skipped []string
	for _, k := range content.keys() {
		value, isText := content.text[k]
		if !isText {
			continue // binaryData is not for the environment
		}
		name := from.Prefix + k
		if len(validation.IsRelaxedEnvVarName(name)) > 0 {
			skipped = append(skipped, fmt.Sprintf("%q", name))
			continue
		}
		b.refuseBinary(field, value)
		env.set(name, b.kept(key, k, value))
	}
	if len(skipped) > 0 {
		b.warnf(field, "%s of %s cannot be names of environment variables and are skipped", strings.Join(skipped, ", "), key)
	}
}

// valueFrom is the value of a variable's source; not ok leaves it unset.
func (b *builder) valueFrom(c *corev1.Container, from *corev1.EnvVarSource, field string) (value string, ok bool) {
	switch {
	case from.FieldRef != nil:
		return b.fieldRef(from.FieldRef, field+".fieldRef.fieldPath")
	case from.ResourceFieldRef != nil:
		return b.resourceFieldRef(c, from.ResourceFieldRef, field+".resourceFieldRef")
	case from.ConfigMapKeyRef != nil:
		ref := from.ConfigMapKeyRef
		return b.keyRef(b.key("ConfigMap", ref.Name), ref.Key, ref.Optional, field+".configMapKeyRef")
	case from.SecretKeyRef != nil:
		ref := from.SecretKeyRef
		return b.keyRef(b.key("Secret", ref.Name), ref.Key, ref.Optional, field+".secretKeyRef")
	}
	b.errorf(field, "this source is not supported: use fieldRef, resourceFieldRef, configMapKeyRef or secretKeyRef")
	return "", false
}

func (b *builder) keyRef(object kube.Key, key string, optional *bool, field string) (string, bool) {
	content, ok := b.config(object, optional, field+".name")
	if !ok {
		return "", false
	}
	value, ok := content.text[key]
	switch {
	case ok:
		b.refuseBinary(field+".key", value)
		value = b.kept(object, key, value)
	case isTrue(optional):
	case content.binary[key] != nil:
		b.lackf(noKey(object, key), field+".key", "key %q of %s is binaryData, which no environment variable can hold: mount it as a file", key, object)
	default:
		b.lackf(noKey(object, key), field+".key", "%s", content.missingKey(object, key))
	}
	return value, ok
}

func noKey(object kube.Key, key string) string {
	return fmt.Sprintf("couldn't find key %s in %s %s/%s", key, object.Kind, object.Namespace, object.Name)
}

// kept is what stands for a value in the pod: a Late secret if it is one.
func (b *builder) kept(object kube.Key, key, value string) string {
	if object.Kind != "Secret" {
		return value
	}
	name := object.Name + "/" + key
	if b.pod.Secrets == nil {
		b.pod.Secrets = map[string]string{}
	}
	b.pod.Secrets[name] = value
	return spec.LateSecret(name)
}

// config finds a ConfigMap or Secret; unless it is optional its absence is an
// error at field.
func (b *builder) config(key kube.Key, optional *bool, field string) (config, bool) {
	content, ok := b.index.find(key)
	if !ok && !isTrue(optional) {
		b.lackf(fmt.Sprintf("%s %q not found", strings.ToLower(key.Kind), key.Name), field, "%s", b.index.missing(key))
	}
	return content, ok
}

// key names an object of the pod's namespace.
func (b *builder) key(kind, name string) kube.Key {
	return kube.Key{Kind: kind, Namespace: b.pod.Namespace, Name: name}
}

// fieldRef is the value of a field of the pod. What only a running pod knows
// is a late value.
func (b *builder) fieldRef(ref *corev1.ObjectFieldSelector, field string) (string, bool) {
	if name, subscript, ok := subscript(ref.FieldPath); ok {
		switch name {
		case "metadata.labels":
			return b.pod.Labels[subscript], true
		case "metadata.annotations":
			b.refuseBinary(field, b.pod.Annotations[subscript])
			return b.pod.Annotations[subscript], true
		}
	}
	values := map[string]string{
		"metadata.name":           b.pod.Name,
		"metadata.namespace":      b.pod.Namespace,
		"metadata.uid":            spec.LatePodUID,
		"spec.nodeName":           b.host.NodeName,
		"spec.serviceAccountName": cmp.Or(b.from.ServiceAccountName, b.from.DeprecatedServiceAccount, "default"),
		"status.hostIP":           spec.LateHostIP,
		"status.hostIPs":          spec.LateHostIPs,
		"status.podIP":            spec.LatePodIP,
		"status.podIPs":           spec.LatePodIPs,
	}
	value, ok := values[ref.FieldPath]
	if !ok {
		known := []string{"metadata.labels['<key>']", "metadata.annotations['<key>']"}
		for path := range values {
			known = append(known, path)
		}
		slices.Sort(known)
		b.errorf(field, "unknown field %q%s", ref.FieldPath, didYouMeanOneOf(ref.FieldPath, known))
	}
	return value, ok
}

// subscript splits "metadata.labels['key']".
func subscript(path string) (name, key string, ok bool) {
	name, rest, ok := strings.Cut(path, "['")
	if !ok {
		return "", "", false
	}
	key, ok = strings.CutSuffix(rest, "']")
	return name, key, ok
}

func isTrue(b *bool) bool { return b != nil && *b }
