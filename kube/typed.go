package kube

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"berth/internal/source"
)

// structType is what the walk needs to know of a Go struct.
type structType struct {
	names  []string // of its fields in JSON
	fields map[string]structField
}

type structField struct {
	index []int
	typ   reflect.Type
	owner string // the Go struct that declares it, "VolumeSource" for a Volume's hostPath
	name  string
}

// describeStruct lists the fields of t by their JSON names, those of embedded
// structs among them.
func describeStruct(t reflect.Type) *structType {
	s := &structType{fields: map[string]structField{}}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case name == "" && f.Anonymous:
			inner := describeStruct(f.Type)
			for _, name := range inner.names {
				g := inner.fields[name]
				g.index = append([]int{i}, g.index...)
				s.names, s.fields[name] = append(s.names, name), g
			}
		case name != "":
			s.names, s.fields[name] = append(s.names, name), structField{f.Index, f.Type, t.Name(), name}
		}
	}
	return s
}

// frame is a struct the walk is in.
type frame struct {
	typ *structType
	at  *path
}

// walk fills Go values from nodes and reports every field that does not fit.
type walk struct {
	*report
	prefix  string // before every field path: "items[2]."
	secret  bool   // values must not be shown
	table   map[string]row
	structs map[reflect.Type]*structType
	frames  []frame
	inert   int      // depth within fields that only a scheduler reads
	failed  []string // paths about which an error has been reported
}

// place is where a value's diagnostics point to.
type place struct{ line, col int }

func (w *walk) fail(p place, at *path, format string, args ...any) {
	if w.errors >= maxProblems {
		w.errors++
		return
	}
	w.failed = append(w.failed, at.String())
	w.add(source.Diagnostic{
		Pos: source.Pos{Line: p.line, Col: p.col}, Field: w.prefix + at.String(), Message: fmt.Sprintf(format, args...),
	})
}

// warn reports that a part of what is asked for is not had.
func (w *walk) warn(p place, at *path, message string) {
	if w.warnings < maxProblems {
		w.add(source.Diagnostic{
			Pos: source.Pos{Line: p.line, Col: p.col}, Field: w.prefix + at.String(), Message: message, Warning: true,
		})
	}
}

// note reports what has no effect on one host, and needs none.
func (w *walk) note(p place, at *path, message string) {
	if w.notes < maxProblems {
		w.add(source.Diagnostic{
			Pos: source.Pos{Line: p.line, Col: p.col}, Field: w.prefix + at.String(), Message: message, Warning: true, Harmless: true,
		})
	}
}

func (w *walk) structOf(t reflect.Type) *structType {
	if s, ok := w.structs[t]; ok {
		return s
	}
	return describeStruct(t)
}

// structTypes describes every struct that objects of ours are made of.
var structTypes = sync.OnceValue(func() map[reflect.Type]*structType {
	types := map[reflect.Type]*structType{}
	var visit func(t reflect.Type)
	visit = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || readsItself(t) || types[t] != nil {
			return
		}
		types[t] = describeStruct(t)
		for _, f := range types[t].fields {
			visit(f.typ)
		}
	}
	for _, k := range kinds() {
		visit(reflect.TypeOf(k.target(&Object{})).Elem())
	}
	return types
})

var (
	quantityType    = reflect.TypeFor[resource.Quantity]()
	intOrStringType = reflect.TypeFor[intstr.IntOrString]()
	timeType        = reflect.TypeFor[metav1.Time]()
	bytesType       = reflect.TypeFor[[]byte]()
	unmarshalerType = reflect.TypeFor[json.Unmarshaler]()
)

// readsItself reports whether the type has a form in JSON of its own.
func readsItself(t reflect.Type) bool { return reflect.PointerTo(t).Implements(unmarshalerType) }

// value puts n into v. null leaves v as it is, as Kubernetes does.
func (w *walk) value(p place, at *path, n *node, v reflect.Value) {
	if n.kind == kindNull {
		return
	}
	switch t := v.Type(); {
	case t == quantityType:
		w.quantity(p, at, n, v)
		return
	case t == intOrStringType:
		w.intOrString(p, at, n, v)
		return
	case t == bytesType:
		w.bytes(p, at, n, v)
		return
	case v.Kind() != reflect.Pointer && readsItself(t):
		w.unmarshaler(p, at, n, v)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		w.value(p, at, n, v.Elem())
	case reflect.Struct:
		w.object(p, at, n, v)
	case reflect.Map:
		w.dict(p, at, n, v)
	case reflect.Slice:
		w.list(p, at, n, v)
	case reflect.String:
		if n.kind != kindText {
			w.wrong(p, at, n, "a string")
			return
		}
		v.SetString(n.text)
	case reflect.Bool:
		if n.kind != kindBool {
			w.wrong(p, at, n, "true or false")
			return
		}
		v.SetBool(n.text == "true")
	case reflect.Int32, reflect.Int64, reflect.Int:
		w.integer(p, at, n, v)
	default:
		w.fail(p, at, "values of Go type %s cannot be read", v.Type())
	}
}

func (w *walk) integer(p place, at *path, n *node, v reflect.Value) {
	i, ok := n.int()
	if !ok {
		w.wrong(p, at, n, "a whole number")
		return
	}
	if v.OverflowInt(i) {
		w.fail(p, at, "the number %s is too large", n.text)
		return
	}
	v.SetInt(i)
}

// int is the whole number that n holds. Kubernetes takes 3.0 for 3.
func (n *node) int() (int64, bool) {
	switch n.kind {
	case kindInt:
		i, err := strconv.ParseInt(n.text, 10, 64)
		return i, err == nil
	case kindFloat:
		f, err := strconv.ParseFloat(n.text, 64)
		return int64(f), err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53
	}
	return 0, false
}

func (w *walk) list(p place, at *path, n *node, v reflect.Value) {
	if n.kind != kindList {
		w.wrong(p, at, n, "a list")
		return
	}
	if len(n.items) == 0 {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	for i, item := range n.items {
		here, spot := at.at(i), place{item.line, item.col}
		if item.kind == kindNull {
			w.fail(spot, here, "nothing here: remove the item, or write \"\" for an empty text")
			continue
		}
		w.value(spot, here, item, v.Index(i))
	}
}

func (w *walk) dict(p place, at *path, n *node, v reflect.Value) {
	if n.kind != kindMap {
		w.wrong(p, at, n, "a mapping")
		return
	}
	if len(n.entries) == 0 {
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(n.entries)))
	for _, e := range n.entries {
		item := reflect.New(v.Type().Elem()).Elem()
		w.value(place{e.line, e.col}, at.key(e.key), e.value, item)
		v.SetMapIndex(reflect.ValueOf(e.key).Convert(v.Type().Key()), item)
	}
}

func (w *walk) object(p place, at *path, n *node, v reflect.Value) {
	s := w.structOf(v.Type())
	if n.kind != kindMap {
		want := "a mapping"
		if n.kind != kindList && len(s.names) <= fewFields {
			want += " of " + strings.Join(s.names, ", ")
		}
		w.wrong(p, at, n, want)
		return
	}
	w.frames = append(w.frames, frame{s, at})
	for _, e := range n.entries {
		here, spot := at.field(e.key), place{e.line, e.col}
		f, known := s.fields[e.key]
		if !known {
			w.unknown(spot, here, e.key, s)
			continue
		}
		w.field(spot, here, e.value, f, v.FieldByIndex(f.index))
	}
	w.frames = w.frames[:len(w.frames)-1]
}

// field puts n into a struct's field if the support table lets it.
func (w *walk) field(p place, at *path, n *node, f structField, v reflect.Value) {
	if w.inert > 0 {
		w.value(p, at, n, v)
		return
	}
	r := w.table[f.owner+"."+f.name]
	switch {
	case r.support == Refused && !n.empty() && !r.accepts(n):
		w.fail(p, at, "%s", r.refusal(n))
		return
	case r.support == Harmless && !n.empty() && !(n.kind == kindMap && len(n.entries) == 0) && !r.accepts(n):
		w.note(p, at, r.warning())
	}
	if r.unread {
		return
	}
	if r.support == Harmless {
		w.inert++
		defer func() { w.inert-- }()
	}
	w.value(p, at, n, v)
}

// unknown reports a field that Kubernetes does not have there.
func (w *walk) unknown(p place, at *path, name string, s *structType) {
	if w.errors >= maxProblems {
		w.errors++
		return
	}
	hint := source.Suggest(shorten(name, 60), s.names)
	sure := strings.EqualFold(strings.TrimSuffix(hint, "s"), strings.TrimSuffix(name, "s"))
	if longer := affix(name, s.names); longer != "" && !sure {
		hint = longer
	} else if !sure {
		if where := w.elsewhere(name); where != "" {
			w.fail(p, at, "unknown field, it belongs in %s", where)
			return
		}
		if where := w.below(name, s, 2); where != "" {
			w.fail(p, at, "unknown field, it belongs in %s", where)
			return
		}
	}
	if hint == "" {
		w.fail(p, at, "unknown field")
		return
	}
	w.fail(p, at, "unknown field, did you mean %q?", hint)
	w.failed = append(w.failed, at.up.field(hint).String())
}

// affix finds the name that only lacks its beginning, or has one too many:
// secretName for name.
func affix(name string, known []string) string {
	for _, k := range known {
		short, long := strings.ToLower(name), strings.ToLower(k)
		if len(short) > len(long) {
			short, long = long, short
		}
		if len(short) >= 4 && strings.HasSuffix(long, short) {
			return k
		}
	}
	return ""
}

// elsewhere finds the nearest enclosing struct that has the field: the line is
// indented too far.
func (w *walk) elsewhere(name string) string {
	for i := len(w.frames) - 2; i >= 0; i-- {
		if _, ok := w.frames[i].typ.fields[name]; ok {
			if w.frames[i].at == nil {
				return "the object itself"
			}
			return w.prefix + w.frames[i].at.String()
		}
	}
	return ""
}

// below finds a struct within s that has the field: the line is not indented
// far enough.
func (w *walk) below(name string, s *structType, levels int) string {
	if levels == 0 {
		return ""
	}
	for _, deep := range []bool{false, true} {
		for _, fieldName := range s.names {
			f := s.fields[fieldName]
			t := f.typ
			if t.Kind() == reflect.Pointer {
				t = t.Elem()
			}
			if t.Kind() != reflect.Struct || readsItself(t) || w.table[f.owner+"."+f.name].support != Honoured {
				continue
			}
			inner := w.structOf(t)
			if _, ok := inner.fields[name]; ok && !deep {
				return fieldName
			}
			if deep {
				if where := w.below(name, inner, levels-1); where != "" {
					return fieldName + "." + where
				}
			}
		}
	}
	return ""
}

// wrong reports a value of another type than the field's.
func (w *walk) wrong(p place, at *path, n *node, want string) {
	hint := ""
	switch {
	case want == "a string" && (n.kind == kindInt || n.kind == kindFloat || n.kind == kindBool):
		hint = ": put it in quotes"
	case want == "a list" && n.kind == kindMap:
		hint = ": begin each item with a dash (-)"
	case want == "a list" && n.kind == kindText:
		hint = ": write it as a list, " + w.asList(n.text)
	case want == "a mapping" && n.kind == kindList:
		hint = ": remove the dash (-)"
	case n.kind == kindText && (want == "true or false" && isBool(n.text) || want == "a whole number" && isDigits(n.text)):
		hint = ": remove the quotes"
	}
	// A number where text is wanted may be a password.
	secret := w.secret || want == "a string" && n.kind != kindBool
	w.fail(p, at, "want %s, found %s%s", want, describe(n, secret), hint)
}

// asList is how a text that was given for a list may have been meant.
func (w *walk) asList(text string) string {
	words := strings.Fields(text)
	if w.secret || len(words) == 0 || len(text) > 60 || strings.ContainsAny(text, `"'$|&;\`) {
		return `["…"]`
	}
	return `["` + strings.Join(words, `", "`) + `"]`
}

func isBool(s string) bool {
	kind, _ := plainScalar(s)
	return kind == kindBool
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// describe says what n is; the values of secrets stay unsaid.
func describe(n *node, secret bool) string {
	show := func(what, value string) string {
		if secret {
			return "a " + what
		}
		return "the " + what + " " + value
	}
	switch n.kind {
	case kindMap:
		return "a mapping"
	case kindList:
		return "a list"
	case kindText:
		return show("string", quote(n.text))
	case kindBool:
		if secret || n.raw == n.text {
			return "the boolean " + n.text
		}
		return fmt.Sprintf("the boolean %s (written %s)", n.text, n.raw)
	case kindInt, kindFloat:
		return show("number", shorten(n.text, 40))
	}
	return "nothing"
}

// fewFields is how many fields of an object may be named in a message.
const fewFields = 8

const wantQuantity = "a quantity such as 500m, 2 or 128Mi"

func (w *walk) quantity(p place, at *path, n *node, v reflect.Value) {
	if n.kind != kindText && n.kind != kindInt && n.kind != kindFloat {
		w.wrong(p, at, n, wantQuantity)
		return
	}
	q, err := parseQuantity(n.text)
	if err != nil {
		hint := ""
		if strings.HasSuffix(strings.ToUpper(n.text), "B") {
			hint = ": units have no B"
		}
		w.fail(p, at, "want %s, found %s%s", wantQuantity, describe(n, w.secret), hint)
		return
	}
	v.Set(reflect.ValueOf(q))
}

// parseQuantity reads a quantity, but none so large that calculating with it
// takes long.
func parseQuantity(s string) (resource.Quantity, error) {
	if len(s) > maxQuantity {
		return resource.Quantity{}, resource.ErrFormatWrong
	}
	if i := strings.LastIndexAny(s, "eE"); i >= 0 && i+1 < len(s) {
		if exponent, err := strconv.Atoi(s[i+1:]); err != nil || exponent > 30 || exponent < -30 {
			return resource.Quantity{}, resource.ErrFormatWrong
		}
	}
	return resource.ParseQuantity(s)
}

func (w *walk) intOrString(p place, at *path, n *node, v reflect.Value) {
	switch i, ok := n.int(); {
	case n.kind == kindText:
		v.Set(reflect.ValueOf(intstr.FromString(n.text)))
	case ok && i == int64(int32(i)):
		v.Set(reflect.ValueOf(intstr.FromInt32(int32(i))))
	default:
		w.wrong(p, at, n, "a whole number or a string")
	}
}

func (w *walk) bytes(p place, at *path, n *node, v reflect.Value) {
	if n.kind != kindText {
		w.wrong(p, at, n, "base64 text")
		return
	}
	data, err := base64.StdEncoding.DecodeString(n.text)
	if err != nil {
		hint := ""
		if w.secret {
			hint = ": encode it, or write the value as it is under stringData"
		}
		w.fail(p, at, "not base64 text%s", hint)
		return
	}
	v.SetBytes(data)
}

// unmarshaler fills a type that reads its own JSON, a time for instance.
func (w *walk) unmarshaler(p place, at *path, n *node, v reflect.Value) {
	data, err := json.Marshal(n.plain())
	if err == nil {
		err = v.Addr().Interface().(json.Unmarshaler).UnmarshalJSON(data)
	}
	switch {
	case err != nil && v.Type() == timeType:
		w.wrong(p, at, n, "a time such as 2006-01-02T15:04:05Z")
	case err != nil:
		w.fail(p, at, "cannot be read as %s", v.Type().Name())
	}
}

// plain is n as encoding/json's own types.
func (n *node) plain() any {
	switch n.kind {
	case kindMap:
		m := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			m[e.key] = e.value.plain()
		}
		return m
	case kindList:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = item.plain()
		}
		return list
	case kindText:
		return n.text
	case kindBool:
		return n.text == "true"
	case kindInt, kindFloat:
		return json.Number(n.text)
	}
	return nil
}
