package spec

import (
	"strings"
	"testing"
)

func TestExpandWord(t *testing.T) {
	vars := map[string]string{"A": "one", "B_2": "two", "EMPTY": ""}
	of := func(name string) string { return vars[name] }
	for text, want := range map[string]string{
		"":                        "",
		"plain $ 5":               "plain $ 5",
		"$A:$B_2.$GONE-":          "one:two.-",
		"${A}x${GONE}y":           "onexy",
		"${A:-x}${GONE:-x}":       "onex",
		"${EMPTY:-$A and ${B_2}}": "one and two",
		"${A:+x}${GONE:+x}":       "x",
		`"$A  b" '$A'`:            "one  b $A",
		`\$A \\ a\b`:              `$A \ ab`,
		`"\$A \b"`:                `$A \b`,
		`it\'s "it's"`:            "it's it's",
		"$$":                      "$$",
		`ä${A}\ü"ö"`:              "äoneüö",
		"${GONE:-'}'}":            "}",
		"end\\":                   "end\\",
	} {
		if got, err := ExpandWord(text, of); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"${":       "the name is missing",
		"${}":      "the name is missing",
		"${A":      "write ${A}",
		"${A-x}":   "write ${A}, ${A:-text} or ${A:+text}",
		"${A:?x}":  "write ${A}",
		"${A:-x":   "the closing } is missing",
		`a"$A`:     `the closing " is missing`,
		"'a":       "the closing ' is missing",
		"${A:+'x}": "the closing ' is missing",
	} {
		if got, err := ExpandWord(text, of); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
}
