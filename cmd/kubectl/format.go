package kubectl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/template"

	"k8s.io/client-go/util/jsonpath"
	"sigs.k8s.io/yaml"
)

// Object is a Kubernetes object, as JSON has it.
type Object = map[string]any

// Format is what -o asks for. The zero value is the table.
type Format struct {
	kind string
	arg  string
}

// Formats are the words of -o; those that end in "=" take something.
func Formats() []string {
	return []string{
		"wide", "yaml", "json", "name", "jsonpath=", "jsonpath-file=", "jsonpath-as-json=",
		"custom-columns=", "custom-columns-file=", "go-template=", "go-template-file=",
	}
}

// ParseFormat reads the value of -o. Files it names are read now.
func ParseFormat(text string) (Format, error) {
	kind, arg, takes := strings.Cut(text, "=")
	if !takes && strings.HasPrefix(text, "jsonpath={") {
		kind, arg, takes = "jsonpath", text[len("jsonpath="):], true
	}
	word := kind
	if takes {
		word += "="
	}
	switch {
	case text == "":
		return Format{}, nil
	case slices.Contains(Formats(), word):
	case slices.Contains(Formats(), kind+"="):
		return Format{}, fmt.Errorf("template format specified but no template given: -o %s=…", kind)
	default:
		return Format{}, fmt.Errorf("unable to match a printer suitable for the output format %q, allowed formats are: %s",
			text, strings.ReplaceAll(strings.Join(Formats(), ","), "=", ""))
	}
	if plain, isFile := strings.CutSuffix(kind, "-file"); isFile {
		data, err := os.ReadFile(arg)
		if err != nil {
			return Format{}, fmt.Errorf("-o %s: %w", kind, err)
		}
		kind, arg = plain, string(data)
		if kind == "custom-columns" {
			var err error
			if arg, err = columnsOfFile(arg); err != nil {
				return Format{}, err
			}
		}
	}
	f := Format{kind, arg}
	return f, f.check()
}

// check finds mistakes before anything is looked up.
func (f Format) check() (err error) {
	switch f.kind {
	case "jsonpath", "jsonpath-as-json":
		_, err = parseJSONPath(f.arg)
	case "custom-columns":
		_, err = parseColumns(f.arg)
	case "go-template":
		_, err = template.New("output").Parse(f.arg)
	}
	return err
}

// Table reports whether rows are asked for, and Wide whether wide ones.
func (f Format) Table() bool { return f.kind == "" || f.kind == "wide" }

// Wide reports whether wide rows are asked for.
func (f Format) Wide() bool { return f.kind == "wide" }

// Columns reports whether the rows are the user's own.
func (f Format) Columns() bool { return f.kind == "custom-columns" }

// Print writes objects. One that was asked for by its name is written as
// itself, all others as a List.
func (f Format) Print(w io.Writer, objects []Object, single, noHeader bool) error {
	switch f.kind {
	case "name":
		for _, o := range objects {
			if _, err := fmt.Fprintln(w, NameOf(o)); err != nil {
				return err
			}
		}
		return nil
	case "custom-columns":
		return printColumns(&Table{Out: w, NoHeader: noHeader}, f.arg, objects)
	}
	var o any = listOf(objects)
	if single && len(objects) == 1 {
		o = objects[0]
	}
	switch f.kind {
	case "yaml":
		data, err := yaml.Marshal(o)
		if err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	case "jsonpath", "jsonpath-as-json":
		p, err := parseJSONPath(f.arg)
		if err != nil {
			return err
		}
		if f.kind == "jsonpath-as-json" {
			p.EnableJSONOutput(true)
		}
		return executeJSONPath(w, p, o)
	case "go-template":
		t, err := template.New("output").Parse(f.arg)
		if err != nil {
			return err
		}
		return t.Execute(w, o)
	}
	return printJSON(w, o)
}

func printJSON(w io.Writer, o any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "    ")
	if err := e.Encode(o); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

func listOf(objects []Object) Object {
	items := make([]any, len(objects))
	for i, o := range objects {
		items[i] = o
	}
	return Object{"apiVersion": "v1", "kind": "List", "items": items, "metadata": Object{"resourceVersion": ""}}
}

// NameOf is "pod/web", or "deployment.apps/web".
func NameOf(o Object) string {
	kind, _ := o["kind"].(string)
	version, _ := o["apiVersion"].(string)
	kind = strings.ToLower(kind)
	if group, _, ok := strings.Cut(version, "/"); ok {
		kind += "." + group
	}
	return kind + "/" + field(o, "name")
}

// field is a field of an object's metadata.
func field(o Object, name string) string {
	meta, _ := o["metadata"].(map[string]any)
	text, _ := meta[name].(string)
	return text
}

// parseJSONPath reads a template, or a path without braces.
func parseJSONPath(text string) (*jsonpath.JSONPath, error) {
	p := jsonpath.New("out")
	p.AllowMissingKeys(true)
	if err := p.Parse(text); err != nil {
		return nil, fmt.Errorf("error parsing jsonpath %s, %w", text, err)
	}
	return p, nil
}

func executeJSONPath(w io.Writer, p *jsonpath.JSONPath, o any) error {
	if err := p.Execute(w, o); err != nil {
		return fmt.Errorf("error executing jsonpath: %w", err)
	}
	return nil
}
