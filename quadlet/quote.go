package quadlet

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// SplitArgs splits a value as systemd does a command line, systemd.syntax(7):
// at blanks, with quotes taken off and C's escapes resolved.
func SplitArgs(s string) ([]string, error) { return split(s, true) }

// SplitWords splits a value at blanks and takes quotes off; a backslash is a
// character like others, and escapes nothing.
func SplitWords(s string) ([]string, error) { return split(s, false) }

func split(s string, escapes bool) ([]string, error) {
	var words []string
	var word strings.Builder
	open, quote := false, byte(0) // in a word; in this kind of quotes
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && escapes:
			text, n, err := unescape(s[i:])
			if err != nil {
				return nil, err
			}
			word.WriteString(text)
			open, i = true, i+n-1
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			open, quote = true, c
		case quote == 0 && isBlank(c):
			if open {
				words = append(words, word.String())
				word.Reset()
				open = false
			}
		default:
			word.WriteByte(c)
			open = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("the quote %c is never closed", quote)
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// unescape resolves the escape s begins with and says how long it is.
func unescape(s string) (text string, n int, err error) {
	if len(s) < 2 {
		return "", 0, errors.New(`a backslash ends it, and escapes nothing: write \\ for a backslash`)
	}
	const plain, meant = `abfnrtv\"'s`, "\a\b\f\n\r\t\v\\\"' "
	if i := strings.IndexByte(plain, s[1]); i >= 0 {
		return meant[i : i+1], 2, nil
	}
	switch c := s[1]; {
	case c == ';': // a lone ; parts the commands of a line
		return ";", 2, nil
	case c == 'x':
		return number(s, 2, 2, 16)
	case c == 'u':
		return number(s, 2, 4, 16)
	case c == 'U':
		return number(s, 2, 8, 16)
	case c >= '0' && c <= '7':
		return number(s, 1, 3, 8)
	}
	r, _ := utf8.DecodeRuneInString(s[1:])
	return "", 0, fmt.Errorf(`unsupported escape char \%c: write \\ for a backslash`, r)
}

// number resolves the escape whose digits stand at s[from:from+digits].
func number(s string, from, digits, base int) (string, int, error) {
	end := from + digits
	if len(s) < end {
		return "", 0, fmt.Errorf("escape %s lacks digits", shown(s))
	}
	v, err := strconv.ParseUint(s[from:end], base, 32)
	switch {
	case err != nil:
		return "", 0, fmt.Errorf("escape %s is no number", shown(s[:end]))
	case v == 0:
		return "", 0, fmt.Errorf("escape %s is a NUL byte, which no argument can hold", shown(s[:end]))
	case digits <= 3 && v <= 0xff:
		return string([]byte{byte(v)}), end, nil
	case digits <= 3 || !utf8.ValidRune(rune(v)):
		return "", 0, fmt.Errorf("escape %s is no character", shown(s[:end]))
	}
	return string(rune(v)), end, nil
}

// Quote writes arguments so that systemd, and SplitArgs, read them as they are.
// Specifiers (%n) and variables ($X) stay what they are.
func Quote(args ...string) string {
	var b strings.Builder
	for i, arg := range args {
		if i > 0 {
			b.WriteByte(' ')
		}
		quote(&b, arg, false)
	}
	return b.String()
}

// QuotePath writes a path for a list of paths such as RequiresMountsFor=.
func QuotePath(path string) string {
	var b strings.Builder
	quote(&b, path, true)
	return b.String()
}

func quote(b *strings.Builder, s string, path bool) {
	if s != "" && s != ";" && !strings.ContainsFunc(s, special) {
		b.WriteString(s)
		return
	}
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch named := strings.IndexByte("\a\b\f\n\r\t\v\\\"", c); {
		case named >= 0:
			b.WriteByte('\\')
			b.WriteByte(`abfnrtv\"`[named])
		case c < ' ', c == 0x7f, c == ' ' && path:
			fmt.Fprintf(b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
}

// special says whether a character keeps a word from standing without quotes.
func special(r rune) bool {
	return r <= ' ' || r == 0x7f || r == '"' || r == '\'' || r == '\\' || r == utf8.RuneError
}

// unquote takes the double quotes off that stand around a whole value. Single
// ones are part of it: a shell may be what reads them.
func unquote(s string) string {
	if n := len(s); n >= 2 && s[0] == '"' && s[n-1] == '"' {
		return s[1 : n-1]
	}
	return s
}
