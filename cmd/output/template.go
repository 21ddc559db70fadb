package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/template"
)

func parseTemplate(text string) (*template.Template, error) {
	t, err := template.New("format").Funcs(functions()).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("--format: %s", strings.TrimPrefix(err.Error(), "template: format:"))
	}
	return t, nil
}

// templateError keeps the part of a template's error that a person can use.
func templateError(err error) error {
	var exec template.ExecError
	if errors.As(err, &exec) {
		return fmt.Errorf("--format: %s", strings.TrimPrefix(exec.Error(), "template: format:"))
	}
	return err
}

// functions are those podman's templates have.
func functions() template.FuncMap {
	return template.FuncMap{
		"json":     jsonText,
		"join":     func(list []string, sep string) string { return strings.Join(list, sep) },
		"split":    strings.Split,
		"lower":    strings.ToLower,
		"upper":    strings.ToUpper,
		"title":    title,
		"pad":      pad,
		"truncate": truncate,
	}
}

func jsonText(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimRight(b.String(), "\n"), nil
}

func title(s string) string {
	words := strings.Fields(s)
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, " ")
}

func pad(s string, before, after int) string {
	if s == "" {
		return s
	}
	return strings.Repeat(" ", before) + s + strings.Repeat(" ", after)
}

func truncate(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most])
}
