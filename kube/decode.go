package kube

import (
	"bytes"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"berth/internal/parallel"
	"berth/internal/source"
)

// Decode reads the objects of one file: YAML with one document or more, JSON,
// lists. It returns those with which all is well, their defaults filled in, and
// what is wrong with the others. file only names the place of diagnostics.
//
// YAML is read as Kubernetes reads it (YAML 1.1's booleans, octal numbers).
// A file may have 4 MiB. A document without content is passed over; a file
// without any object is an error.
func Decode(file string, data []byte) ([]*Object, source.Diagnostics) {
	d := decoder{report: &report{file: file}}
	if len(data) > maxFile {
		d.errorf(0, 0, "the file is larger than %d MiB", maxFile>>20)
		return nil, d.all()
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if line, col, problem := checkText(data); problem != "" {
		d.errorf(line, col, "%s", problem)
		return nil, d.all()
	}
	docs := split(data)
	if len(docs) > maxDocuments {
		d.errorf(0, 0, "the file has more than %d documents", maxDocuments)
		return nil, d.all()
	}
	for _, part := range decodeEach(file, docs) {
		d.take(part.report)
		d.objects = append(d.objects, part.objects...)
		d.seen += part.seen
	}
	if d.seen == 0 && d.errors == 0 {
		d.errorf(0, 0, "there is no object in the file")
	}
	return d.objects, d.all()
}

// decodeEach reads documents side by side: what one says is no matter to another.
func decodeEach(file string, docs []document) []decoder {
	parts := make([]decoder, len(docs))
	parallel.Each(len(docs), runtime.GOMAXPROCS(0), func(i int) {
		parts[i].report = &report{file: file}
		parts[i].read(docs[i])
	})
	return parts
}

// decoder reads the objects of one document, or has those of a file.
type decoder struct {
	*report
	objects []*Object
	seen    int  // documents that hold something
	sound   bool // nothing is wrong with the document's text
}

func (d *decoder) read(doc document) {
	roots, problem := d.parse(doc)
	if problem != nil {
		d.errorf(problem.line, problem.col, "%s", problem.message)
	}
	d.sound = d.errors == 0
	for _, root := range roots {
		d.document(root)
	}
}

// parse makes nodes of a document, which is JSON if it can be read as that.
func (d *decoder) parse(doc document) ([]*node, *problem) {
	body := doc.body()
	if !looksLikeJSON(body.text) {
		return parseYAML(d.report, doc)
	}
	trial := report{file: d.file}
	roots, problem := parseJSON(&trial, body)
	if problem == nil {
		d.take(&trial)
		return roots, nil
	}
	if strings.EqualFold(filepath.Ext(d.file), ".json") {
		return nil, problem
	}
	return parseYAML(d.report, doc)
}

// take adds what another report found, and how much it left out.
func (r *report) take(other *report) {
	for _, d := range other.diags {
		r.add(d)
	}
	r.errors += max(0, other.errors-maxProblems)
}

// document reads a document that is an object or a list of them.
func (d *decoder) document(root *node) {
	if root.kind == kindNull {
		return
	}
	d.seen++
	if root.kind != kindMap {
		hint := ""
		if root.kind == kindList {
			hint = ": put the objects under items of a List, or between lines of ---"
		}
		d.errorf(root.line, root.col, "want an object with apiVersion and kind, found %s%s", describe(root, true), hint)
		return
	}
	d.object(root, "", "")
}

// object reads one object. prefix is its place in a list ("items[2]."), and
// implied the kind that the list gives its items.
func (d *decoder) object(root *node, prefix, implied string) {
	w := &walk{report: d.report, prefix: prefix, table: supportTable(), structs: structTypes()}
	before := d.errors
	kind, ok := d.kindOf(w, root, implied)
	if !ok {
		return
	}
	if kind == listKind || strings.HasSuffix(kind, listKind) {
		d.list(w, root, kind)
		return
	}
	info, known := kindNamed(kind)
	if !known {
		w.unknownKind(root, kind)
		return
	}
	w.apiVersion(root, info, implied != "")
	w.secret = kind == "Secret"
	o := &Object{
		Kind:   kind,
		Pos:    source.Pos{File: d.file, Line: root.line, Col: root.col},
		Fields: Positions{file: d.file, root: root},
	}
	w.object(place{root.line, root.col}, nil, root, valueOf(info.target(o)))
	o.complete(info)
	info.check(&check{walk: w, object: o}, o)
	if d.sound && d.errors == before {
		d.objects = append(d.objects, o)
	}
}

// unknownKind refuses an object by its kind.
func (w *walk) unknownKind(root *node, kind string) {
	line, col := root.line, root.col
	if e, ok := root.get("kind"); ok {
		line, col = e.line, e.col
	}
	w.errorf(line, col, "%s", unknownKind(kind))
}

// kindOf reads the kind of an object.
func (d *decoder) kindOf(w *walk, root *node, implied string) (string, bool) {
	e, ok := root.get("kind")
	if !ok || e.value.empty() {
		if implied != "" {
			return implied, true
		}
		at := place{root.line, root.col}
		if ok {
			at = place{e.line, e.col}
		}
		w.fail(at, (*path)(nil).field("kind"), "is missing: say what this object is, one of %s", strings.Join(kindNames(), ", "))
		return "", false
	}
	if e.value.kind != kindText {
		w.wrong(place{e.line, e.col}, (*path)(nil).field("kind"), e.value, "a string")
		return "", false
	}
	return e.value.text, true
}

// apiVersion checks that the object's is the one its kind has.
func (w *walk) apiVersion(root *node, info kindInfo, implied bool) {
	at := (*path)(nil).field("apiVersion")
	e, ok := root.get("apiVersion")
	switch {
	case !ok || e.value.empty():
		if !implied {
			w.fail(place{root.line, root.col}, at, "is missing: a %s has %q", info.name, info.apiVersion)
		}
	case e.value.kind == kindText && e.value.text != info.apiVersion:
		w.fail(place{e.line, e.col}, at, "%s has no %s, did you mean %q?", quote(e.value.text), info.name, info.apiVersion)
	}
}

// list reads the objects of a List or of a kind's own list.
func (d *decoder) list(w *walk, root *node, kind string) {
	item := strings.TrimSuffix(kind, listKind)
	info := kindInfo{name: kind, apiVersion: "v1"}
	if item != "" {
		of, known := kindNamed(item)
		if !known {
			w.unknownKind(root, kind)
			return
		}
		info.apiVersion = of.apiVersion
	}
	w.apiVersion(root, info, false)
	for _, e := range root.entries {
		at := (*path)(nil).field(e.key)
		switch e.key {
		case "apiVersion", "kind", "metadata": // a list's metadata says only where a cluster's answer goes on
		case "items":
			d.items(w, at, e, item)
		default:
			w.fail(place{e.line, e.col}, at, "unknown field%s", source.DidYouMean(shorten(e.key, 60), []string{"apiVersion", "kind", "metadata", "items"}))
		}
	}
	if _, ok := root.get("items"); !ok {
		w.fail(place{root.line, root.col}, (*path)(nil).field("items"), "is missing: a list has its objects there")
	}
}

func (d *decoder) items(w *walk, at *path, e entry, implied string) {
	if e.value.kind == kindNull {
		return
	}
	if e.value.kind != kindList {
		w.wrong(place{e.line, e.col}, at, e.value, "a list")
		return
	}
	for i, item := range e.value.items {
		here := at.at(i)
		if item.kind != kindMap {
			w.wrong(place{item.line, item.col}, here, item, "a mapping")
			continue
		}
		d.object(item, fmt.Sprintf("%s%s.", w.prefix, here), implied)
	}
}
