package kube

import (
	"strconv"
	"strings"

	"berth/internal/source"
)

// valueKind is what a value is in JSON's terms.
type valueKind uint8

const (
	kindNull valueKind = iota
	kindBool
	kindInt
	kindFloat
	kindText
	kindMap
	kindList
)

// node is one value of a document. Aliases and merge keys have been expanded:
// nodes may be shared and are never changed.
type node struct {
	kind      valueKind
	text      string // of a scalar, numbers and booleans in JSON's form
	raw       string // a boolean as it was written
	line, col int
	entries   []entry
	items     []*node
}

// entry is one field of a mapping, at the place of its key.
type entry struct {
	key       string
	line, col int
	value     *node
	merged    bool // came in through a merge key
}

// get returns the entry of that key.
func (n *node) get(key string) (*entry, bool) {
	for i := range n.entries {
		if n.entries[i].key == key {
			return &n.entries[i], true
		}
	}
	return nil, false
}

// empty reports whether writing n says no more than leaving it out.
func (n *node) empty() bool {
	return n.kind == kindNull || n.kind == kindText && n.text == "" || n.kind == kindList && len(n.items) == 0
}

// path names a place in an object; nil is the object itself. It is kept as a
// chain so that naming a place costs nothing until something is wrong there.
type path struct {
	up    *path
	name  string // of a field, or the key of a map
	index int    // of a list
	step  step
}

type step uint8

const (
	stepField step = iota
	stepIndex
	stepKey
)

func (p *path) field(name string) *path { return &path{up: p, name: name, step: stepField} }
func (p *path) at(i int) *path          { return &path{up: p, index: i, step: stepIndex} }
func (p *path) key(key string) *path    { return &path{up: p, name: key, step: stepKey} }

// String is Kubernetes' form: "spec.containers[0].env", "data[app.conf]".
func (p *path) String() string {
	if p == nil {
		return ""
	}
	var chain []*path
	for q := p; q != nil; q = q.up {
		chain = append(chain, q)
	}
	var b strings.Builder
	for i := len(chain) - 1; i >= 0; i-- {
		switch q := chain[i]; q.step {
		case stepIndex:
			b.WriteString("[" + strconv.Itoa(q.index) + "]")
		case stepKey:
			b.WriteString("[" + q.name + "]")
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(q.name)
		}
	}
	return b.String()
}

// Positions says where the fields of an object were written. The zero value
// knows nothing.
type Positions struct {
	file string
	root *node
	from source.Pos // where all of it comes from, if it was not written in file by a person
}

// From are the same fields, written in a copy: a person knows but the place that
// it was made of.
func (p Positions) From(pos source.Pos) Positions {
	p.from = pos
	return p
}

// At is where the field of that path was written ("spec.containers[0].image",
// "metadata.labels[app.kubernetes.io/name]"): the place of its key, of a list's
// item the item's own place. Of a path that was not written it is the place of
// the nearest parent that was.
func (p Positions) At(path string) source.Pos {
	if p.from != (source.Pos{}) {
		return p.from
	}
	pos := source.Pos{File: p.file}
	n := p.root
	if n == nil {
		return pos
	}
	pos.Line, pos.Col = n.line, n.col
	for path != "" {
		next, line, col, rest, ok := n.descend(path)
		if !ok {
			break
		}
		n, path, pos.Line, pos.Col = next, rest, line, col
	}
	return pos
}

// descend takes the first step of path.
func (n *node) descend(path string) (next *node, line, col int, rest string, ok bool) {
	if n.kind == kindList {
		digits, rest, found := strings.Cut(strings.TrimPrefix(path, "["), "]")
		i, err := strconv.Atoi(digits)
		if !found || path[0] != '[' || err != nil || i < 0 || i >= len(n.items) {
			return nil, 0, 0, "", false
		}
		item := n.items[i]
		return item, item.line, item.col, rest, true
	}
	for i := range n.entries {
		e := &n.entries[i]
		if rest, ok := e.cut(path); ok {
			return e.value, e.line, e.col, rest, true
		}
	}
	return nil, 0, 0, "", false
}

// cut removes the entry's key from the front of path.
func (e *entry) cut(path string) (rest string, ok bool) {
	if strings.HasPrefix(path, "[") {
		rest, ok = strings.CutPrefix(path[1:], e.key)
		if !ok || !strings.HasPrefix(rest, "]") {
			return "", false
		}
		rest = rest[1:]
	} else {
		rest, ok = strings.CutPrefix(strings.TrimPrefix(path, "."), e.key)
		if !ok || e.key == "" {
			return "", false
		}
	}
	return rest, rest == "" || rest[0] == '.' || rest[0] == '['
}
