package kubectl

import (
	"fmt"
	"strings"

	"k8s.io/client-go/util/jsonpath"
)

// Condition is what kubectl wait --for waits for.
type Condition struct {
	Delete, Create bool

	kind, status string // of a condition
	path         *jsonpath.JSONPath
	value        string
	any          bool // whatever stands at the path
}

// ParseCondition reads the value of --for.
func ParseCondition(text string) (Condition, error) {
	kind, rest, given := strings.Cut(text, "=")
	switch {
	case strings.EqualFold(text, "delete"):
		return Condition{Delete: true}, nil
	case strings.EqualFold(text, "create"):
		return Condition{Create: true}, nil
	case kind == "condition" && given:
		name, status, ok := strings.Cut(rest, "=")
		if !ok {
			status = "true"
		}
		return Condition{kind: name, status: status}, nil
	case kind == "jsonpath" && given:
		return pathCondition(rest)
	}
	return Condition{}, fmt.Errorf("unrecognized condition: %q", text)
}

// pathCondition reads "{.status.phase}=Running", or "{.status.podIP}" alone,
// which is for anything to be there.
func pathCondition(text string) (Condition, error) {
	text = strings.Trim(text, `'"`)
	path, value, any := text, "", true
	if end := strings.LastIndex(text, "}"); strings.HasPrefix(text, "{") && end > 0 {
		rest := strings.TrimLeft(text[end+1:], `'"`)
		path = text[:end+1]
		value, any = strings.CutPrefix(rest, "=")
		any = !any
		if any && rest != "" {
			return Condition{}, fmt.Errorf("jsonpath wait format must be --for=jsonpath='{.status.readyReplicas}'=3 or --for=jsonpath='{.status.readyReplicas}'")
		}
	} else if p, v, ok := strings.Cut(text, "="); ok {
		path, value, any = p, v, false
	}
	value = strings.Trim(value, `'"`)
	if !any && value == "" {
		return Condition{}, fmt.Errorf("jsonpath wait has to have a value after equal sign")
	}
	p, err := relaxedPath(path)
	if err != nil {
		return Condition{}, err
	}
	return Condition{path: p, value: value, any: any}, nil
}

// Met reports whether an object is as it was waited for.
func (c Condition) Met(o Object) (bool, error) {
	if c.path != nil {
		return c.metPath(o)
	}
	list, _ := at(o, "status", "conditions").([]any)
	for _, item := range list {
		fields, _ := item.(map[string]any)
		if strings.EqualFold(textAt(fields, "type"), c.kind) {
			return strings.EqualFold(textAt(fields, "status"), c.status), nil
		}
	}
	return false, nil
}

func (c Condition) metPath(o Object) (bool, error) {
	values, err := find(c.path, o)
	if err != nil || len(values) == 0 {
		return false, err
	}
	if c.any {
		return true, nil
	}
	if len(values) > 1 {
		return false, fmt.Errorf("given jsonpath expression matches more than one value")
	}
	switch values[0].(type) {
	case map[string]any, []any:
		return false, fmt.Errorf("jsonpath leads to a nested object or list which is not supported")
	}
	return fmt.Sprint(values[0]) == c.value, nil
}
