package option

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// attach says what of the container the terminal gets.
type attach struct {
	streams  []string
	detach   bool
	sigProxy bool
	keys     string
}

func (a *attach) register(f *pflag.FlagSet) {
	f.BoolVarP(&a.detach, "detach", "d", false, "leave the container running and print its ID")
	f.StringSliceVarP(&a.streams, "attach", "a", nil, "attach these `streams` only: stdin, stdout, stderr")
	f.BoolVar(&a.sigProxy, "sig-proxy", true, "pass signals on to the container")
	f.StringVar(&a.keys, "detach-keys", defaultKeys, "`keys` that detach from the container; empty: none do")
}

// defaultKeys are podman's.
const defaultKeys = "ctrl-p,ctrl-q"

func (a *attach) apply(m *maker) {
	out := &m.made.Attach
	out.Detach, out.ProxySignals, out.Keys = a.detach, a.sigProxy, a.keys
	if !a.detach && len(a.streams) == 0 {
		stdin, _ := m.flags.GetBool("interactive")
		out.Stdin, out.Stdout, out.Stderr = stdin, true, true
	}
	known := []string{"stdin", "stdout", "stderr"}
	for _, s := range a.streams {
		name := strings.ToLower(s)
		if !slices.Contains(known, name) {
			m.failf("attach", s, "unknown stream%s", oneOf(s, known))
		}
		out.Stdin = out.Stdin || name == "stdin"
		out.Stdout = out.Stdout || name == "stdout"
		out.Stderr = out.Stderr || name == "stderr"
	}
	if a.detach && len(a.streams) > 0 {
		m.note(errors.New("--attach and --detach exclude each other: drop one of them"))
	}
	if a.detach && m.given("detach-keys") {
		m.note(errors.New("--detach-keys says nothing with --detach: drop one of them"))
	}
}
