package output

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// JSON writes v indented, without escaping <, > and &.
func JSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// Objects prints what inspect found: a JSON array, or a template executed once
// for each object.
func Objects[T any](w io.Writer, f Format, objects []T) error {
	if !f.given || f.IsJSON() {
		if objects == nil {
			objects = []T{}
		}
		return JSON(w, objects)
	}
	return each(w, f, objects)
}

// spellID takes .Id, as JSON spells it, for the field ID.
func spellID(text string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, ".Id")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		if next, _ := utf8.DecodeRuneInString(after); unicode.IsLetter(next) || unicode.IsDigit(next) {
			b.WriteString(".Id")
		} else {
			b.WriteString(".ID")
		}
		text = after
	}
}

// Object prints one object by a template, or as JSON.
func Object(w io.Writer, f Format, object any) error {
	if !f.given || f.IsJSON() {
		return JSON(w, object)
	}
	return each(w, f, []any{object})
}

func each[T any](w io.Writer, f Format, objects []T) error {
	t, err := parseTemplate(spellID(f.text))
	if err != nil {
		return err
	}
	for _, o := range objects {
		if err := t.Execute(w, o); err != nil {
			return templateError(err)
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	return nil
}
