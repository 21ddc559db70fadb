package kubectl

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/util/jsonpath"
)

// column is one of -o custom-columns.
type column struct {
	heading string
	path    *jsonpath.JSONPath
}

// parseColumns reads "NAME:.metadata.name,IP:.status.podIP".
func parseColumns(text string) ([]column, error) {
	var columns []column
	for part := range strings.SplitSeq(text, ",") {
		heading, path, ok := strings.Cut(part, ":")
		if !ok || heading == "" || path == "" {
			return nil, fmt.Errorf("unexpected custom-columns spec: %s, expected <header>:<json-path-expr>", part)
		}
		p, err := relaxedPath(path)
		if err != nil {
			return nil, err
		}
		columns = append(columns, column{heading, p})
	}
	return columns, nil
}

// columnsOfFile is the spec of a file with a line of headings and one of paths.
func columnsOfFile(text string) (string, error) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != 2 {
		return "", fmt.Errorf("a file for custom-columns has a line of headings and a line of paths")
	}
	headings, paths := strings.Fields(lines[0]), strings.Fields(lines[1])
	if len(headings) != len(paths) {
		return "", fmt.Errorf("a file for custom-columns has as many headings (%d) as paths (%d)", len(headings), len(paths))
	}
	for i := range headings {
		headings[i] += ":" + paths[i]
	}
	return strings.Join(headings, ","), nil
}

func printColumns(t *Table, text string, objects []Object) error {
	columns, err := parseColumns(text)
	if err != nil {
		return err
	}
	var headings []string
	for _, c := range columns {
		headings = append(headings, c.heading)
	}
	var rows [][]string
	for _, o := range objects {
		var row []string
		for _, c := range columns {
			values, err := find(c.path, o)
			if err != nil {
				return err
			}
			var words []string
			for _, v := range values {
				words = append(words, fmt.Sprint(v))
			}
			row = append(row, orNone(strings.Join(words, ",")))
		}
		rows = append(rows, row)
	}
	return t.Print(headings, rows)
}

// relaxedPath reads "{.a.b}", ".a.b" or "a.b".
func relaxedPath(text string) (*jsonpath.JSONPath, error) {
	inner := text
	if strings.HasPrefix(text, "{") {
		if !strings.HasSuffix(text, "}") {
			return nil, fmt.Errorf("unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}': %s", text)
		}
		inner = text[1 : len(text)-1]
	}
	if inner == "" {
		return nil, fmt.Errorf("unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}': %s", text)
	}
	return parseJSONPath("{." + strings.TrimPrefix(inner, ".") + "}")
}

// find gives the values at a path, none where nothing is there.
func find(p *jsonpath.JSONPath, o Object) ([]any, error) {
	found, err := p.FindResults(o)
	if err != nil {
		return nil, fmt.Errorf("error executing jsonpath: %w", err)
	}
	var values []any
	for _, list := range found {
		for _, v := range list {
			if v.IsValid() && v.CanInterface() && v.Interface() != nil {
				values = append(values, v.Interface())
			}
		}
	}
	return values, nil
}

// Sort orders objects by a field, "" by namespace and name. Those without the
// field come first.
func Sort(objects []Object, by string) error {
	if by == "" {
		return nil
	}
	p, err := relaxedPath(by)
	if err != nil {
		return err
	}
	keys := map[string]any{}
	id := func(o Object) string { return field(o, "namespace") + "/" + NameOf(o) }
	for _, o := range objects {
		values, err := find(p, o)
		if err != nil {
			return err
		}
		if len(values) > 0 {
			keys[id(o)] = values[0]
		}
	}
	if len(keys) == 0 && len(objects) > 0 {
		return fmt.Errorf("couldn't find any field with path %q in the list of objects", by)
	}
	slices.SortStableFunc(objects, func(a, b Object) int { return compare(keys[id(a)], keys[id(b)]) })
	return nil
}

// compare orders numbers, quantities and text.
func compare(a, b any) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	x, errX := resource.ParseQuantity(fmt.Sprint(a))
	y, errY := resource.ParseQuantity(fmt.Sprint(b))
	if errX == nil && errY == nil {
		return x.Cmp(y)
	}
	return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
}
