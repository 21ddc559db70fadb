package option

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// streams are those that a terminal gets, where not all.
type streams struct{ names []string }

func (s *streams) register(f *pflag.FlagSet) {
	f.StringSliceVarP(&s.names, "attach", "a", nil, "attach these `streams` only: stdin, stdout, stderr")
}

func (s *streams) apply(m *maker) {
	known := []string{"stdin", "stdout", "stderr"}
	if m.given("attach") && len(s.names) == 0 {
		m.failf("attach", "", "the stream is missing%s", oneOf("", known))
	}
	for _, given := range s.names {
		name := strings.ToLower(given)
		if !slices.Contains(known, name) {
			m.failf("attach", given, "unknown stream%s", oneOf(given, known))
		}
		m.hand.Attach = append(m.hand.Attach, name)
	}
}

// attach says what becomes of the terminal that runs a container.
type attach struct {
	detach   bool
	sigProxy bool
	keys     string
}

func (a *attach) register(f *pflag.FlagSet) {
	f.BoolVarP(&a.detach, "detach", "d", false, "leave the container running and print its ID")
	f.BoolVar(&a.sigProxy, "sig-proxy", true, "pass signals on to the container")
	f.StringVar(&a.keys, "detach-keys", defaultKeys, "`keys` that detach from the container; empty: none do")
}

// defaultKeys are podman's.
const defaultKeys = "ctrl-p,ctrl-q"

func (a *attach) apply(m *maker) {
	out := &m.made.Attach
	out.Detach, out.ProxySignals, out.Keys = a.detach, a.sigProxy, a.keys
	if !a.detach {
		stdin, _ := m.flags.GetBool("interactive")
		names, _ := m.flags.GetStringSlice("attach")
		out.Choose(names, stdin)
	}
	if a.detach && m.given("attach") {
		m.note(errors.New("--attach and --detach exclude each other: drop one of them"))
	}
	if a.detach && m.given("detach-keys") {
		m.note(errors.New("--detach-keys says nothing with --detach: drop one of them"))
	}
}

// Choose takes the streams named: where none is, the output, and the input of what is
// interactive.
func (a *Attach) Choose(names []string, interactive bool) {
	a.Stdin, a.Stdout, a.Stderr = interactive && len(names) == 0, len(names) == 0, len(names) == 0
	for _, name := range names {
		switch strings.ToLower(name) {
		case "stdin":
			a.Stdin = true
		case "stdout":
			a.Stdout = true
		case "stderr":
			a.Stderr = true
		}
	}
}
