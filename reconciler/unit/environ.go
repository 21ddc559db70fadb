package unit

import (
	"errors"
	"io/fs"
	"strings"

	"berth/quadlet"
)

// environmentFile takes the variables of a file, EnvironmentFile= in [Service]: they
// win over those of Environment=. A dash before the path says that it may be missing.
func (r *reader) environmentFile(l quadlet.Line, value string) {
	if value == "" {
		r.fileEnv = nil
		return
	}
	path, mayLack := strings.CutPrefix(value, "-")
	switch {
	case !strings.HasPrefix(path, "/"):
		r.fail(l.Pos, "EnvironmentFile=%s: give an absolute path", l.Value)
		return
	case strings.ContainsAny(path, "*?["):
		r.fail(l.Pos, "EnvironmentFile=%s: without systemd it is one file a line", l.Value)
		return
	}
	var data []byte
	err := fs.ErrNotExist
	if r.options.ReadFile != nil {
		data, err = r.options.ReadFile(path, r.options.Stale[r.Unit.Path])
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && mayLack:
	case err != nil:
		r.fail(l.Pos, "EnvironmentFile: %v", err)
	default:
		r.fileEnv = append(r.fileEnv, parseEnvironment(string(data))...)
	}
}

// settleEnvironment is the environment of the service, when all its lines are read.
func (r *reader) settleEnvironment() {
	var env []string
	for _, pair := range append(r.Hooks.Env, r.fileEnv...) {
		name, _, _ := strings.Cut(pair, "=")
		unset := false
		for _, u := range r.unset {
			unset = unset || u == name || u == pair
		}
		if !unset {
			env = append(env, pair)
		}
	}
	r.Hooks.Env = env
}

// parseEnvironment reads a file of variables as systemd does, systemd.exec(5): one a
// line, comments begin with # or ;, a backslash continues a line or takes its meaning
// from the character after it, as quotes do from all between them. What is no
// variable is left out.
func parseEnvironment(text string) []string {
	var out []string
	for len(text) > 0 {
		text = strings.TrimLeft(text, " \t\r\n")
		if text == "" {
			break
		}
		if text[0] == '#' || text[0] == ';' {
			_, text, _ = strings.Cut(text, "\n")
			continue
		}
		line, rest, _ := strings.Cut(text, "\n")
		name, _, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if !ok || strings.ContainsAny(name, " \t") {
			text = rest
			continue
		}
		var value string
		value, text = environmentValue(text[strings.IndexByte(text, '=')+1:])
		if name != "" {
			out = append(out, name+"="+value)
		}
	}
	return out
}

// environmentValue reads a value up to the end of its line, and gives what follows.
func environmentValue(text string) (value, rest string) {
	var b strings.Builder
	quote, kept := byte(0), 0 // kept: up to where blanks at the end belong to the value
	i := 0
	for ; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && quote != '\'' && i+1 < len(text):
			i++
			switch next := text[i]; {
			case next == '\n':
				continue
			case quote == '"' && !strings.ContainsRune("\"\\`$", rune(next)):
				b.WriteByte('\\')
			}
			b.WriteByte(text[i])
			kept = b.Len()
		case quote != 0 && c == quote:
			quote, kept = 0, b.Len()
		case quote == 0 && c == '\n':
			return b.String()[:max(kept, len(strings.TrimRight(b.String(), " \t\r")))], text[i+1:]
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && b.Len() == 0 && (c == ' ' || c == '\t'):
		default:
			b.WriteByte(c)
		}
	}
	return b.String()[:max(kept, len(strings.TrimRight(b.String(), " \t\r")))], ""
}
