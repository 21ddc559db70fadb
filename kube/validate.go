package kube

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"

	"berth/internal/source"
)

// check validates one object by the rules of an API server. Each method looks
// at one part and reports under its path.
//
// Rules: https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/core/validation/validation.go
type check struct {
	*walk
	object *Object
}

// bad reports that what stands at that path is wrong, unless reading it has
// already been reported as wrong.
func (c *check) bad(at *path, format string, args ...any) {
	if c.errors >= maxProblems {
		c.errors++
		return
	}
	field := at.String()
	for _, failed := range c.failed {
		if within(field, failed) || within(failed, field) {
			return
		}
	}
	pos := c.object.Fields.At(field)
	c.add(source.Diagnostic{
		Pos: source.Pos{Line: pos.Line, Col: pos.Col}, Field: c.prefix + field, Message: fmt.Sprintf(format, args...),
	})
}

// place is where what stands at that path was read.
func (c *check) place(at *path) place {
	pos := c.object.Fields.At(at.String())
	return place{pos.Line, pos.Col}
}

// read reports whether everything at and below that path could be read.
func (c *check) read(at *path) bool {
	field := at.String()
	return !slices.ContainsFunc(c.failed, func(failed string) bool { return within(failed, field) })
}

// within reports whether field is outer or lies below it.
func within(field, outer string) bool {
	rest, ok := strings.CutPrefix(field, outer)
	return ok && (rest == "" || outer == "" || rest[0] == '.' || rest[0] == '[')
}

// missing reports a field that must be written.
func (c *check) missing(at *path, what string) { c.bad(at, "is missing: %s", what) }

// oneOf reports a word that is none of those allowed.
func oneOf[T ~string](c *check, at *path, value T, allowed ...T) {
	if slices.Contains(allowed, value) {
		return
	}
	words := make([]string, len(allowed))
	for i, word := range allowed {
		words[i] = cmp.Or(string(word), `""`)
	}
	c.bad(at, "%s is not one of %s%s", quote(string(value)), strings.Join(words, ", "), didYouMean(string(value), words))
}

// didYouMean suggests among names that people chose.
func didYouMean(word string, known []string) string {
	var short []string
	for _, k := range known {
		if len(k) <= validation.DNS1123SubdomainMaxLength && len(short) < 100 {
			short = append(short, k)
		}
	}
	return source.DidYouMean(shorten(word, 100), short)
}

const (
	labelRule     = `want lower case letters, digits and "-", beginning and ending with a letter or digit, at most 63 characters`
	subdomainRule = `want lower case letters, digits, "-" and ".", beginning and ending with a letter or digit, at most 253 characters`
)

// label checks a DNS label (RFC 1123).
func (c *check) label(at *path, name string) {
	switch {
	case name == "":
		c.missing(at, "a name is needed")
	case len(validation.IsDNS1123Label(name)) > 0:
		c.bad(at, "%s is not a valid name: %s", quote(name), labelRule)
	}
}

// subdomain checks a DNS name of one label or more.
func (c *check) subdomain(at *path, name string) {
	switch {
	case name == "":
		c.missing(at, "a name is needed")
	case len(validation.IsDNS1123Subdomain(name)) > 0:
		c.bad(at, "%s is not a valid name: %s", quote(name), subdomainRule)
	}
}

// inRange checks that *n, if given, lies in a range.
func inRange(c *check, at *path, n *int64, low, high int64) {
	if n != nil && (*n < low || *n > high) {
		c.bad(at, "%d is out of range: want %d to %d", *n, low, high)
	}
}

// unique reports a name that has been used before among its like.
type unique map[string]*path

func (u unique) add(c *check, at *path, name string) {
	if name == "" {
		return
	}
	if first, ok := u[name]; ok {
		c.bad(at, "%s is used twice, first at %s", quote(name), c.prefix+first.String())
		return
	}
	u[name] = at
}

// amount checks that a quantity is not negative.
func (c *check) amount(at *path, q *resource.Quantity) {
	if q != nil && q.Sign() < 0 {
		c.bad(at, "%s is less than zero", q.String())
	}
}
