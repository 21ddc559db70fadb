package kubectl

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind is a kind of objects that can be listed.
type Kind struct {
	Name       string   // "ConfigMap"
	Words      []string // what it is called on a command line, its plural first
	Namespaced bool
	headings   []string
	wide       []string // further ones of -o wide
	row        func(o Object, now time.Time) []string
}

// Headings are those of kubectl get.
func (k Kind) Headings(wide bool) []string {
	if wide {
		return slices.Concat(k.headings, k.wide)
	}
	return k.headings
}

// Row is an object as kubectl get lists it.
func (k Kind) Row(o Object, now time.Time, wide bool) []string {
	return k.row(o, now)[:len(k.Headings(wide))]
}

// Group is the plural of the kind and its API group, as errors name it.
func (k Kind) Group() string {
	if k.Name == "Deployment" {
		return k.Words[0] + ".apps"
	}
	return k.Words[0]
}

// PodKind is the kind of pods; their rows are PodRow's.
const PodKind = "Pod"

// QuadletKind is the kind of Quadlet units, which kubectl does not know.
const QuadletKind = "Quadlet"

// Kinds are all that can be listed.
func Kinds() []Kind {
	return []Kind{
		{PodKind, []string{"pods", "pod", "po"}, true, nil, nil, nil},
		{"Deployment", []string{"deployments", "deployment", "deploy"}, true, []string{"NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"}, nil, deploymentRow},
		{"ConfigMap", []string{"configmaps", "configmap", "cm"}, true, []string{"NAME", "DATA", "AGE"}, nil, configMapRow},
		{"Secret", []string{"secrets", "secret"}, true, []string{"NAME", "TYPE", "DATA", "AGE"}, nil, secretRow},
		{"PersistentVolumeClaim", []string{"persistentvolumeclaims", "persistentvolumeclaim", "pvc"}, true,
			[]string{"NAME", "STATUS", "VOLUME", "CAPACITY", "ACCESS MODES", "STORAGECLASS", "VOLUMEATTRIBUTESCLASS", "AGE"}, nil, claimRow},
		{"Namespace", []string{"namespaces", "namespace", "ns"}, false, []string{"NAME", "STATUS", "AGE"}, nil, namespaceRow},
		{QuadletKind, []string{"quadlets", "quadlet"}, false, []string{"NAME", "SERVICE", "STATUS", "RESTARTS", "AGE"}, []string{"MAKES", "REASON", "FILE"}, quadletRow},
	}
}

// KindOf is the kind of a word: "pods", "po", "deployments.apps".
func KindOf(word string) (Kind, error) {
	plain, _, _ := strings.Cut(strings.ToLower(word), ".")
	for _, k := range Kinds() {
		if slices.Contains(k.Words, plain) {
			return k, nil
		}
	}
	return Kind{}, fmt.Errorf("the server doesn't have a resource type %q", word)
}

// at is what stands at a path of an object, nil if nothing does.
func at(o Object, path ...string) any {
	var v any = o
	for _, name := range path {
		fields, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = fields[name]
	}
	return v
}

func textAt(o Object, path ...string) string {
	v := at(o, path...)
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func numberAt(o Object, path ...string) string {
	if text := textAt(o, path...); text != "" {
		return text
	}
	return "0"
}

func ageOf(o Object, now time.Time) string {
	made, err := time.Parse(time.RFC3339, field(o, "creationTimestamp"))
	if err != nil {
		return "<unknown>"
	}
	return Age(now, made)
}

func entries(o Object, fields ...string) string {
	n := 0
	for _, name := range fields {
		m, _ := o[name].(map[string]any)
		n += len(m)
	}
	return fmt.Sprint(n)
}

func configMapRow(o Object, now time.Time) []string {
	return []string{field(o, "name"), entries(o, "data", "binaryData"), ageOf(o, now)}
}

func secretRow(o Object, now time.Time) []string {
	kind := textAt(o, "type")
	if kind == "" {
		kind = "Opaque"
	}
	return []string{field(o, "name"), kind, entries(o, "data"), ageOf(o, now)}
}

func namespaceRow(o Object, now time.Time) []string {
	return []string{field(o, "name"), textAt(o, "status", "phase"), ageOf(o, now)}
}

func deploymentRow(o Object, now time.Time) []string {
	return []string{
		field(o, "name"), numberAt(o, "status", "readyReplicas") + "/" + numberAt(o, "spec", "replicas"),
		numberAt(o, "status", "updatedReplicas"), numberAt(o, "status", "availableReplicas"), ageOf(o, now),
	}
}

func claimRow(o Object, now time.Time) []string {
	modes := map[string]string{"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
	var access []string
	list, _ := at(o, "spec", "accessModes").([]any)
	for _, m := range list {
		access = append(access, modes[fmt.Sprint(m)])
	}
	unset := func(s string) string {
		if s == "" {
			return "<unset>"
		}
		return s
	}
	return []string{
		field(o, "name"), textAt(o, "status", "phase"), textAt(o, "spec", "volumeName"),
		textAt(o, "status", "capacity", "storage"), strings.Join(access, ","),
		textAt(o, "spec", "storageClassName"), unset(textAt(o, "spec", "volumeAttributesClassName")), ageOf(o, now),
	}
}
