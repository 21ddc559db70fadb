package translate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"sigs.k8s.io/yaml"

	"berth/internal/source"
	"berth/kube"
)

// minimize takes out of a Kubernetes object what changes nothing when it is not
// there: zero values, defaults. What somebody wrote, which stands in given,
// stays. Of an object that would be refused only what is empty goes, and why it
// would be comes back.
//
// It asks kube.Decode instead of keeping a list of defaults, so that both ways
// agree for ever.
func minimize(tree, given map[string]any) source.Diagnostics {
	m := &minimizer{tree: tree}
	var ds source.Diagnostics
	m.want, ds = m.meaning()
	m.mapping(tree, given)
	return ds
}

type minimizer struct {
	tree map[string]any
	want []byte // what the object means, its defaults filled in; nil: nobody knows
}

// meaning is the object as it is understood, nil with what is wrong with it.
func (m *minimizer) meaning() ([]byte, source.Diagnostics) {
	data, err := json.Marshal(m.tree)
	if err != nil {
		return nil, source.Diagnostics{{Message: err.Error()}}
	}
	objects, ds := kube.Decode("", data)
	if ds.Err() != nil || len(objects) != 1 {
		return nil, slices.DeleteFunc(ds, func(d source.Diagnostic) bool { return d.Warning })
	}
	if data, err = objects[0].JSON(); err != nil {
		return nil, source.Diagnostics{{Message: err.Error()}}
	}
	return data, nil
}

// idle reports whether the object, as it is now, means what it meant.
func (m *minimizer) idle() bool {
	if m.want == nil {
		return false
	}
	got, _ := m.meaning()
	return bytes.Equal(got, m.want)
}

// mapping takes out of one mapping what can go, then looks into what stays.
func (m *minimizer) mapping(fields, given map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		value, written := fields[key], given[key]
		if spoken(key) {
			continue
		}
		delete(fields, key)
		if idleAnyway(key, value) || written == nil && m.idle() {
			continue
		}
		fields[key] = value
		m.value(value, written)
		if idleAnyway(key, value) {
			delete(fields, key)
		}
	}
}

func (m *minimizer) value(value, given any) {
	switch value := value.(type) {
	case map[string]any:
		fields, _ := given.(map[string]any)
		m.mapping(value, fields)
	case []any:
		items, _ := given.([]any)
		for i, item := range value {
			m.value(item, counterpart(items, item, i))
		}
	}
}

// counterpart is the item of a list that was given for one of what became of it:
// that of the same name, else the one at its place.
func counterpart(given []any, item any, i int) any {
	fields, _ := item.(map[string]any)
	if name, ok := fields["name"]; ok {
		for _, other := range given {
			if o, ok := other.(map[string]any); ok && o["name"] == name {
				return other
			}
		}
	}
	if i < len(given) {
		return given[i]
	}
	return nil
}

// spoken are fields that stay though they could go without saying: a volume
// that is an emptyDir says so, and an empty selector is not none.
func spoken(key string) bool {
	return slices.Contains([]string{"apiVersion", "kind", "emptyDir", "labelSelector", "namespaceSelector"}, key)
}

// idleAnyway are values that say nothing, though the typed object tells them
// from none. An empty volume source does say something.
func idleAnyway(key string, value any) bool {
	fields, isMap := value.(map[string]any)
	return value == nil || isMap && len(fields) == 0 && slices.Contains([]string{"securityContext", "resources", "status"}, key)
}

// YAML writes objects one after another, each field in its place by name.
func YAML(objects []Generated) ([]byte, error) {
	var out bytes.Buffer
	for i, o := range objects {
		if i > 0 {
			out.WriteString("---\n")
		}
		data, err := yaml.Marshal(o.Fields)
		if err != nil {
			return nil, fmt.Errorf("write %s as YAML: %w", o.Key, err)
		}
		out.Write(data)
	}
	return out.Bytes(), nil
}
