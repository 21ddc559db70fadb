package kube

import (
	"reflect"
	"strings"
)

// FieldSupport is a line of the support table as people read it.
type FieldSupport struct {
	Kind    string // "Pod"
	Path    string // "spec.containers[].image"
	Support Support
	Note    string
}

// Fields lists every field of every kind and what berth does with it, in the
// order of Kubernetes' own types. What lies below a field that is refused or
// harmless is not listed, and a part that has been listed is only referred to.
func Fields() []FieldSupport {
	l := lister{table: supportTable(), types: structTypes(), listed: map[reflect.Type]string{}}
	for _, k := range kinds() {
		l.kind = k.name
		l.list("", reflect.TypeOf(k.target(&Object{})).Elem())
	}
	return l.fields
}

// lister walks the Go types of all kinds.
type lister struct {
	kind   string
	table  map[string]row
	types  map[reflect.Type]*structType
	listed map[reflect.Type]string // where the fields of a type have been listed
	fields []FieldSupport
}

func (l *lister) list(prefix string, t reflect.Type) {
	s := l.types[t]
	for _, name := range s.names {
		f := s.fields[name]
		r := l.table[f.owner+"."+f.name]
		path, of := prefix+name, f.typ
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice || of.Kind() == reflect.Map {
			if of.Kind() == reflect.Slice && of != bytesType {
				path += "[]"
			}
			of = of.Elem()
		}
		_, descend := l.types[of]
		descend = descend && r.support == Honoured
		note := r.describe()
		where, before := l.listed[of]
		if descend && before && len(l.types[of].names) > 2 {
			note = strings.TrimPrefix(note+"; as "+where, "; ")
			descend = false
		}
		l.fields = append(l.fields, FieldSupport{l.kind, path, r.support, note})
		if descend {
			l.listed[of] = l.kind + " " + path
			l.list(path+".", of)
		}
	}
}

// describe is the row's note with the values that are accepted all the same.
func (r row) describe() string {
	if len(r.only) == 0 {
		return r.note
	}
	return strings.TrimPrefix(r.note+"; accepted: "+strings.Join(r.only, ", "), "; ")
}
