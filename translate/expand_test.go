package translate

import (
	"strings"
	"testing"

	"berth/engine/spec"
)

func TestExpand(t *testing.T) {
	values := map[string]string{"A": "a", "B": "$(A)", "EMPTY": "", "with.dot": "d", "IP": spec.LatePodIP, "$": "dollar"}
	for in, want := range map[string]string{
		"":                     "",
		"plain":                "plain",
		"$(A)":                 "a",
		"-$(A)-$(A)-":          "-a-a-",
		"$(B)":                 "$(A)", // what is put in is not looked at again
		"[$(EMPTY)]":           "[]",
		"$(with.dot)":          "d",
		"$(MISSING)":           "$(MISSING)",
		"$()":                  "$()",
		"$$(A)":                "$(A)",
		"$$$(A)":               "$a",
		"$$$$(A)":              "$$(A)",
		"$":                    "$",
		"$$":                   "$",
		"a$":                   "a$",
		"$A":                   "$A",
		"$(A":                  "$(A",
		"$(A$(A)":              "$(A$(A)", // the first ) closes
		"($(A))":               "(a)",
		"$$A $5 $(A)":          "$A $5 a",
		"http://$(IP):80/$(A)": "http://\x00status.podIP\x00:80/a",
	} {
		got := Expand(in, func(name string) (string, bool) { v, ok := values[name]; return v, ok })
		if got != want {
			t.Errorf("Expand(%q) = %q, want %q", in, got, want)
		}
	}
}

// FuzzExpand holds what must be true of any text: nothing known means nothing
// changed but for $$, and references are replaced exactly where they were kept.
func FuzzExpand(f *testing.F) {
	for _, s := range []string{"", "$(A)", "$$(A)", "$(A", "$$$", "x$(y)z$", "$(\x00)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var asked []string
		kept := Expand(s, func(name string) (string, bool) { asked = append(asked, name); return "", false })
		if !strings.Contains(s, "$$") && kept != s {
			t.Errorf("nothing is known, but %q became %q", s, kept)
		}
		size := len(kept)
		for _, name := range asked {
			size -= len("$()") + len(name)
			if strings.Contains(name, ")") {
				t.Errorf("asked for %q", name)
			}
		}
		gone := Expand(s, func(string) (string, bool) { return "", true })
		if len(gone) != size {
			t.Errorf("Expand(%q): %d bytes beside the references, want %d", s, len(gone), size)
		}
	})
}
