package spec

import (
	"errors"
	"fmt"
	"strings"
)

// ExpandWord fills variables into a text as ENV of a Dockerfile does: $NAME and
// ${NAME}, empty where there is none; ${NAME:-text}, where it is empty, and
// ${NAME:+text}, where it is not. A backslash takes what a character means away,
// '…' that of all between them, and quotes fall away.
func ExpandWord(text string, value func(name string) string) (string, error) {
	w := word{text: text, value: value}
	return w.until(0)
}

// word is a text that is read up to its end.
type word struct {
	text  string
	at    int
	value func(string) string
}

// until reads up to a character, or to the end of the text if it is 0.
func (w *word) until(end byte) (string, error) {
	var out strings.Builder
	for w.at < len(w.text) {
		c := w.text[w.at]
		part, err := w.text[w.at:w.at+1], error(nil)
		w.at++
		switch {
		case c == end:
			return out.String(), nil
		case c == '\\' && w.at < len(w.text):
			part = w.escaped(end == '"')
		case c == '\'' && end != '"':
			part, err = w.literal()
		case c == '"':
			part, err = w.until('"')
		case c == '$':
			part, err = w.variable()
		}
		if err != nil {
			return "", err
		}
		out.WriteString(part)
	}
	if end != 0 {
		return "", fmt.Errorf("the closing %c is missing", end)
	}
	return out.String(), nil
}

// escaped is what follows a backslash, which stays where it takes nothing away.
func (w *word) escaped(quoted bool) string {
	c := w.text[w.at : w.at+1]
	w.at++
	if quoted && !strings.Contains(`"$\`, c) {
		return `\` + c
	}
	return c
}

func (w *word) literal() (string, error) {
	part, _, closed := strings.Cut(w.text[w.at:], "'")
	if !closed {
		return "", errors.New("the closing ' is missing")
	}
	w.at += len(part) + 1
	return part, nil
}

// variable reads what follows a dollar.
func (w *word) variable() (string, error) {
	if name := w.name(); name != "" {
		return w.value(name), nil
	}
	if w.at == len(w.text) || w.text[w.at] != '{' {
		return "$", nil
	}
	w.at++
	name := w.name()
	rest := w.text[w.at:]
	switch {
	case name == "":
		return "", errors.New("the name is missing between ${ and }")
	case strings.HasPrefix(rest, "}"):
		w.at++
		return w.value(name), nil
	case !strings.HasPrefix(rest, ":-") && !strings.HasPrefix(rest, ":+"):
		return "", fmt.Errorf("write ${%s}, ${%s:-text} or ${%s:+text}", name, name, name)
	}
	w.at += 2
	text, err := w.until('}')
	switch was := w.value(name); {
	case (was != "") == (rest[1] == '+'):
		return text, err
	case rest[1] == '+':
		return "", err
	default:
		return was, err
	}
}

// name reads a variable's name, which may be empty.
func (w *word) name() string {
	rest := w.text[w.at:]
	n := strings.IndexFunc(rest, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
	if n < 0 {
		n = len(rest)
	}
	w.at += n
	return rest[:n]
}
