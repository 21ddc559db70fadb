package unit

import (
	"fmt"
	"io/fs"
	"slices"
	"testing"
)

func TestEnvironmentFiles(t *testing.T) {
	text := "# no\n; no=1\n\nA=1\n  B = two words  \nC=\"quoted \\\" $X \\n\"\nD='single \\ '\nE=one\\\ntwo\n=nobody\nno variable\nF=\nG=a\"b c\"'d' \nH=x\\y\nI=\"over\nlines\"\nJ=last"
	want := []string{"A=1", "B=two words", `C=quoted " $X \n`, `D=single \ `, "E=onetwo", "F=", "G=ab cd", "H=xy", "I=over\nlines", "J=last"}
	if got := parseEnvironment(text); !slices.Equal(got, want) {
		t.Errorf("%q, want\n%q", got, want)
	}
}

func TestEnvironmentOfAService(t *testing.T) {
	files := map[string]string{"/etc/web.env": "A=file\nB=file\n", "/etc/more.env": "B=more\nC=more\n"}
	g, problems := graphOf(t, Options{ReadFile: func(path string, _ bool) ([]byte, error) {
		if text, ok := files[path]; ok {
			return []byte(text), nil
		}
		return nil, fmt.Errorf("read %s: %w", path, fs.ErrNotExist)
	}}, containerFile("Exec=${A} ${B} ${C}\n[Service]\nEnvironmentFile=/etc/%p.env\nEnvironmentFile=-/etc/more.env\nEnvironmentFile=-/etc/nothing\nEnvironment=A=line D=line E=line\nUnsetEnvironment=D E=other"))
	if problems != "" {
		t.Fatal(problems)
	}
	s := g.Services["web.service"]
	if want := []string{"A=line", "E=line", "A=file", "B=file", "B=more", "C=more"}; !slices.Equal(slices.DeleteFunc(slices.Clone(s.Hooks.Env), func(v string) bool { return v == "PODMAN_SYSTEMD_UNIT=web.service" }), want) {
		t.Errorf("environment %q", s.Hooks.Env)
	}
	if args := s.Start[len(s.Start)-3:]; !slices.Equal(args, []string{"file", "more", "more"}) {
		t.Errorf("arguments %q", s.Start)
	}
}
