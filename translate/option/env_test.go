package option

import (
	"slices"
	"strings"
	"testing"

	"berth/engine/spec"
)

func envGood() []good {
	env := func(list ...string) edit {
		return func(_ *Made, c *spec.Container, _ *spec.ByHand) {
			for _, s := range list {
				name, value, _ := strings.Cut(s, "=")
				c.Env = append(c.Env, spec.EnvVar{Name: name, Value: value})
			}
		}
	}
	return []good{
		{"--env A=1 -e B= -e A=2=3 -e GONE img", env("A=2=3", "B=")},
		{"--env E* -e F*=x img", env("E1=one", "E2=two", "F*=x")},
		{"--env-file vars -e A=over img", env("A=over", "B=two words ", "HOSTED=here", "E1=one", "E2=two", `Q="quoted"`)},
		{"--env-file -gone --env-file -vars -e A=over img", env("A=over", "B=two words ", "HOSTED=here", "E1=one", "E2=two", `Q="quoted"`)},
		{"--http-proxy img", env("http_proxy=http://proxy:3128")},
		{"--http-proxy --env http_proxy=mine img", env("http_proxy=mine")},
		{"--env-host --env PATH=/sbin img", env("E1=one", "E2=two", "HOSTED=here", "PATH=/sbin", "http_proxy=http://proxy:3128")},
		{"--env-merge PATH=${PATH}:/opt img", func(_ *Made, _ *spec.Container, h *spec.ByHand) {
			h.MergeEnv = []spec.EnvVar{{Name: "PATH", Value: "${PATH}:/opt"}}
		}},
		{"--unsetenv A --unsetenv B img", func(_ *Made, _ *spec.Container, h *spec.ByHand) { h.UnsetEnv = []string{"A", "B"} }},
		{"--unsetenv-all img", func(_ *Made, _ *spec.Container, h *spec.ByHand) { h.UnsetEnvAll = true }},
	}
}

func envBad() bad {
	return bad{
		"--env =1 img":          `--env "=1": the name is missing`,
		"--env-file gone img":   `--env-file "gone": no such file`,
		"--env-file -bad img":   `--env-file "-bad": line 2: the name is missing`,
		"--env-file bad img":    `--env-file "bad": line 2: the name is missing`,
		"--env-file binary img": "there is a NUL byte in it",
		"--env-file long img":   `--env-file "long": line 2: a variable has 131071 bytes at most`,
		"--env-merge A img":     `--env-merge "A": write NAME=value`,
		"--env-merge A=${B img": `--env-merge "A=${B": write ${B}, ${B:-text} or ${B:+text}`,
		"--unsetenv A=1 img":    `--unsetenv "A=1": give the name of a variable`,
	}
}

func FuzzEnvFile(f *testing.F) {
	for _, s := range []string{"A=1\n", "#c\nB\n\n=x", "\ufeffA=1\r\n", "A*", "\x00", "export A=1", "\n\ufeff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lines, err := parseEnvFile(data)
		if err != nil {
			return
		}
		for _, line := range lines {
			if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "=") || strings.Contains(line, "\n") {
				t.Errorf("%q of %q", line, data)
			}
		}
		again, err := parseEnvFile([]byte("\n" + strings.Join(lines, "\n"))) // a mark of UTF-8 begins a file, not a line
		if err != nil || !slices.Equal(again, lines) {
			t.Errorf("%q read again is %q, %v", lines, again, err)
		}
	})
}
