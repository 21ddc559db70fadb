package quadlet

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		value       string
		args, words []string // nil words: as args
		bad         string
	}{
		{value: "", args: nil},
		{value: "a  b\tc", args: []string{"a", "b", "c"}},
		{value: `"a b" 'c d'`, args: []string{"a b", "c d"}},
		{value: `a"b c"d`, args: []string{"ab cd"}},
		{value: `""`, args: []string{""}},
		{value: `tag="{{.Name}}"`, args: []string{"tag={{.Name}}"}},
		{value: `a\nb \x41\102\u0043 \s`, args: []string{"a\nb", "ABC", " "}, words: []string{`a\nb`, `\x41\102\u0043`, `\s`}},
		{value: `\"a b\"`, args: []string{`"a`, `b"`}, words: []string{`\a b\`}},
		{value: `'a"b'`, args: []string{`a"b`}},
		{value: `x \; y`, args: []string{"x", ";", "y"}, words: []string{"x", `\;`, "y"}},
		{value: `"a b`, bad: "the quote \" is never closed"},
		{value: `a\.b`, bad: `unsupported escape char \.: write \\ for a backslash`, words: []string{`a\.b`}},
		{value: `a\`, bad: `a backslash ends it`, words: []string{`a\`}},
		{value: `\x4`, bad: "lacks digits", words: []string{`\x4`}},
		{value: `\x00`, bad: "NUL byte", words: []string{`\x00`}},
		{value: `\777`, bad: "no character", words: []string{`\777`}},
		{value: `\UFFFFFFFF`, bad: "no character", words: []string{`\UFFFFFFFF`}},
		{value: `\xzz`, bad: "no number", words: []string{`\xzz`}},
	} {
		args, err := SplitArgs(c.value)
		switch {
		case c.bad != "" && (err == nil || !strings.Contains(err.Error(), c.bad)):
			t.Errorf("SplitArgs(%s): error %v, want %q", c.value, err, c.bad)
		case c.bad == "" && (err != nil || !cmp.Equal(args, c.args)):
			t.Errorf("SplitArgs(%s) = %q, %v; want %q", c.value, args, err, c.args)
		}
		words, err := SplitWords(c.value)
		switch want := c.words; {
		case want == nil && c.bad != "":
			if err == nil {
				t.Errorf("SplitWords(%s) = %q, want an error", c.value, words)
			}
		default:
			if want == nil {
				want = c.args
			}
			if err != nil || !cmp.Equal(words, want) {
				t.Errorf("SplitWords(%s) = %q, %v; want %q", c.value, words, err, want)
			}
		}
	}
}

func TestQuote(t *testing.T) {
	for _, c := range []struct{ arg, want, path string }{
		{arg: "plain-1.0:x/y,z=1", want: "plain-1.0:x/y,z=1"},
		{arg: "", want: `""`},
		{arg: "a b", want: `"a b"`, path: `"a\x20b"`},
		{arg: "a\"b'c\\", want: `"a\"b'c\\"`},
		{arg: "a\nb\x01", want: `"a\nb\x01"`},
		{arg: ";", want: `";"`},
		{arg: "%h/${X}", want: "%h/${X}"},
		{arg: "größe", want: "größe"},
	} {
		if got := Quote(c.arg); got != c.want {
			t.Errorf("Quote(%q) = %s, want %s", c.arg, got, c.want)
		}
		if c.path == "" {
			c.path = c.want
		}
		if got := QuotePath(c.arg); got != c.path {
			t.Errorf("QuotePath(%q) = %s, want %s", c.arg, got, c.path)
		}
	}
}

// FuzzQuote holds that what is quoted is read back as it was, on one line.
func FuzzQuote(f *testing.F) {
	f.Add("a b", `"'\`)
	f.Add("", "\n\t\x7f\xff")
	f.Add(";", "größe %n $X")
	f.Fuzz(func(t *testing.T, a, b string) {
		if strings.Contains(a+b, "\x00") {
			return // no argument of a process can hold one
		}
		want := []string{a, b}
		line := Quote(want...)
		got, err := SplitArgs(line)
		if err != nil || !cmp.Equal(want, got) || strings.ContainsAny(line, "\n\r") {
			t.Errorf("%q was written %s and read as %q, %v", want, line, got, err)
		}
		got, err = SplitArgs(QuotePath(a))
		if err != nil || !cmp.Equal([]string{a}, got) {
			t.Errorf("path %q was written %s and read as %q, %v", a, QuotePath(a), got, err)
		}
	})
}

// FuzzSplit holds that splitting ends, and that what it gives can be quoted.
func FuzzSplit(f *testing.F) {
	f.Add(`a "b c" \x41 'd'`)
	f.Add(`\`)
	f.Fuzz(func(t *testing.T, value string) {
		args, err := SplitArgs(value)
		if err != nil {
			return
		}
		for _, a := range args {
			if strings.Contains(a, "\x00") {
				return
			}
		}
		again, err := SplitArgs(Quote(args...))
		if err != nil || !cmp.Equal(args, again, cmpopts.EquateEmpty()) {
			t.Errorf("%q gave %q, then %q, %v", value, args, again, err)
		}
	})
}
