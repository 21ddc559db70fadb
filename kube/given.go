package kube

import (
	"encoding/json"
	"fmt"
	"reflect"

	corev1 "k8s.io/api/core/v1"
)

// Given is the object as it was written, as JSON: without defaults, and without
// what only a cluster writes. Decode makes the same object of it.
func (o *Object) Given() ([]byte, error) {
	if o.Fields.root == nil {
		return o.JSON()
	}
	info, ok := kindNamed(o.Kind)
	if !ok {
		return nil, fmt.Errorf("encode %s: not a kind of ours", o.Key())
	}
	tree := giver{supportTable(), structTypes()}.value(o.Fields.root, reflect.TypeOf(o.typed()).Elem()).(map[string]any)
	tree["apiVersion"], tree["kind"] = info.apiVersion, info.name // a list may have implied them
	data, err := json.Marshal(tree)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", o.Key(), err)
	}
	return data, nil
}

// GivenPod is the pod that an object makes, as it was written.
type GivenPod struct {
	Metadata map[string]any // of the Pod or the template; never nil
	Spec     any
}

// GivenPod gives a Pod's own metadata and spec, or those of a template. Nobody
// else has the maps.
func (o *Object) GivenPod() GivenPod {
	meta, spec, ok := o.PodTemplate()
	if !ok {
		return GivenPod{Metadata: map[string]any{}}
	}
	at := o.Fields.root
	if o.Pod == nil {
		for _, field := range []string{"spec", "template"} {
			at = at.child(field)
		}
	}
	if at == nil { // made in memory
		return GivenPod{Metadata: map[string]any{}, Spec: spec}
	}
	g := giver{supportTable(), structTypes()}
	given := GivenPod{Metadata: map[string]any{}, Spec: map[string]any{}}
	if n := at.child("metadata"); n != nil {
		given.Metadata = g.value(n, reflect.TypeOf(*meta)).(map[string]any)
	}
	if n := at.child("spec"); n != nil {
		given.Spec = g.value(n, reflect.TypeFor[corev1.PodSpec]())
	}
	return given
}

// child is the field of a mapping, nil where there is none.
func (n *node) child(field string) *node {
	if n == nil {
		return nil
	}
	if e, ok := n.get(field); ok && e.value.kind == kindMap {
		return e.value
	}
	return nil
}

// giver makes encoding/json's own types of nodes, leaving out fields without a
// value and those that a cluster writes.
type giver struct {
	table map[string]row
	types map[reflect.Type]*structType
}

func (g giver) value(n *node, t reflect.Type) any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	s := g.types[t]
	switch {
	case n.kind == kindList && t.Kind() == reflect.Slice:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = g.value(item, t.Elem())
		}
		return list
	case n.kind != kindMap || s == nil:
		return n.plain()
	}
	m := make(map[string]any, len(n.entries))
	for _, e := range n.entries {
		f := s.fields[e.key]
		if e.value.kind != kindNull && !g.table[f.owner+"."+f.name].unread {
			m[e.key] = g.value(e.value, f.typ)
		}
	}
	return m
}
