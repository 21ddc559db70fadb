package kube

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// looksLikeJSON reports whether a document may be JSON: YAML's flow style
// begins the same.
func looksLikeJSON(text []byte) bool {
	text = bytes.TrimLeft(text, " \t\r\n")
	return len(text) > 0 && (text[0] == '{' || text[0] == '[')
}

// parseJSON reads one JSON value or several, one after the other. JSON is read
// by a reader of its own because YAML's refuses some of it (surrogate pairs,
// tabs).
func parseJSON(r *report, doc document) ([]*node, *problem) {
	t := &jsonTree{report: r, text: doc.text, line: doc.lines + 1, col: 1, dec: json.NewDecoder(bytes.NewReader(doc.text))}
	t.dec.UseNumber()
	var nodes []*node
	for {
		tok, err := t.next()
		if errors.Is(err, io.EOF) {
			return nodes, nil
		}
		if err != nil {
			return nodes, t.problem(err)
		}
		n, err := t.value(tok, 0)
		if err != nil {
			return nodes, t.problem(err)
		}
		nodes = append(nodes, n)
	}
}

// jsonTree makes nodes of a stream of JSON tokens.
type jsonTree struct {
	*report
	text      []byte
	dec       *json.Decoder
	at        int // offset of the present token
	line, col int // of the present token
	nodes     int
}

// next reads a token and notes where it begins.
func (t *jsonTree) next() (json.Token, error) {
	t.advance(int(t.dec.InputOffset()))
	for t.at < len(t.text) && strings.IndexByte(" \t\r\n,:", t.text[t.at]) >= 0 {
		t.advance(t.at + 1)
	}
	return t.dec.Token()
}

// advance moves the position to that offset.
func (t *jsonTree) advance(to int) {
	to = min(to, len(t.text))
	skipped := t.text[t.at:to]
	if i := bytes.LastIndexByte(skipped, '\n'); i >= 0 {
		t.line += bytes.Count(skipped, []byte("\n"))
		t.col = 1
		skipped = skipped[i+1:]
	}
	t.col += utf8.RuneCount(skipped)
	t.at = to
}

func (t *jsonTree) problem(err error) *problem {
	var known *problem
	if errors.As(err, &known) {
		return known
	}
	message := err.Error()
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && int(syntax.Offset)-1 > t.at {
		t.advance(int(syntax.Offset) - 1)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		t.advance(len(t.text))
		message = "the JSON ends too early"
	}
	return &problem{t.line, t.col, message}
}

func (t *jsonTree) value(tok json.Token, depth int) (*node, error) {
	n := &node{line: t.line, col: t.col}
	if t.nodes++; t.nodes > maxNodes {
		return nil, &problem{t.line, t.col, fmt.Sprintf("too large: at most %d values are read", maxNodes)}
	}
	if depth > maxDepth {
		return nil, &problem{t.line, t.col, fmt.Sprintf("nested more than %d deep", maxDepth)}
	}
	switch tok := tok.(type) {
	case nil:
		n.kind = kindNull
	case bool:
		n.kind, n.text = kindBool, fmt.Sprint(tok)
		n.raw = n.text
	case json.Number:
		n.kind, n.text = kindInt, tok.String()
		if strings.ContainsAny(n.text, ".eE") {
			n.kind = kindFloat
		}
	case string:
		n.kind, n.text = kindText, tok
		if strings.ContainsRune(tok, 0) {
			t.errorf(n.line, n.col, "text must not hold a NUL character")
		}
	case json.Delim:
		if tok == '{' {
			return n, t.object(n, depth)
		}
		return n, t.array(n, depth)
	}
	return n, nil
}

func (t *jsonTree) object(n *node, depth int) error {
	n.kind = kindMap
	seen := map[string]int{}
	for {
		tok, err := t.next()
		if err != nil {
			return eofIsEarly(err)
		}
		key, ok := tok.(string)
		if !ok { // the closing brace
			return nil
		}
		e := entry{key: key, line: t.line, col: t.col}
		if tok, err = t.next(); err != nil {
			return eofIsEarly(err)
		}
		if e.value, err = t.value(tok, depth+1); err != nil {
			return err
		}
		if i, twice := seen[key]; twice {
			t.duplicate(e, n.entries[i])
			continue
		}
		seen[key] = len(n.entries)
		n.entries = append(n.entries, e)
	}
}

func (t *jsonTree) array(n *node, depth int) error {
	n.kind = kindList
	for {
		tok, err := t.next()
		if err != nil {
			return eofIsEarly(err)
		}
		if tok == json.Delim(']') {
			return nil
		}
		item, err := t.value(tok, depth+1)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
}

func eofIsEarly(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
