package kubectl

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// ObjectOf is a typed object as JSON has it, without what is null.
func ObjectOf(typed any) (Object, error) {
	o, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	dropNull(o)
	return o, nil
}

func dropNull(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if value == nil {
				delete(v, key)
				continue
			}
			dropNull(value)
		}
	case []any:
		for _, item := range v {
			dropNull(item)
		}
	}
}

// CompareNames orders objects by namespace and name.
func CompareNames(a, b Object) int {
	return cmp.Or(cmp.Compare(field(a, "namespace"), field(b, "namespace")), cmp.Compare(field(a, "name"), field(b, "name")))
}

// NamespacedName is an object's namespace and name.
func NamespacedName(o Object) (namespace, name string) {
	return field(o, "namespace"), field(o, "name")
}

// LabelsOf are an object's labels.
func LabelsOf(o Object) map[string]string {
	meta, _ := o["metadata"].(map[string]any)
	fields, _ := meta["labels"].(map[string]any)
	out := map[string]string{}
	for key, value := range fields {
		out[key] = fmt.Sprint(value)
	}
	return out
}

// PodOf is an object as a pod.
func PodOf(o Object) (*corev1.Pod, error) {
	var pod corev1.Pod
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o, &pod); err != nil {
		return nil, fmt.Errorf("read pod %s: %w", field(o, "name"), err)
	}
	return &pod, nil
}
