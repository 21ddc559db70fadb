package quadlet

import (
	"strings"
	"testing"
)

func TestSpecifiers(t *testing.T) {
	for _, c := range []struct{ service, text, want string }{
		{"web.service", "%n %N %p %P %i.%I %j", "web.service web web web . web"},
		{"a-b@c-d.service", "%n %N %p %P %i %I %j %J %f", "a-b@c-d.service a-b@c-d a-b a/b c-d c/d b b /c/d"},
		{`dev-x\x2dy@.service`, "%P %J %f|", `dev/x-y x-y /dev/x-y|`},
		{"web.service", "100%% %t %z %", "100% /run %z %"},
		{"web.service", "plain", "plain"},
		{`x\xzz.service`, "%P", `x\xzz`},
	} {
		s := UnitSpecifiers(c.service)
		s['t'] = "/run"
		if got := s.Expand(c.text); got != c.want {
			t.Errorf("%s: %q is %q, want %q", c.service, c.text, got, c.want)
		}
	}
}

func TestExpandVariables(t *testing.T) {
	env := map[string]string{"ONE": "one", "TWO": " two  words ", "_3": "3"}
	for line, want := range map[string]string{
		"$ONE|$ONE":            "$ONE|one",
		"x|$TWO|${TWO}|":       "x|two|words| two  words |",
		"x|a${ONE}b${_3}":      "x|aoneb3",
		"x|$NONE|y":            "x|y",
		"x|${NONE}":            "x|",
		"x|a$ONE|$$ONE|$$":     "x|a$ONE|$ONE|$",
		"x|${|${}|${A B}|$|$1": "x|${|${}|${A B}|$|$1",
	} {
		got := strings.Join(ExpandVariables(strings.Split(line, "|"), func(k string) string { return env[k] }), "|")
		if got != want {
			t.Errorf("%s is %s, want %s", line, got, want)
		}
	}
}
