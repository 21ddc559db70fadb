package kube

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestSupportTableIsComplete walks the Go types of all kinds: every field that
// can be reached through honoured ones needs a row, and every row a field.
func TestSupportTableIsComplete(t *testing.T) {
	table, types := supportTable(), structTypes()
	reached := map[string]bool{}
	seen := map[reflect.Type]bool{}
	var visit func(typ reflect.Type)
	visit = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
			typ = typ.Elem()
		}
		if seen[typ] || types[typ] == nil {
			return
		}
		seen[typ] = true
		for _, f := range types[typ].fields {
			name := f.owner + "." + f.name
			reached[name] = true
			r, ok := table[name]
			if !ok {
				t.Errorf("%s is not in the support table: decide what is done with it", name)
			}
			if r.support == Honoured {
				visit(f.typ)
			}
		}
	}
	for _, k := range kinds() {
		visit(reflect.TypeOf(k.target(&Object{})))
	}
	for name := range table {
		if !reached[name] {
			t.Errorf("%s is in the support table, but no object has it", name)
		}
	}
}

func TestSupportTableHasNoRowTwice(t *testing.T) {
	count := map[string]int{}
	for _, rows := range supportRows() {
		for _, r := range rows {
			count[r.field]++
		}
	}
	for name, n := range count {
		if n > 1 {
			t.Errorf("%s has %d rows", name, n)
		}
	}
}

// TestEveryGoTypeCanBeRead makes sure that the walk knows what to do with each
// Go type below a field that is read.
func TestEveryGoTypeCanBeRead(t *testing.T) {
	readable := []reflect.Kind{
		reflect.String, reflect.Bool, reflect.Int32, reflect.Int64, reflect.Int,
		reflect.Struct, reflect.Map, reflect.Slice, reflect.Pointer,
	}
	for typ, s := range structTypes() {
		for name, f := range s.fields {
			of := f.typ
			for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice && of != bytesType || of.Kind() == reflect.Map {
				of = of.Elem()
			}
			if !slices.Contains(readable, of.Kind()) {
				t.Errorf("%s.%s has the Go type %s, which the walk cannot read", typ.Name(), name, of)
			}
		}
	}
}

func TestFieldsNamesEachPathOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Fields() {
		key := f.Kind + " " + f.Path
		if seen[key] {
			t.Errorf("%s is listed twice", key)
		}
		seen[key] = true
		if f.Support == "" {
			t.Errorf("%s has no support", key)
		}
	}
	for _, want := range []string{
		"Pod spec.containers[].image", "Pod spec.containers[].livenessProbe", "Pod spec.initContainers[]",
		"Pod spec.volumes[].secret.items[].path", "Deployment spec.template.spec", "Secret data",
		"Pod spec.containers[].volumeMounts[].subPathExpr",
	} {
		if !seen[want] && !seen[strings.Replace(want, "containers", "initContainers", 1)] {
			t.Errorf("%s is not listed", want)
		}
	}
}
