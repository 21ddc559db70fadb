package kube

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// problem is what makes a whole document unreadable.
type problem struct {
	line, col int
	message   string
}

func (p *problem) Error() string { return p.message }

// parseYAML reads one chunk of a file, which holds one document or, behind end
// markers, more.
func parseYAML(r *report, doc document) ([]*node, *problem) {
	var nodes []*node
	dec := yaml.NewDecoder(bytes.NewReader(doc.text))
	for {
		var root yaml.Node
		err := decodeYAML(dec, &root)
		if errors.Is(err, io.EOF) {
			return nodes, nil
		}
		if err != nil {
			return nodes, yamlProblem(doc, err)
		}
		t := yamlTree{report: r, lines: doc.lines, shared: map[*yaml.Node]sized{}, open: map[*yaml.Node]bool{}}
		n, problem := t.convert(&root)
		if problem != nil {
			return nodes, problem
		}
		nodes = append(nodes, n)
	}
}

// decodeYAML turns the parser's own panics, which it calls internal errors,
// into errors: what people write must never end the process.
func decodeYAML(dec *yaml.Decoder, root *yaml.Node) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("cannot be parsed: %v", p)
		}
	}()
	return dec.Decode(root)
}

var yamlLine = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^line (\d+): `)
})

// yamlProblem says in our words what the parser says of a document. The parser
// gives a line only, and of some mistakes that of the enclosing block.
func yamlProblem(doc document, err error) *problem {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if m := yamlLine().FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1])
		message = message[len(m[0]):]
	}
	switch {
	case message == "did not find expected key" || message == "did not find expected '-' indicator":
		line = firstBadLine(doc.text, line)
	case strings.HasPrefix(message, "did not find expected"):
		line++ // the parser counts these from 0
	case strings.HasPrefix(message, "unknown anchor"):
		name := between(message, "'")
		line = lineOf(doc.text, regexp.MustCompile(`\*`+regexp.QuoteMeta(name)+`\b`))
		message = fmt.Sprintf("the alias *%s has no anchor before it in its document", name)
	}
	message += syntaxHint(message)
	line = min(line, bytes.Count(doc.text, []byte("\n"))+1)
	text := lineText(doc.text, line)
	if strings.HasPrefix(strings.TrimLeft(text, " "), "\t") {
		message = "a tab indents this line: YAML wants spaces"
	} else if strings.Contains(text, "{{") {
		message = "this is no YAML: is it a template? Render it first"
	}
	return &problem{line: doc.lines + line, message: message}
}

// syntaxHint is what most likely leads to the parser's message.
func syntaxHint(message string) string {
	for _, h := range []struct{ message, hint string }{
		{"did not find expected key", "is the line indented like those it belongs to?"},
		{"did not find expected '-' indicator", "is the line indented like those it belongs to?"},
		{"did not find expected ','", "is the bracket closed?"},
		{"mapping values are not allowed", `is the line indented like those it belongs to? A text with ": " in it must be in quotes`},
		{"could not find expected ':'", "is there a blank after the key's colon?"},
		{"found character that cannot start any token", "put the text in quotes"},
		{"found unexpected end of stream", "is a quote or a bracket not closed?"},
	} {
		if strings.HasPrefix(message, h.message) {
			return ": " + h.hint
		}
	}
	return ""
}

// firstBadLine is the first line without which the text would be fine, sought
// among all prefixes of it.
func firstBadLine(text []byte, otherwise int) int {
	lines := bytes.SplitAfter(text, []byte("\n"))
	if len(text) > 256<<10 {
		return otherwise + 1
	}
	low, high := 1, len(lines) // the prefix of high lines fails
	for low < high {
		mid := (low + high) / 2
		var root yaml.Node
		err := decodeYAML(yaml.NewDecoder(bytes.NewReader(bytes.Join(lines[:mid], nil))), &root)
		if err != nil && strings.Contains(err.Error(), "did not find expected") {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}

func lineOf(text []byte, pattern *regexp.Regexp) int {
	if at := pattern.FindIndex(text); at != nil {
		return bytes.Count(text[:at[0]], []byte("\n")) + 1
	}
	return 1
}

func lineText(text []byte, line int) string {
	lines := bytes.SplitN(text, []byte("\n"), line+1)
	if line < 1 || line > len(lines) {
		return ""
	}
	return string(lines[line-1])
}

func between(s, mark string) string {
	_, s, _ = strings.Cut(s, mark)
	s, _, _ = strings.Cut(s, mark)
	return s
}

// sized is a node with what it counts for when aliases repeat it.
type sized struct {
	node                 *node
	nodes, bytes, height int
}

// yamlTree makes nodes of one YAML document. An alias shares the nodes of its
// anchor, so a small file that stands for a huge one costs nothing before the
// count of what it stands for refuses it.
type yamlTree struct {
	*report
	lines  int // before the document
	shared map[*yaml.Node]sized
	open   map[*yaml.Node]bool // anchors whose nodes are being made
}

func (t *yamlTree) convert(root *yaml.Node) (*node, *problem) {
	if root.Kind == yaml.DocumentNode {
		root = root.Content[0]
	}
	s, problem := t.node(root, 0)
	return s.node, problem
}

func (t *yamlTree) problem(n *yaml.Node, format string, args ...any) *problem {
	return &problem{t.lines + n.Line, n.Column, fmt.Sprintf(format, args...)}
}

// node makes the node of n at that depth.
func (t *yamlTree) node(n *yaml.Node, depth int) (s sized, p *problem) {
	if depth > maxDepth {
		return s, t.problem(n, "nested more than %d deep", maxDepth)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return t.alias(n)
	case yaml.ScalarNode:
		s = t.scalar(n)
	case yaml.SequenceNode, yaml.MappingNode:
		t.open[n] = true
		if n.Kind == yaml.MappingNode {
			s, p = t.mapping(n, depth)
		} else {
			s, p = t.sequence(n, depth)
		}
		delete(t.open, n)
		if p != nil {
			return s, p
		}
	default:
		return s, t.problem(n, "cannot be read")
	}
	if p := t.check(n, s); p != nil {
		return s, p
	}
	if n.Anchor != "" {
		t.shared[n] = s
	}
	return s, nil
}

// check refuses what would be too large. It is asked after each child, so that
// nothing large is made before it is refused.
func (t *yamlTree) check(n *yaml.Node, s sized) *problem {
	if s.nodes > maxNodes || s.bytes > maxExpanded {
		return t.problem(n, "too large: at most %d values and %d MiB of text are read, aliases (*) included", maxNodes, maxExpanded>>20)
	}
	if s.height > maxDepth {
		return t.problem(n, "nested more than %d deep", maxDepth)
	}
	return nil
}

func (t *yamlTree) alias(n *yaml.Node) (sized, *problem) {
	if s, ok := t.shared[n.Alias]; ok {
		return s, nil
	}
	if t.open[n.Alias] {
		return sized{}, t.problem(n, "the alias *%s stands within its own anchor", n.Value)
	}
	return sized{}, t.problem(n, "the alias *%s has no anchor before it", n.Value)
}

// place is a new node of that kind where n stands.
func (t *yamlTree) place(n *yaml.Node, kind valueKind) *node {
	return &node{kind: kind, line: t.lines + n.Line, col: n.Column}
}

func (s *sized) count(child sized) {
	s.nodes += child.nodes
	s.bytes += child.bytes
	s.height = max(s.height, child.height+1)
}

func (t *yamlTree) sequence(n *yaml.Node, depth int) (sized, *problem) {
	t.checkTag(n, "!!seq")
	list := t.place(n, kindList)
	s := sized{node: list, nodes: 1}
	list.items = make([]*node, 0, len(n.Content))
	for _, child := range n.Content {
		item, p := t.node(child, depth+1)
		if p != nil {
			return s, p
		}
		s.count(item)
		if p := t.check(child, s); p != nil {
			return s, p
		}
		list.items = append(list.items, item.node)
	}
	return s, nil
}

func (t *yamlTree) mapping(n *yaml.Node, depth int) (sized, *problem) {
	t.checkTag(n, "!!map")
	m := t.place(n, kindMap)
	s := sized{node: m, nodes: 1}
	seen := make(map[string]int, len(n.Content)/2) // index in m.entries
	m.entries = make([]entry, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		child, p := t.node(value, depth+1)
		if p != nil {
			return s, p
		}
		s.count(child)
		s.bytes += len(key.Value)
		if p := t.check(value, s); p != nil {
			return s, p
		}
		if key.Kind == yaml.ScalarNode && key.Value == "<<" && key.Tag == "!!merge" {
			t.merge(m, seen, key, child.node)
			continue
		}
		name, ok := t.key(key)
		if !ok {
			continue
		}
		t.put(m, seen, entry{key: name, line: t.lines + key.Line, col: key.Column, value: child.node})
	}
	return s, nil
}

// put adds an entry; what stands in the mapping itself wins over what was
// merged into it.
func (t *yamlTree) put(m *node, seen map[string]int, e entry) {
	i, ok := seen[e.key]
	switch {
	case !ok:
		seen[e.key] = len(m.entries)
		m.entries = append(m.entries, e)
	case m.entries[i].merged:
		m.entries[i] = e
	default:
		t.duplicate(e, m.entries[i])
	}
}

func (r *report) duplicate(e, first entry) {
	hint := ""
	if e.key == "apiVersion" || e.key == "kind" {
		hint = ": is a line with --- missing between two objects?"
	}
	r.errorf(e.line, e.col, "the key %s is written twice, first in line %d%s", quote(e.key), first.line, hint)
}

// merge adds the entries of a merge key's value: a mapping or a list of them,
// of which the earlier win.
func (t *yamlTree) merge(m *node, seen map[string]int, key *yaml.Node, value *node) {
	sources := []*node{value}
	if value.kind == kindList {
		sources = value.items
	}
	for _, source := range sources {
		if source.kind != kindMap {
			t.errorf(t.lines+key.Line, key.Column, "a merge key (<<) wants a mapping or a list of mappings")
			return
		}
		for _, e := range source.entries {
			if i, ok := seen[e.key]; ok {
				if !m.entries[i].merged {
					t.errorf(m.entries[i].line, m.entries[i].col,
						"the key %s is written before << which has it too: readers differ on which one counts, so put << first", quote(e.key))
				}
				continue
			}
			e.merged = true
			seen[e.key] = len(m.entries)
			m.entries = append(m.entries, e)
		}
	}
}

// key is the text of a mapping's key.
func (t *yamlTree) key(n *yaml.Node) (string, bool) {
	line, col := t.lines+n.Line, n.Column
	if n.Kind == yaml.AliasNode {
		t.errorf(line, col, "a key must be written out, not as an alias")
		return "", false
	}
	if n.Kind != yaml.ScalarNode {
		message := "a key must be text"
		if n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle != 0 {
			message += ": is this a template ({{ }})? Render it first"
		}
		t.errorf(line, col, "%s", message)
		return "", false
	}
	s := t.scalar(n).node
	key, ok := keyText(s.kind, s.text)
	switch {
	case !ok:
		t.errorf(line, col, "a key must be text, this one is %s", describe(s, false))
	case s.kind != kindText && key != n.Value:
		t.warnf(line, col, "the key %s is read as %q, as Kubernetes does: put it in quotes to keep it as it is", n.Value, key)
	}
	return key, ok
}

// checkTag refuses an explicit tag other than the collection's own.
func (t *yamlTree) checkTag(n *yaml.Node, own string) {
	if n.Style&yaml.TaggedStyle != 0 && n.Tag != own {
		t.errorf(t.lines+n.Line, n.Column, "the tag %s means nothing here: remove it", quote(n.Tag))
	}
}

// scalar makes the node of a scalar by the rules Kubernetes reads YAML with.
func (t *yamlTree) scalar(n *yaml.Node) sized {
	s := t.place(n, kindText)
	s.text = n.Value
	const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	switch {
	case n.Style&yaml.TaggedStyle != 0:
		t.tagged(n, s)
	case n.Style&quoted == 0:
		s.kind, s.text = plainScalar(n.Value)
	}
	if s.kind == kindBool {
		s.raw = n.Value
	}
	if s.kind == kindFloat && !finite(s.text) {
		t.errorf(s.line, s.col, "%s is no number here: put it in quotes if it is text", n.Value)
	}
	if strings.ContainsRune(s.text, 0) {
		t.errorf(s.line, s.col, "text must not hold a NUL character")
	}
	return sized{node: s, nodes: 1, bytes: len(s.text)}
}

// tagged reads a scalar with an explicit tag (!!str 5).
func (t *yamlTree) tagged(n *yaml.Node, s *node) {
	want := map[string]valueKind{"!!null": kindNull, "!!bool": kindBool, "!!int": kindInt, "!!float": kindFloat}
	switch kind, known := want[n.Tag]; {
	case n.Tag == "!!str" || n.Tag == "!!timestamp":
	case n.Tag == "!!binary":
		data, err := base64.StdEncoding.DecodeString(n.Value)
		if err != nil || !utf8.Valid(data) {
			t.errorf(s.line, s.col, "!!binary wants the base64 form of UTF-8 text")
		}
		s.text = string(data)
	case !known:
		t.errorf(s.line, s.col, "the tag %s means nothing here: remove it", quote(n.Tag))
	default:
		s.kind, s.text = plainScalar(n.Value)
		if s.kind == kindInt && kind == kindFloat {
			s.kind = kindFloat
		}
		if s.kind != kind {
			t.errorf(s.line, s.col, "this is no %s", strings.TrimPrefix(n.Tag, "!!"))
		}
	}
}
